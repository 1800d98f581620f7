"""The page says nothing that is not so: links, errors, themes, keys, texts of other directions."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_page import START, STOP
from tests.browser.test_scripts import frame, lane

MARKUP = "<b>bold</b><a href='https://example.org'>a link</a><img src=x onerror=alert(1)>"

PRESS = """key => document.body.dispatchEvent(Object.assign(new KeyboardEvent('keydown', {bubbles: true, ...key})))"""


def test_a_link_is_said_to_be_copied_only_when_it_was(page, address):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.locator("[data-tool='link']")
    button.click()
    expect(button).to_have_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    expect(button).to_have_text("Copy link")
    for refused in ("undefined", "{ writeText: async () => { throw new Error('refused'); } }"):
        page.evaluate(f"Object.defineProperty(navigator, 'clipboard', {{ value: {refused}, configurable: true }})")
        button.click()
        shown = page.locator(".sl-address input")
        expect(shown).to_have_value(re.compile(rf"^{address}\?sinks=4"))
        assert page.evaluate("getSelection().toString() || document.activeElement.value") == page.url
        expect(button).to_have_text("Copy link")
        page.keyboard.press("Escape")
        expect(shown).to_be_hidden()


def test_what_a_visitor_or_a_hub_repository_writes_is_text_in_an_error(page):
    page.click("[data-tool='more']")
    page.locator("#model input").fill(MARKUP)
    page.locator("#model input").press("Enter")
    page.locator("body").click(position={"x": 5, "y": 5})
    page.click(START)
    toast = page.locator(".toast-body, [data-testid='toast-body']").first
    expect(toast).to_contain_text("<b>bold</b>")
    assert toast.locator("b, img, a[href*='example.org']").count() == 0


def test_light_or_dark_is_kept_over_a_reload_and_the_other_language(page, address):
    dark = page.locator("body.dark")
    expect(dark).to_have_count(0)
    page.click("[data-tool='theme']")
    expect(dark).to_have_count(1)
    page.reload()
    expect(page.locator(".sl-badge")).to_have_text("Recorded run")
    expect(dark).to_have_count(1)
    page.get_by_role("link", name="Italiano").click()
    expect(page.locator(".sl-badge")).to_have_text("Esecuzione registrata")
    expect(dark).to_have_count(1)
    page.click("[data-tool='theme']")
    page.goto(address)
    expect(page.locator(".sl-badge")).to_have_text("Recorded run")
    expect(dark).to_have_count(0)


@pytest.mark.parametrize(
    "key",
    [
        {"key": "f", "code": "KeyF"},
        {"key": "F", "code": "KeyF", "shiftKey": True},
        {"key": "а", "code": "KeyF"},
        {"key": "φ", "code": "KeyF"},
        {"key": "ب", "code": "KeyF"},
        {"key": "f", "code": "KeyU"},
    ],
    ids=["latin", "capital", "cyrillic", "greek", "arabic", "dvorak"],
)
def test_a_letter_is_a_key_on_every_layout(page, key):
    page.evaluate(PRESS, key)
    expect(page.locator("body")).to_have_class(re.compile("sl-present"))


def test_a_key_without_a_key_is_no_error(page):
    page.evaluate("document.body.dispatchEvent(Object.assign(new Event('keydown', {bubbles: true})))")
    page.evaluate("document.dispatchEvent(new Event('keydown', {bubbles: true}))")
    page.evaluate(PRESS, {"key": "", "code": ""})
    page.evaluate(PRESS, {"key": "Unidentified", "code": ""})


RIGHT_TO_LEFT = "كان يا ما كان\nOnce there was\nשלום"


def test_a_text_stands_on_the_side_where_it_begins(page):
    page.locator(".sl-text").first.evaluate("(pane, text) => { pane.textContent = text; }", RIGHT_TO_LEFT)
    starts = page.locator(".sl-text").first.evaluate(
        """pane => { const box = pane.getBoundingClientRect(); const node = pane.firstChild;
            return [0, 14, 30].map(at => { const range = document.createRange(); range.setStart(node, at);
                range.setEnd(node, at + 1); const letter = range.getBoundingClientRect();
                return letter.left - box.left < box.right - letter.right ? 'left' : 'right'; }); }"""
    )
    assert starts == ["right", "left", "right"]
    for part in (".sl-own-field", ".sl-reply span[dir]", ".sl-ask input"):
        assert page.locator(part).first.evaluate("node => node.dir") == "auto", part


SAID = (
    """told => { const history = mergeFrame(newHistory(told), told); return sourceText({latest: history, history}); }"""
)


@pytest.mark.parametrize(
    ("characters", "said"), [(1, "1 character;"), (2, "2 characters;"), (1999, "1,999 characters;")]
)
def test_a_number_agrees_with_its_noun(scripts, characters, said):
    told = frame()
    told["header"] |= {"source": "text", "source_characters": characters}
    assert said in scripts.evaluate(SAID, told)


@pytest.mark.parametrize(
    ("perplexities", "tokens", "warned"),
    [
        ((664, 1992), 256, True),
        ((4000, 5000), 256, True),
        ((400, 330), 256, False),
        ((4061, 1.7), 4000, False),
        ((900, 900), 20, False),
    ],
)
def test_a_text_that_the_model_does_not_know_is_said_to_prove_nothing(scripts, perplexities, tokens, warned):
    lanes = [
        lane(label=str(n), perplexity=value, tokens=tokens, curve={"from": 0, "points": [[tokens, value, 0, 1, 0]]})
        for n, value in enumerate(perplexities)
    ]
    told = frame(lanes=lanes)
    told["header"]["settings"] = {"vocabulary": 4096}
    assert ("means nothing here" in scripts.evaluate(SAID, told)) == warned


def box_of(page: Page, selector: str) -> dict:
    """What is drawn of the first such element where backgrounds are dropped."""
    return page.evaluate(
        """selector => { const style = getComputedStyle(document.querySelector(selector));
            return { border: style.borderTopStyle, below: style.borderBottomStyle, image: style.backgroundImage,
                     colour: style.backgroundColor, adjust: style.forcedColorAdjust }; }""",
        selector,
    )


def test_forced_colours_keep_what_backgrounds_say(visit, address):
    page = visit.page
    page.emulate_media(forced_colors="active")
    page.goto(address)
    page.wait_for_selector(".sl-text span[data-level='5']")
    assert box_of(page, ".sl-strip")["border"] == "solid"
    for part in (".sl-strip [data-seg='evicted']", ".sl-strip [data-seg='recent']", ".sl-share-bars i"):
        drawn = box_of(page, part)
        assert "gradient" in drawn["image"] and drawn["adjust"] == "none", part
    assert box_of(page, "[data-play] i")["colour"] != "rgba(0, 0, 0, 0)"
    assert box_of(page, ".sl-text span[data-level='5']")["below"] == "solid"
    assert box_of(page, ".sl-text span[data-level='3']")["below"] == "dotted"
    assert box_of(page, ".sl-moment")["border"] == "solid"


def test_on_paper_the_controls_are_gone_and_the_colours_stay(page):
    page.emulate_media(media="print")
    for control in (START, STOP, ".sl-player", ".sl-presets", "#settings", ".sl-ask"):
        expect(page.locator(control)).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.querySelector('.sl-strip i')).printColorAdjust") == "exact"
    expect(page.locator(".sl-lane").first).to_be_visible()


def test_a_link_that_is_nested_too_deeply_keeps_its_other_settings(visit, address):
    visit.page.goto(f"{address}?seed=7&lanes={'[' * 1500}")
    expect(visit.page.get_by_label("Story no.")).to_have_value("7")


def test_who_brings_a_text_to_a_bundled_model_is_told_what_it_knows(page):
    page.click("[data-tool='more']")
    note = page.locator(".sl-own-bundled")
    expect(note).to_be_hidden()
    page.get_by_label("your own text", exact=True).check()
    expect(note).to_contain_text("“sink” is tiny")
    page.locator("#model input").fill("someone/a-model")
    page.locator("#model input").press("Enter")
    expect(note).to_be_hidden()
