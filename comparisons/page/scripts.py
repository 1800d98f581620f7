"""The panel's files under `assets/panels/`, put together: for the app's page, and for a page that stands alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from comparisons import paths
from comparisons.page import modules, qr
from comparisons.page.costs import COSTS
from comparisons.page.forms import Form, presets
from comparisons.page.words import Words, languages
from comparisons.text.choices import MOST_CHARACTERS, MOST_FILE_BYTES
from streaming import models

__all__ = ["HOSTS", "asset", "escaped", "harmless", "page_script", "script", "style"]

HOSTS = ("module", "alone")
"""What the panel can be: a module that the app's page imports, or a page that stands alone."""

_ESCAPED = {ord(one): f"\\u{ord(one):04x}" for one in "<\x85\u2028\u2029"}


def asset(name: str) -> str:
    """The text of one of the panel's files."""
    return (paths.PANELS / name).read_text("utf-8")


def style() -> str:
    """The panel's style sheet."""
    return asset("panel.css") + asset("chat.css")


def escaped(data: Any) -> str:
    """Data as JSON without "<", see `harmless`.

    Raises:
        ValueError: for a number that is not finite.
    """
    return harmless(json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def harmless(text: str) -> str:
    """The same JSON with "<" escaped, so that nobody can take anything in it for markup, and what some end lines at."""
    return text.translate(_ESCAPED)


def script(words: Words, host: str, known: Mapping[str, object]) -> str:
    """What the scripts need to know of their page, then the scripts, in one scope and without globals.

    Args:
        words: the language.
        host: one of `HOSTS`.
        known: what else the page knows, by name.
    """
    page = {
        "markup": asset("panel.html"),
        "words": {"language": words.language, **words.all},
        "languages": [_told(other) for other in languages().values() if other.language != words.language],
        "presets": {name: form.mode for name, form in presets(Form()).items()},
        "costs": [cost.as_json() for cost in COSTS],
        **known,
    }
    entry = f"hosts/{host}.js"
    exports = [f'export const {name} = modules["{entry}"].{name};' for name in modules.read(entry).exports]
    return "\n".join([f"const PAGE = {escaped(page)};", modules.bundle(entry), *exports])


def page_script(words: Words, plotly_url: str, offers: Mapping[str, object] | None = None) -> str:
    """The scripts of the app's page, a module.

    Args:
        words: the language.
        plotly_url: where the browser finds plotly.js.
        offers: what it finds besides: `recordings`, a list of `Kept.about`; `painted`, the name of the one that
            stands on the page from the start; `shell`, the `url` of an export's shell and the `place` marked in it.
    """
    known = {
        "plotly": plotly_url,
        "qr": qr.PATH.format(language=words.language) if qr.qr_route() else None,
        "fields": list(Form().values()),
        "most": {"characters": MOST_CHARACTERS, "bytes": MOST_FILE_BYTES},
        "bundled": list(models.available()),
        "recordings": [],
        "painted": None,
        "shell": None,
    }
    return script(words, "module", {**known, **(offers or {})})


def _told(words: Words) -> dict[str, str]:
    """What a page says of another language: its link."""
    return {"language": words.language, "name": words["language_name"], "path": words.path}
