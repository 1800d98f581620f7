"""What the pages for people say can be typed, can be typed; what they link to is there."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from comparisons.__main__ import parser
from comparisons.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("assets/**/*.md")])
ROOMS = ("streaming", "comparisons", "distribution", "assets", "tests", "docs", "examples")
SOURCES = [*ROOT.glob("*.py"), *(path for room in ROOMS for path in (ROOT / room).glob("**/*.*"))]
TARGETS = set(re.findall(r"(?m)^([a-z0-9]+):.*## ", (ROOT / "Makefile").read_text("utf-8")))


def _commands(page: Path) -> Iterator[list[str]]:
    """Lines of a page's shell blocks, and what it has in backticks after `python -m` and `make`, in words."""
    text = page.read_text("utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    inline = re.findall(r"(?<!`)`((?:python -m|make) [^`|…]+)`", text)
    for line in [*blocks.splitlines(), *(" ".join(each.split()) for each in inline)]:
        for one in line.split("&&"):
            words = shlex.split(one, comments=True)
            if words:
                yield words


def _wrong(words: list[str]) -> str | None:
    match words:
        case ["python", "-m", "comparisons", command, *argv]:
            try:
                parser(command).parse_args([command, *argv])
            except SystemExit as ended:
                return f"{ended.code}" if ended.code else None
        case ["python", "-m", module, *_]:
            return None if importlib.util.find_spec(module) else "no such module"
        case ["make", target, *_] if "=" not in target:
            return None if target in TARGETS else "no such target"
        case ["python", file, *_]:
            return None if (ROOT / file).is_file() else "no such file"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_page_is_one(page: Path, capsys) -> None:
    wrong = {shlex.join(words): why for words in _commands(page) if (why := _wrong(words))}
    assert not wrong, capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text("utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_source_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`([\w/.-]+\.(?:py|js|css|sh))`", page.read_text("utf-8"))
    assert not [name for name in named if not any(path.match(name) for path in SOURCES)]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200
