"""The page with a real language model: what it says before a run and of it. Skipped where the model is not here."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from streaming.loading import packaged
from tests.browser.conftest import open_settings
from tests.browser.test_own import put
from tests.browser.test_page import START
from tests.support.serving import served

pytestmark = pytest.mark.skipif(not packaged.is_here(), reason="smollm2 is not on this machine: make smollm2")

SAID, DENSE, SINKS = ".sl-expected", ".sl-lane[data-kind='dense']", ".sl-lane[data-kind='sinks']"

TEXTS = {
    "en": "It was the best of evenings for a walk along the river, and the old lamps were lit one after another. " * 30,
    "it": "Era una bella sera per camminare lungo il fiume, e i vecchi lampioni si accendevano uno dopo l’altro. " * 30,
    "es": "Era una buena tarde para pasear junto al río, y las viejas farolas se encendían una tras otra. " * 30,
}


@pytest.fixture(scope="module")
def real() -> Iterator[str]:
    with served("") as (address, _):
        yield address


def opened(visit, address: str) -> Page:
    visit.page.goto(address)
    expect(visit.page.locator(SAID)).to_contain_text("“smollm2”" if "/it" not in address else "«smollm2»")
    return visit.page


def run_to(page: Page, tokens: int) -> None:
    """Start, and wait until every lane has read so much."""
    page.click(START)
    expect(page.locator(".sl-badge")).to_have_text(re.compile("Live|In diretta"))
    page.wait_for_function(
        """most => [...document.querySelectorAll("[data-stat='tokens'] dd")]
            .every(node => Number(node.textContent.replace(/\\D/g, '')) >= most)""",
        arg=tokens,
    )
    page.click("[data-do='stop']")
    expect(page.locator(".sl-badge")).to_have_text(re.compile("Finished|Finita"))


def test_the_page_opens_with_the_real_model_and_settings_that_suit_it(visit, real):
    page = opened(visit, real)
    expect(page.locator(SAID)).to_be_in_viewport()
    expect(page.locator(SAID)).to_contain_text("the dense cache leaves the 8,192 tokens that “smollm2” was trained on")
    open_settings(page)
    recent = page.get_by_label("Recent tokens").last
    assert float(recent.get_attribute("max")) > 1020 and float(recent.input_value()) > 252


def test_settings_follow_another_model_that_is_chosen(visit, real):
    page = opened(visit, real)
    open_settings(page)
    page.locator("#model input").click()
    page.get_by_role("option", name="vanilla").click()
    expect(page.locator(SAID)).to_contain_text("leaves the 256 tokens that “vanilla” was trained on")
    recent = page.get_by_label("Recent tokens").last
    expect(recent).to_have_value("124")
    assert recent.get_attribute("max") == "252"


def test_a_budget_that_stops_dense_is_said_before_start(visit, real):
    page = opened(visit, f"{real}?budget_mb=32&recent=1020")
    expect(page.locator(SAID)).to_contain_text(re.compile(r"will stop at [\d,]+ of the 8,192 tokens"))
    expect(page.locator(SAID)).to_contain_text(re.compile(r"raise the memory limit to \d+ MB"))


@pytest.mark.parametrize(
    "query", ["recent=60&lanes=[%22window%22]", "sinks=0&recent=60", "recent=252", "recent=60&positions=text"]
)
def test_whatever_is_set_no_lane_is_said_to_break_down_before_it_does(visit, real, query):
    page = opened(visit, f"{real}?budget_mb=300&pace=0&{query}")
    run_to(page, 400)
    dense = page.locator(f"{DENSE} .sl-verdict")
    expect(dense).to_have_text(re.compile(r"^(Fine so far|As good as|Surer than|Reads on, less surely)"))
    for verdict in page.locator(".sl-verdict").all_inner_texts():
        assert "{" not in verdict and "NaN" not in verdict and "Broke down after" not in verdict


def test_what_is_recomputed_is_told_at_its_own_token(visit, real):
    page = opened(visit, f"{real}?budget_mb=300&pace=0&recent=28&lanes=[%22recompute%22]")
    run_to(page, 48)
    assert len(page.locator(".sl-verdict").all_inner_texts()) == 3


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_of_ones_own_is_known_in_three_languages(visit, real, language):
    page = opened(visit, f"{real}{'it' if language == 'it' else ''}?budget_mb=300&pace=0&recent=60&source=text")
    open_settings(page)
    put(page, TEXTS[language])
    run_to(page, 200)
    assert "means nothing" not in page.locator(".sl-source").inner_text() + page.locator(SINKS).inner_text()
    expect(page.locator(".sl-own-bundled")).to_be_hidden()
