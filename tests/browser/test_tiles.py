"""The cache as tokens: which tiles there are, what they say, and what the attention paints on them."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from streaming.window import SinkWindow

READ = """() => [...document.querySelectorAll(".sl-detail")].map(card => [
    card.dataset.kind,
    Number(
        document.querySelector(`.sl-lane[data-kind=${card.dataset.kind}] [data-stat=tokens] dd`)
            .textContent.replace(",", "")),
    [...card.querySelectorAll("[data-index]")].map(tile => Number(tile.dataset.index)),
])"""
"""Of each lane, at one moment: kind, tokens read, and the stream's indices of its tiles."""


def open_tiles(page: Page) -> None:
    for summary in page.locator(".sl-tiles summary").all():
        summary.click()
    page.wait_for_function("document.querySelectorAll('.sl-tile-box:has([data-index])').length === 2")


def test_at_every_moment_of_a_run_the_tiles_are_what_the_cache_holds(page):
    page.click("[data-do='main']")
    expect(page.locator(".sl-badge")).to_have_text("Live")
    open_tiles(page)
    window, seen = SinkWindow(sinks=4, recent=124), []
    while len(seen) < 12 or max(seen) < 260:
        moment = {kind: (tokens, tiles) for kind, tokens, tiles in page.evaluate(READ)}
        tokens, tiles = moment["sinks"]
        assert tiles == window.held(tokens)
        seen.append(tokens)
        tokens, tiles = moment["dense"]
        assert tiles == ([*range(tokens)] if tokens <= 160 else [*range(4), *range(tokens - 156, tokens)])
        page.wait_for_timeout(150)
    assert len(set(seen)) > 5
    pinned = page.locator(".sl-detail[data-kind='sinks'] [data-pinned]")
    expect(pinned).to_have_count(4)
    expect(pinned.first).to_have_text("<|sink|>")
    paint = "tile => Number(getComputedStyle(tile).getPropertyValue('--paint'))"
    page.wait_for_function(f"({paint})(document.querySelector('.sl-detail[data-kind=sinks] [data-pinned]')) > 0")
    layers = page.locator(".sl-detail[data-kind='sinks'] .sl-tiles select")
    mean = pinned.first.get_attribute("title")
    for layer in range(layers.locator("option").count() - 1):
        layers.select_option(str(layer))
        if pinned.first.get_attribute("title") != mean:
            break
    else:
        pytest.fail("every layer looks as the mean of all")
    page.click("[data-do='stop']")


LANE = {
    "kind": "sinks",
    "sinks": 4,
    "recent": 12,
    "tokens": 100,
    "cache_tokens": 16,
    "textFrom": 60,
    "opening": [["a", 1]],
}
LANE |= {"text": [[f"t{i}", 0.5] for i in range(60, 100)]}


def test_attention_is_painted_on_the_tokens_that_got_it(scripts):
    rows = [[4000, 500, 500, 500, *([300] * 12), 900], [2000, 500, 500, 500, *([100] * 12), 5300]]
    lane = LANE | {"attention": {"at": 99, "first": 4, "layers": rows}}
    one = dict(scripts.evaluate("lane => [...paintOf(lane, 1)]", lane))
    mean = dict(scripts.evaluate("lane => [...paintOf(lane, null)]", lane))
    assert sorted(one) == [0, 1, 2, 3, *range(87, 100)]
    assert (one[0], one[99], mean[0], mean[99]) == (0.2, 0.53, 0.3, 0.31)
    assert scripts.evaluate("lane => paintOf(lane, null)", LANE) is None


def test_sinks_that_were_set_aside_are_no_tiles(scripts):
    tiles = "lane => tilesOf(lane)"
    assert scripts.evaluate(tiles, LANE) == {"indices": [0, 1, 2, 3, *range(88, 100)], "sinks": 4, "hidden": 0}
    aside = scripts.evaluate(tiles, LANE | {"sinks_aside": True, "cache_tokens": 12})
    assert aside["sinks"] == 0 and set(range(88, 100)) <= set(aside["indices"])


UPDATE = """lane => {
    const root = document.createElement("template");
    root.innerHTML =
        "<details open><p class=sl-tile-note></p><select></select><div class=sl-tile-box></div></details>";
    const pane = tilesPane(root.content.firstChild, "");
    document.body.append(root.content);
    drawTiles(pane, lane);
    const took = [];
    for (let round = 0; round < 40; round += 1) {
        lane = {...lane, tokens: lane.tokens + 20, textFrom: lane.textFrom + 20, text: lane.text};
        const began = performance.now();
        drawTiles(pane, lane);
        took.push(performance.now() - began);
    }
    return took.sort((a, b) => a - b)[20];
}"""


def test_an_update_of_a_full_cache_takes_a_few_milliseconds(scripts):
    big = LANE | {"recent": 156, "cache_tokens": 160, "tokens": 1000, "textFrom": 0}
    big |= {"text": [["word", 0.5]] * 3000, "attention": {"at": 999, "first": 4, "layers": [[60] * 160] * 8}}
    assert scripts.evaluate(UPDATE, json.loads(json.dumps(big))) < 40, "ten times what it takes on a free machine"
