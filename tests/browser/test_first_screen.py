"""What a visitor sees first: the whole story in one screen, moving by itself."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, expect

from comparisons.page.library import FIRST_PAINT
from comparisons.paths import RECORDINGS
from comparisons.recordings import files
from tests.browser.conftest import evaluated, wait_for_gradio
from tests.browser.test_page import START
from tests.support.chromium import PATIENCE


@pytest.fixture
def visit(first_visit):
    """Nobody has been here before."""
    return first_visit


SIZES = [(1366, 768), (1440, 900), (1920, 1080)]


@pytest.mark.parametrize("path", ["", "it"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_both_verdicts_a_judged_question_both_curves_and_start_are_seen_without_scrolling(
    visit, address, path, width, height
):
    page = visit.page
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{address}{path}")
    page.wait_for_selector(".sl-plot > svg path", state="attached")
    for part in ("h1", START, ".sl-watch", ".sl-judged", "[data-chart='perplexity']", "[data-chart='memory']"):
        expect(page.locator(part)).to_be_in_viewport(ratio=1)
    for verdict in page.locator(".sl-verdict").all():
        expect(verdict).to_be_in_viewport(ratio=1)
        assert verdict.evaluate("node => node.scrollHeight <= node.clientHeight"), "it is cut off"
    expect(page.locator("#settings")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_recorded_run_rests_on_a_pair_that_everybody_understands(visit, address):
    page = visit.page
    page.goto(address)
    expect(page.locator(".sl-reply i")).to_have_text(["✗ wrong", "✓ right"])
    expect(page.locator(".sl-reference")).to_contain_text("Right answer: ")
    asked = page.locator(".sl-count").inner_text().split("StreamingLLM ")[1]
    right, judged = map(int, asked.split("/"))
    assert judged >= 15 and right / judged > 0.7
    expect(page.locator(".sl-status")).to_have_text(["Out of memory", "End of recording"])


def test_plotly_and_the_recording_wait_until_they_are_wanted(visit, address):
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.page.goto(address)
    visit.page.wait_for_selector(".sl-plot > svg path", state="attached")
    visit.page.wait_for_timeout(1500)
    assert not any("plotly" in url for url in asked)
    visit.page.hover(".sl-charts")
    visit.page.wait_for_selector(".js-plotly-plot")
    assert sum("plotly" in url for url in asked) == 1


@pytest.mark.parametrize("size", [(1366, 768), (375, 812)])
def test_all_is_seen_before_gradio_begins(visit, address, size):
    page, held = visit.page, []
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    page.route("**/assets/index-*.js", lambda route: held.append(route))
    page.goto(f"{address}it", wait_until="commit")
    page.wait_for_selector("#sl-early .sl-plot > svg path", state="attached")
    expect(page.locator(".sl-verdict")).to_have_count(2)
    expect(page.locator(".sl-badge")).to_have_text("Esecuzione registrata")
    for route in held:
        route.continue_()
    page.wait_for_selector("#sl-early", state="detached")
    expect(page.locator("gradio-app .sl-plot > svg path").first).to_be_attached()


def test_who_presses_start_before_gradio_begins_has_a_run(visit, address):
    page, held = visit.page, []
    page.route("**/assets/index-*.js", lambda route: held.append(route))
    page.goto(address, wait_until="commit")
    page.click(START)
    expect(page.locator("[data-do='main']")).to_have_text("Starting…")
    for route in held:
        route.continue_()
    expect(page.locator(".sl-badge")).to_have_text("Live")
    page.click("[data-do='stop']")


def test_what_is_in_hand_while_gradio_begins_stays_in_hand(visit, address):
    page, held = visit.page, []
    page.route("**/assets/index-*.js", lambda route: held.append(route))
    page.goto(address, wait_until="commit")
    page.locator(".sl-costs input").fill("20")  # says that it changed when it moves
    for route in held:
        route.continue_()
    wait_for_gradio(page)
    expect(page.locator(".sl-costs input")).to_be_focused()
    expect(page.locator(".sl-costs output")).to_have_text("After 1,048,576 tokens")


def test_a_page_inside_another_may_show_the_story_alone(visit, address):
    visit.page.goto(f"{address}?embed=1")
    expect(visit.page.locator(".sl-verdict").first).to_be_visible()
    for part in (".sl-tools", "[data-tool='more']", ".sl-costs", ".sl-questions", ".sl-details"):
        expect(visit.page.locator(part)).to_be_hidden()


def test_what_a_large_model_would_need_follows_the_slider(visit, address):
    page = visit.page
    page.goto(address)
    row = page.locator(".sl-costs tbody tr").first
    expect(row).to_contain_text("Llama-2-7B4,096524.3 kB")
    held = row.locator("[data-cost='sinks']").inner_text()
    assert held == "1.07 GB", "half of its training length: 2,048 tokens"
    page.locator(".sl-costs input").fill("20")
    expect(page.locator(".sl-costs output")).to_have_text("After 1,048,576 tokens")
    expect(row.locator("[data-cost='dense']")).to_have_text("549.76 GB")
    expect(row.locator("[data-cost='sinks']")).to_have_text(held)
    expect(page.locator(".sl-costs-note")).to_contain_text("Llama-2-70B takes less per token than Llama-2-13B")


@pytest.fixture
def moving(browser: Browser, address: str):
    """A page of somebody who has nothing against motion."""
    expect.set_options(timeout=PATIENCE)
    context = browser.new_context(viewport={"width": 1366, "height": 768}, reduced_motion="no-preference")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


def tokens(page: Page) -> list[str]:
    return page.locator("[data-stat='tokens'] dd").all_inner_texts()


def test_it_moves_by_itself_with_a_caption_until_the_visitor_takes_it_in_hand(moving):
    expect(moving.locator("[data-play='on']")).to_be_visible()
    before, caption = tokens(moving), moving.locator(".sl-watch").inner_text()
    assert "Both caches read the same text" in caption
    moving.wait_for_function(
        f"document.querySelector('[data-stat=tokens] dd').textContent !== '{before[0]}'", timeout=2000
    )
    moving.get_by_role("button", name="Pause").click()
    held = tokens(moving)
    moving.wait_for_timeout(600)
    assert tokens(moving) == held
    moving.get_by_role("button", name="To the end").click()
    expect(moving.locator(".sl-status")).to_have_text(["Out of memory", "End of recording"])


def test_a_run_of_ones_own_ends_the_loop(moving):
    expect(moving.locator("[data-play='on']")).to_be_visible()
    moving.click(START)
    expect(moving.locator(".sl-badge")).to_have_text("Live")
    expect(moving.locator("[data-play='off']")).to_be_visible()
    moving.click("[data-do='stop']")


STORY = """recording => { const history = historyOf(readRecording(recording, 'run')); const story = storyOf(history);
    const moments = Array.from({length: 10 * storyLasts(story)}, (_, i) => tellAt(story, i / 10));
    return [storyLasts(story), moments, history.seconds]; }"""


def test_the_story_takes_some_twenty_seconds_lingers_at_the_collapse_and_ends_at_the_end(scripts):
    recording = files.load(RECORDINGS / f"{FIRST_PAINT}.json")
    lasts, moments, end = evaluated(scripts, STORY, json.loads(files.dumps(recording)))
    assert 18 <= lasts <= 25
    times = [moment["at"] for moment in moments]
    assert times == sorted(times) and times[0] == 0 and times[-1] == end
    captions = list(dict.fromkeys(moment["text"] for moment in moments))
    assert len(captions) == 5 and "{" not in "".join(captions)
    assert "Token 256" in captions[1] and "out of memory" in captions[3] and "same question" in captions[4]
    collapse = next(event["seconds"] for event in recording.lanes[0].events if event["kind"] == "training-length")
    assert sum(collapse <= moment <= collapse + 3 for moment in times) >= 40, "tenths of a second"
