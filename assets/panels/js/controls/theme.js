// Light or dark: as the visitor's system has it, until they choose; a choice outlives reload and language.

const KEPT = "streamingllm-theme";

// A browser may refuse to keep anything, as it does inside another page.
function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(theme) {
  try {
    localStorage.setItem(KEPT, theme);
  } catch {
    // Then it lasts as long as the page.
  }
}

export function restoreTheme() {
  const theme = kept();
  if (theme) document.body.classList.toggle("dark", theme === "dark");
}

export function toggleTheme(state) {
  keep(document.body.classList.toggle("dark") ? "dark" : "light");
  state.draw();
}

// Without Gradio, nobody else follows the system.
export function followSystem() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.body.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", follow);
  follow();
}
