from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import draw_charts, open_settings

START = "[data-do='main']"
STOP = "[data-do='stop']"

TOPS = """[...document.querySelectorAll('.sl-lane, .sl-judged, .sl-charts > *, .sl-source, .sl-transport')]
    .map(part => Math.round(part.getBoundingClientRect().top))"""

RUNS = "[...document.querySelectorAll('.sl-charts .sl-plot')].map(plot => plot.layout.uirevision)"

COUNT_UPDATES = """() => {
    window.updates = 0;
    document.querySelector('.sl-plot').on('plotly_afterplot', () => (window.updates += 1));
}"""

ZOOMS = "[...document.querySelectorAll('.sl-charts .sl-plot')].map(plot => Array.from(plot.layout.xaxis.range))"

CURVES = """name => document.querySelector(`[data-chart="${name}"] .sl-plot`).data
    .filter(trace => trace.yaxis !== 'y2').map(trace => ({x: Array.from(trace.x), y: Array.from(trace.y)}))"""


def curves(page: Page, name: str) -> list[dict]:
    """What is drawn: dense, StreamingLLM."""
    return page.evaluate(CURVES, name)


def start(page: Page) -> None:
    """Start a run and wait until it stands in every chart."""
    recorded = page.evaluate(RUNS)[0]
    page.click(START)
    expect(page.locator(".sl-badge")).to_have_text("Live")
    page.wait_for_function(f"({RUNS}).every(run => run !== '{recorded}')")


def tokens(page: Page) -> list[int]:
    return [int(text.replace(",", "")) for text in page.locator("[data-stat='tokens'] dd").all_inner_texts()]


def wait_for_tokens(page: Page, count: int) -> None:
    """Until the first lane has read so many."""
    page.wait_for_function(
        f"Number(document.querySelector('[data-stat=tokens] dd').textContent.replace(',', '')) >= {count}"
    )


def choose_pace(page: Page, words: str) -> None:
    open_settings(page)
    page.get_by_label("Pace").click()
    page.get_by_role("option", name=words).click()


def test_a_recorded_run_is_there_before_anyone_clicks_and_says_so(page):
    expect(page.locator(".sl-badge")).to_have_text("Recorded run")
    expect(page.locator(".sl-lane")).to_have_count(2)
    dense, sinks = curves(page, "perplexity")
    assert len(dense["x"]) > 20 and len(sinks["x"]) > 20
    assert all(verdict for verdict in page.locator(".sl-verdict").all_inner_texts())
    assert page.locator(".sl-text span").count() > 100


def test_both_curves_of_every_chart_grow_once_started_until_stopped(page):
    start(page)
    names = ("perplexity", "memory", "time")
    page.wait_for_function(f"{[*names]}.every(name => ({CURVES})(name).every(curve => curve.x.length > 2))")
    ends = {name: [curve["x"][-1] for curve in curves(page, name)] for name in names}
    grown = f"ends => {[*names]}.every(name => ({CURVES})(name).every((curve, i) => curve.x.at(-1) > ends[name][i]))"
    page.wait_for_function(grown, arg=ends)
    page.click(STOP)
    expect(page.locator(".sl-badge")).to_have_text("Finished")
    expect(page.locator(".sl-status")).to_have_text(["Stopped by you", "Stopped by you"])
    ended = tokens(page)
    page.wait_for_timeout(800)
    assert tokens(page) == ended


def test_pause_holds_and_resume_goes_on(page):
    start(page)
    wait_for_tokens(page, 1)
    page.click(START)
    expect(page.locator(".sl-status")).to_have_text(["Paused", "Paused"])
    held = tokens(page)
    page.wait_for_timeout(800)
    assert tokens(page) == held
    page.click(START)
    expect(page.locator(".sl-badge")).to_have_text("Live")
    wait_for_tokens(page, held[0] + 1)
    page.click(STOP)


def test_restart_begins_a_new_run_from_its_first_token(page):
    start(page)
    wait_for_tokens(page, 150)
    before = tokens(page)
    page.click("[data-do='restart']")
    page.wait_for_function(
        f"Number(document.querySelector('[data-stat=tokens] dd').textContent.replace(',', '')) < {before[0] // 2}"
    )
    expect(page.locator(".sl-badge")).to_have_text("Live")
    page.click(STOP)
    expect(page.locator(".sl-badge")).to_have_text("Finished")


def test_the_dense_lane_ends_at_its_budget_with_a_perplexity_far_above(page):
    choose_pace(page, "As fast as it can")
    start(page)
    expect(page.locator(".sl-lane[data-kind='dense'] .sl-status")).to_have_text("Out of memory")
    verdict = page.locator(".sl-lane[data-kind='dense'] .sl-verdict").inner_text()
    assert re.search(r"Broke down after token 256, .+\. Out of memory at token [\d,]+\.", verdict)
    dense, sinks = (curve["y"][-1] for curve in curves(page, "perplexity"))
    assert dense > 20 * sinks
    dense, sinks = (curve["y"][-1] for curve in curves(page, "memory"))
    assert dense > 10 * sinks
    page.click(STOP)


def test_a_zoom_survives_twenty_updates_and_more(page):
    start(page)
    wait_for_tokens(page, 100)
    plot = page.locator("[data-chart='perplexity'] .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 90, steps=5)
    page.mouse.up()
    page.wait_for_function(f"({ZOOMS}).every(([start]) => start > 0)")
    (chosen, *others), read = page.evaluate(ZOOMS), tokens(page)
    assert chosen[0] < chosen[1] and others == [chosen, chosen], "all charts show the same stretch"
    page.evaluate(COUNT_UPDATES)
    page.wait_for_function("window.updates >= 20")
    assert tokens(page)[1] > read[1]
    assert page.evaluate(ZOOMS) == [chosen] * 3
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function(f"({ZOOMS}).every(([start, end]) => start === 0 && end > {read[1]})")
    page.click(STOP)


def test_keys_work_on_the_page_and_are_left_alone_in_a_field(page):
    open_settings(page)
    page.locator("body").press("Space")
    expect(page.locator(".sl-badge")).to_have_text("Live")
    page.get_by_label("Story no.").press("s")
    page.wait_for_timeout(300)
    expect(page.locator(".sl-badge")).to_have_text("Live")
    page.get_by_label("Story no.").blur()
    page.locator("body").press("s")
    expect(page.locator(".sl-badge")).to_have_text("Finished")


def test_a_bad_seed_gets_our_words_and_the_page_can_start_again(page):
    open_settings(page)
    page.evaluate("document.querySelector('#settings input[aria-label=\"Story no.\"]').removeAttribute('max')")
    page.get_by_label("Story no.").fill("123456")
    page.click(START)
    expect(page.get_by_text("seed must be from 0 to 9,999")).to_be_visible(timeout=20_000)
    expect(page.locator(START)).to_have_text("Start")
    expect(page.locator(START)).to_be_enabled()


def test_nothing_moves_when_a_run_begins(page):
    before = page.evaluate(TOPS)
    start(page)
    page.wait_for_timeout(1500)
    assert page.evaluate(TOPS) == before
    page.click(STOP)


def test_a_lane_can_be_hidden_from_every_chart(page):
    page.get_by_role("group", name="Lanes shown").get_by_role("button", name="Dense cache").click()
    page.wait_for_function(f"['perplexity', 'memory', 'time'].every(name => ({CURVES})(name).length === 1)")


def test_a_token_is_looked_up_in_the_cache_by_pointing_and_by_keys(page):
    lane = page.locator(".sl-detail[data-kind=sinks]")
    probe, told = lane.locator(".sl-probe"), lane.locator(".sl-cache-text")
    held = told.inner_text()
    probe.scroll_into_view_if_needed()
    box = probe.bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + 10)
    expect(told).to_have_text(re.compile("token [0-3]: a sink, cache position [0-3]"))
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 10)
    expect(told).to_have_text(re.compile("token [0-9,]+: evicted"))
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(0, 0)
    expect(told).to_have_text(held)
    expect(probe).not_to_be_focused()
    probe.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(told).to_have_text("token 1: a sink, cache position 1")
    expect(probe).to_have_attribute("aria-valuetext", "token 1: a sink, cache position 1")
    probe.blur()
    expect(told).to_have_text(held)


def test_a_preset_sets_the_form_and_starts_and_says_what_to_watch(page):
    open_settings(page)
    page.get_by_role("button", name="Without sinks").click()
    expect(page.locator(".sl-badge")).to_have_text("Live")
    expect(page.locator(".sl-lane h2")).to_have_text(["Dense cache", "StreamingLLM", "Window"])
    expect(page.locator(".sl-watch")).not_to_be_empty()
    expect(page.get_by_label("Window", exact=True)).to_be_checked()
    page.click(STOP)


def test_a_link_brings_the_settings_back_in_both_languages(page, address):
    page.goto(f'{address}?seed=42&sinks=2&lanes=["window"]&recent=banana')
    expect(page.get_by_label("Story no.")).to_have_value("42")
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_url(re.compile("budget_mb=32"))
    page.get_by_role("link", name="Italiano").click()
    expect(page.get_by_label("Testo n.")).to_have_value("42")
    open_settings(page)
    expect(page.get_by_label("Sink, come numero")).to_have_value("2")
    expect(page.locator("html")).to_have_attribute("lang", "it")


def test_the_italian_page_runs_too(page, address):
    page.goto(f"{address}it")
    expect(page.locator(".sl-badge")).to_have_text("Esecuzione registrata")
    page.click(START)
    expect(page.locator(".sl-badge")).to_have_text("In diretta")
    page.click(STOP)
    expect(page.locator(".sl-status")).to_have_text(["Fermata da te", "Fermata da te"])


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_the_run_can_be_taken_along(page, kind):
    with page.expect_download() as download:
        page.locator(f"[data-save='{kind}']").click()
    text = download.value.path().read_text("utf-8")
    if kind == "csv":
        about, found, rows = text.partition("lane,tokens,perplexity,kv_bytes,ms_per_token,seconds\n")
        assert found and rows.startswith("dense,")
        assert "# settings: {" in about and "# versions: {" in about and "torch" in about
    else:
        assert json.loads(text)["header"]["versions"]["torch"]


def test_a_chart_by_itself_has_its_title_its_run_its_font_and_a_ground_to_stand_on(page):
    with page.expect_download() as download:
        page.locator("[data-save='svg']").click()
    drawn = download.value.path().read_text("utf-8")
    assert drawn.startswith("<svg") and "Perplexity" in drawn and "log scale" in drawn
    assert "Model “sink”, an invented conversation" in drawn and "arXiv 2309.17453" in drawn
    assert drawn.count("src:url(data:font/woff2") == 2
    dashes = set(re.findall(r"stroke: rgb\(\d+, \d+, \d+\);[^\"]*stroke-width: 2.5px;[^\"]*", drawn))
    assert len({"dasharray" in dash for dash in dashes}) == 2, "without colours, one is dashed and one is not"
    ground = re.search(r'<rect[^>]*style="fill: rgb\((\d+), (\d+), (\d+)\); fill-opacity: 1;"', drawn)
    assert ground and min(map(int, ground.groups())) > 250


def test_a_phone_shows_it_all_without_scrolling_sideways(visit, address):
    visit.page.set_viewport_size({"width": 375, "height": 800})
    visit.page.goto(address)
    draw_charts(visit.page)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 375


def test_a_phone_gives_each_of_three_lanes_its_whole_width(visit, address):
    visit.page.set_viewport_size({"width": 375, "height": 800})
    visit.page.goto(f'{address}?lanes=["window"]')
    visit.page.wait_for_function("document.querySelector('#more [type=checkbox]:checked')")
    visit.page.click(START)
    expect(visit.page.locator(".sl-lane")).to_have_count(3)
    visit.page.click(STOP)
    assert all(box.bounding_box()["width"] > 320 for box in visit.page.locator(".sl-lane").all())


def test_a_lecture_asked_for_again_before_the_screen_has_followed_stays(page):
    body = page.locator("body")
    body.press("f")
    page.wait_for_function("document.fullscreenElement")
    for _ in range(4):
        page.keyboard.press("f")
    settled = "!document.fullscreenElement === !document.body.classList.contains('sl-present')"
    page.wait_for_timeout(1000)
    page.wait_for_function(settled)
    expect(body).to_have_class("sl-present")
    page.evaluate("document.exitFullscreen()")
    expect(body).not_to_have_class("sl-present")


def test_inside_another_page_it_runs_and_hears_its_keys(visit, address):
    outside = f"<h1>Another page</h1><iframe src='{address}' width=1200 height=900></iframe>"
    visit.page.route("**/outside", lambda route: route.fulfill(body=outside, content_type="text/html"))
    visit.page.goto(f"{address}outside")
    inside = visit.page.frame_locator("iframe")
    expect(inside.locator(".sl-lane")).to_have_count(2)
    inside.locator("h1").click()
    visit.page.keyboard.press("Space")
    expect(inside.locator(".sl-badge")).to_have_text("Live")
    visit.page.keyboard.press("f")
    expect(inside.locator("body")).to_have_class("sl-present")
    visit.page.keyboard.press("f")
    visit.page.keyboard.press("s")
    expect(inside.locator(".sl-badge")).to_have_text("Finished")


def test_who_wants_no_motion_gets_none(page):
    page.click("[data-tool='tour']")
    start(page)
    page.evaluate("document.body.classList.toggle('dark')")
    moving = (
        "document.getAnimations().filter(one => document.querySelector('#panel').contains(one.effect.target)).length"
    )
    assert page.evaluate(moving) == 0
    page.click(STOP)


def test_lanes_differ_by_more_than_their_colour(page):
    dashes = page.evaluate(
        "[...document.querySelectorAll('.sl-charts .sl-plot')].map(plot => plot.data.map(trace => trace.line.dash))"
    )
    assert all(len(set(lines)) == len(lines) for lines in dashes)
    swatch = "node => getComputedStyle(node).strokeDasharray"
    shown = [mark.evaluate(swatch) for mark in page.locator(".sl-lane .sl-swatch path").all()]
    assert len(set(shown)) == len(shown) == 2
