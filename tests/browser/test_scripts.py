from __future__ import annotations

import json

import pytest

from comparisons.page.payloads import payload
from tests.browser.conftest import evaluated, with_scripts
from tests.text.test_facts import CASES

MARKUP = "<b>${page}</b>{{value}}<script>alert(1)</script>"


def lane(**changes) -> dict:
    curve = [[n, 4.0, n * 1000, 0.5, 0.0] for n in range(32, 257, 32)]
    return {
        "label": "dense", "kind": "dense", "sinks": 0, "recent": 0, "tokens": 256, "status": "reading",
        "reason": None, "message": "", "kv_bytes": 256_000, "kv_allocated_bytes": 256_000, "cache_tokens": 256,
        "seconds": 1.0, "tokens_per_second": 100.0, "ms_per_token": 0.5, "perplexity": 4.0, "perplexity_total": 4.0,
        "curve": {"from": 0, "points": curve}, "text": {"from": 0, "pieces": [["Hello", None], [" you", 0.5]]},
        "answers": {"from": 0, "items": []}, "events": [], **changes,
    }  # fmt: skip


def frame(**changes) -> dict:
    header = {
        "model": "m", "context": 256, "seed": 0, "kv_budget_bytes": 10**6, "bytes_per_token": 1000, "window": 256,
        "stride": 32, "lanes": ["dense"], "settings": {}, "versions": {}, "recorded_at": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return {
        "version": 1, "run": "r", "seq": 0, "seconds": 1.0, "state": "running", "recorded": False, "header": header,
        "rss_bytes": 10**8, "rss": {"from": 0, "points": [[0, 10**8, 0.0]]}, "lanes": [lane()], **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "recorded", "said"),
    [
        ({"reason": "seconds", "status": "stopped"}, True, "End of recording"),
        ({"reason": "seconds", "status": "stopped"}, False, "Done"),
        ({"reason": "tokens", "status": "stopped"}, False, "Done"),
        ({"reason": "end-of-text", "status": "stopped"}, False, "Done"),
        ({"reason": "kv-budget", "status": "stopped"}, True, "Out of memory"),
        ({"reason": "user", "status": "stopped"}, False, "Stopped by you"),
        ({"reason": "turn", "status": "stopped"}, False, "Stopped"),
        ({}, False, "Reading"),
    ],
)
def test_only_a_lane_that_was_stopped_says_so(scripts, changes, recorded, said):
    assert scripts.evaluate("([lane, recorded]) => statusText(lane, {recorded})", [lane(**changes), recorded]) == said


def test_a_fact_is_right_on_the_page_where_it_is_right_in_python(scripts):
    found = scripts.evaluate("cases => cases.map(([text, fact]) => says(text, fact))", CASES)
    assert found == [right for *_, right in CASES]


def test_a_thinned_curve_keeps_its_peaks_and_its_ends(scripts):
    points = [[i, 4 + (i * 7919 % 13) / 13, 0, 0] for i in range(31_250)]
    points[17_003][1], points[23_456][1] = 900, 0.1
    drawn = evaluated(scripts, "points => thin(points, 1, 1000)", points)
    assert len(drawn) <= 1000
    assert drawn[-1] == points[-1] and points[17_003] in drawn and points[23_456] in drawn
    assert [x for x, *_ in drawn] == sorted({x for x, *_ in drawn})


def test_a_short_curve_is_drawn_as_it_is_without_what_could_not_be_measured(scripts):
    assert scripts.evaluate("thin([], 1, 1000)") == []
    assert scripts.evaluate("thin([[1, 2], [3, null], [4, 5]], 1, 1000)") == [[1, 2], [4, 5]]


def test_four_million_tokens_leave_a_short_history_with_every_peak_and_the_whole_beginning(scripts):
    peaks = {70_003: 900.0, 99_871: 0.1, 124_000: 700.0}
    points = [[32 * (i + 1), peaks.get(i, 4 + (i * 7919 % 13) / 13), 10**6, 1.0, 0.1 * i] for i in range(125_000)]
    points[80_017][3] = 55.0
    lengths, kept, drawn, told = evaluated(
        scripts,
        """(points, lane) => { const made = newLane(); const lengths = [];
            for (let from = 0; from < points.length; from += 500) {
                const tail = points.slice(Math.max(0, from - 500), from + 500);
                mergeLane(made, {...lane, curve: {from: Math.max(0, from - 500), points: tail}});
                lengths.push(made.curve.length);
            }
            return [lengths, made.curve, thin(made.curve, 1, 1000), made.counted.curve]; }""",
        points,
        lane(),
    )
    assert max(lengths) <= 8000 and len(drawn) <= 1000 and told == 125_000
    assert kept[:2000] == points[:2000]
    assert all(points[at] in kept for at in (*peaks, 80_017)) and all(points[at] in drawn for at in peaks)
    assert [x for x, *_ in kept] == sorted({x for x, *_ in kept})


def test_frames_that_overlap_or_get_lost_or_come_twice_make_one_history(scripts):
    def tail(seq: int, start: int, end: int) -> dict:
        curve = {"from": start, "points": [[i, 4.0, 0, 0, 0] for i in range(start, end)]}
        text = {"from": start, "pieces": [[str(i), 1.0] for i in range(start, end)]}
        return frame(seq=seq, lanes=[lane(curve=curve, text=text, tokens=end)])

    told = [tail(0, 0, 5), tail(1, 3, 8), tail(1, 3, 8), tail(3, 6, 12), tail(2, 5, 9), tail(4, 20, 24)]
    history = scripts.evaluate("told => told.reduce(mergeFrame, newHistory(told[0]))", told)
    points = history["lanes"][0]["curve"]
    assert [tokens for tokens, *_ in points] == [*range(12), *range(20, 24)]
    assert history["lanes"][0]["textFrom"] == 20
    assert [text for text, _ in history["lanes"][0]["text"]] == ["20", "21", "22", "23"]


def test_text_with_markup_is_shown_as_it_was_written(scripts):
    pieces = [[MARKUP, 3.0], ["&amp;", None]]
    scripts.evaluate(
        """lane => { const pane = document.createElement('div'); document.body.append(pane);
            const made = newLane(); mergeLane(made, lane); drawText(textPane(pane), made); }""",
        lane(text={"from": 0, "pieces": pieces}),
    )
    assert scripts.locator("body > div").text_content() == f"{MARKUP}&amp;"
    assert scripts.locator("body > div b, body > div script").count() == 0


def test_a_pane_that_reads_for_hours_holds_a_bounded_number_of_tokens(scripts):
    spans = scripts.evaluate(
        """lane => { const pane = document.createElement('div'); document.body.append(pane);
            const made = newLane(); const state = textPane(pane);
            for (let from = 0; from < 20000; from += 100) {
                const pieces = Array.from({length: 100}, (_, i) => [i % 20 ? ' x' : '\\n', 1]);
                mergeLane(made, {...lane, text: {from, pieces}}); drawText(state, made);
            }
            return [pane.children.length, state.from + state.count, pane.lastChild.dataset.index]; }""",
        lane(),
    )
    assert spans[0] <= 600 and spans[1:] == [20_000, "19999"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (4.04, "4.0"), (1830.4, "1,830"), (2.34e8, "2.3 × 10⁸"), (9.9e12, "9.9 × 10¹²")],
)
def test_perplexities_are_written_so_that_they_can_be_read(scripts, value, shown):
    assert scripts.evaluate("value => perplexityText(value)", value) == shown


def test_the_strip_says_what_is_held_and_where(scripts):
    sinks = {"kind": "sinks", "sinks": 4, "recent": 124, "cache_tokens": 128, "tokens": 1000}
    asked = {
        0: "a sink",
        3: "a sink",
        4: "evicted",
        875: "evicted",
        876: "position 4",
        999: "position 127",
        1000: "not read",
    }
    for index, words in asked.items():
        assert words in scripts.evaluate("([lane, index]) => placeText(lane, index)", [sinks, index])


def test_a_payload_carries_markup_without_becoming_any(scripts):
    text = payload(frame(lanes=[lane(text={"from": 0, "pieces": [[MARKUP, 1.0]]})]))
    assert "<" not in text
    assert json.loads(text)["lanes"][0]["text"]["pieces"][0][0] == MARKUP
    assert scripts.evaluate("text => JSON.parse(text).lanes[0].text.pieces[0][0]", text) == MARKUP


def test_a_screen_reader_hears_the_run_at_most_every_ten_seconds_and_each_ending_at_once(first_visit):
    scripts = with_scripts(first_visit.page)
    scripts.clock.install()  # for the whole context
    scripts.evaluate(
        """frame => {
            const note = document.createElement('p');
            note.setAttribute('role', 'status');
            document.body.append(note);
            window.heard = [];
            new MutationObserver(() => heard.push(note.textContent)).observe(note, {childList: true});
            const history = mergeFrame(newHistory(frame), frame);
            const shown = {history, latest: history, at: null, find: () => note};
            const state = {...shown, endings: '', announced: -ANNOUNCE_EVERY};
            window.tell = changes => { Object.assign(history.lanes[0], changes); announce(state); };
        }""",
        frame(),
    )
    for tenth in range(300):
        scripts.evaluate("changes => tell(changes)", {"tokens": 300 + tenth})
        scripts.clock.run_for(100)
    heard = scripts.evaluate("heard")
    assert 3 <= len(heard) <= 4
    scripts.evaluate("changes => tell(changes)", {"status": "stopped", "reason": "user"})
    ending = "Dense cache: Fine so far. Stopped by you after 599 tokens. Tokens read: 599; perplexity: 4.0."
    assert scripts.evaluate("heard")[len(heard) :] == [ending]
