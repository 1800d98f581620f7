"""A text of the visitor's own: taken, counted, refused in words that are seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_page import START

FIELD, FAULT, BADGE = ".sl-own-field", ".sl-own-fault", ".sl-badge"


@pytest.fixture
def own(page) -> Page:
    """The page with a field for a text."""
    page.click("[data-tool='more']")
    page.get_by_label("your own text", exact=True).check()
    expect(page.locator(FIELD)).to_be_visible()
    return page


def put(page: Page, text: str) -> None:
    """Fill the field without sending every character through the browser's keyboard."""
    page.evaluate(
        """([selector, text]) => { const field = document.querySelector(selector);
            field.value = text; field.dispatchEvent(new Event('input')); }""",
        [FIELD, text],
    )


def write(folder: Path, content: bytes) -> Path:
    (folder / "text.txt").write_bytes(content)
    return folder / "text.txt"


def test_no_text_or_too_much_is_refused_beside_it_even_where_the_settings_are_folded(own):
    own.click("[data-tool='more']")
    for text, said in [("", "There is no text to read"), (" \n\t", "no text to read"), ("x" * 2_000_001, "too long")]:
        put(own, text)
        own.click(START)
        expect(own.locator(FAULT)).to_contain_text(said)
        expect(own.locator(FAULT)).to_be_in_viewport()
        expect(own.locator(BADGE)).to_have_text("Recorded run")
        expect(own.locator(START)).to_be_enabled()
    put(own, "Once there was a lantern.")
    expect(own.locator(FAULT)).to_be_hidden()
    own.click(START)
    expect(own.locator(".sl-source-text")).to_contain_text("your text, 25 characters")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00\xd8", "cannot be read as text"),
        (b"caf\xe9", "cannot be read as text"),
        (b"x" * 2_000_001, "2 MB"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_words_and_the_text_before_it_stays(own, tmp_path, content, said):
    put(own, "Before.")
    own.locator(".sl-own input[type=file]").set_input_files(write(tmp_path, content))
    expect(own.locator(FAULT)).to_contain_text(said)
    expect(own.locator(FIELD)).to_have_value("Before.")
    own.locator(".sl-own input[type=file]").set_input_files(write(tmp_path, "più".encode("utf-16")))
    expect(own.locator(FAULT)).to_be_hidden()
    expect(own.locator(FIELD)).to_have_value("più")


def test_a_key_in_two_million_characters_costs_next_to_nothing_and_pairs_count_once(own):
    put(own, "x" * 1_999_990 + "\U0001f600" * 5)
    expect(own.locator(".sl-own-count")).to_have_text("1,999,995 of 2,000,000 characters")
    spent = own.evaluate(
        """selector => { const field = document.querySelector(selector); const began = performance.now();
            for (let i = 0; i < 100; i += 1) field.dispatchEvent(new Event('input'));
            return (performance.now() - began) / 100; }""",
        FIELD,
    )
    assert spent < 0.2, "milliseconds per key"
