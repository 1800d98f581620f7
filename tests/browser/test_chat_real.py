"""Chats of a real language model in a browser; skipped where there is none on this machine."""

from __future__ import annotations

import pytest

from comparisons.recordings import dialogues
from streaming import models
from tests.browser.test_page import START, STOP
from tests.support.serving import served

REPEATS = """() => {
    const figure = (kind, stat) => parseFloat(
        document.querySelector(`.sl-chat-card[data-kind="${kind}"] [data-stat="${stat}"] dd`)?.textContent);
    const turns = document.querySelectorAll('.sl-chat-card[data-kind="window"] .sl-turn').length;
    return turns > 10 && figure("window", "repetition") >= 3 * Math.max(figure("sinks", "repetition"), 1);
}"""


@pytest.mark.skipif(models.default() == "sink", reason="needs smollm2 on this machine")
def test_within_two_minutes_the_window_repeats_itself_and_streamingllm_does_not(visit):
    later = 20 if dialogues.shipped() else 0
    with served("smollm2") as (address, _):
        visit.page.goto(f"{address}?mode=chat&sinks=4&recent=252&budget_mb=500&pace=0&lanes=%5B%22window%22%5D"
                        f"&start_turn={later}")  # fmt: skip
        visit.page.locator(".sl-modes [data-mode='chat'][aria-pressed='true']").wait_for()
        visit.page.wait_for_function("document.querySelector('#mode input[value=chat]').checked")
        visit.page.click(START)
        visit.page.wait_for_function(REPEATS, timeout=120_000)
        visit.page.click(STOP)
