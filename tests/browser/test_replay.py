"""Looking back: recordings played and scrubbed in the browser, runs taken along, and the page that stands alone."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from comparisons.page import export
from comparisons.page.library import FIRST_PAINT
from comparisons.page.scripts import page_script
from comparisons.page.words import language
from comparisons.paths import RECORDINGS
from comparisons.recordings import files, player
from comparisons.recordings.format import Recording
from comparisons.recordings.recorder import Recorder
from comparisons.runs.frames import Frame
from tests.browser.conftest import Visit, evaluated, exposed, open_settings
from tests.browser.test_page import START, TOPS
from tests.support.chromium import PATIENCE
from tests.support.recorded import live_frames, recorded, whole_curve

AT = """(recording, moments) => {
    const record = readRecording(recording, "run");
    return moments.map(seconds => frameAt(record, seconds));
}"""


def as_json(recording: Recording) -> dict:
    return json.loads(files.dumps(recording))


def playable() -> Recording:
    """The tiny run, with all that was kept of its text."""
    recorder = Recorder()
    for frame in live_frames():
        recorder.add(frame)
    return recorder.recording(moments=512, texts=512, text_tokens=160)


def scrambled(seed: int) -> Recording:
    """A recording of nothing, with gaps, overlaps, missing numbers and moments at the same time."""
    chance = random.Random(seed)
    header = {**recorded().header, "lanes": ["dense", "sinks"], "bytes_per_token": 100}
    return of_json(
        header=header,
        moments=[[at, "running", 10**8] for at in times(chance, 12)],
        rss=[[n, 10**8, at] for n, at in enumerate(times(chance, 10))],
        lanes=[scrambled_lane(chance, label, moments=12) for label in header["lanes"]],
    )


def of_json(**content: object) -> Recording:
    return files.loads(json.dumps({**as_json(recorded()), **content}))


def scrambled_lane(chance: random.Random, label: str, moments: int) -> dict:
    def perhaps(value: float) -> float | None:
        return value if chance.random() < 0.8 else None

    def numbers(n: int) -> list:
        return [n, "reading", None, "", 100 * n, 200 * n, n, 1.0, 9.5, perhaps(0.5), perhaps(4.0), 5.0]

    def text(at: float, start: int, length: int) -> dict:
        return {"seconds": at, "from": start, "pieces": [[f" {start + n}", perhaps(1.0)] for n in range(length)]}

    def answer(turn: int, at: float) -> dict:
        said = {"prompt": "?", "reference": "!", "expected": None, "answer": "<b>", "done": True}
        return {"turn": turn, "at": 9 * turn, "seconds": at, **said}

    texts, start = [], 0
    for at in times(chance, 9):
        texts.append(text(at, max(0, start + chance.choice((0, 0, -3, 5))), chance.randrange(1, 60)))
        start = texts[-1]["from"] + len(texts[-1]["pieces"])
    read = sorted(chance.choices(range(1, 900), k=40))
    return {
        "label": label,
        "kind": label,
        "sinks": 4,
        "recent": 28,
        "moments": [numbers(n) for n in sorted(chance.choices(range(900), k=moments))],
        "curve": [[n, perhaps(4.5), 100 * n, 0.5, at] for n, at in zip(read, times(chance, 40), strict=True)],
        "texts": texts,
        "answers": [answer(turn, at) for turn, at in enumerate(times(chance, 6))],
        "events": [{"at": 64, "kind": "training-length", "seconds": times(chance, 1)[0]}],
    }


def times(chance: random.Random, count: int) -> list[float]:
    return sorted(round(chance.uniform(0, 20), 1) for _ in range(count))


MADE = {
    "first paint": lambda: files.load(RECORDINGS / f"{FIRST_PAINT}.json"),
    "tiny": recorded,
    "tiny, with its text": playable,
    **{f"scrambled {seed}": partial(scrambled, seed) for seed in range(4)},
}


def told(frames: list[Frame], upto: int) -> dict:
    """All that a reader of the frames knows after this one, in the shape of one frame."""
    frame = frames[upto]
    lanes = []
    for place, lane in enumerate(frame["lanes"]):
        tails = [earlier["lanes"][place] for earlier in frames[: upto + 1]]
        curve, answers = whole(t["curve"] for t in tails), whole(t["answers"] for t in tails)
        lanes.append({**lane, "curve": {"from": 0, "points": curve}, "answers": {"from": 0, "items": answers}})
    rss = whole(earlier["rss"] for earlier in frames[: upto + 1])
    unlike = {"run": "run", "seq": 0, "header": frames[0]["header"]}
    return json.loads(json.dumps({**frame, **unlike, "rss": {"from": 0, "points": rss}, "lanes": lanes}))


def whole(tails) -> list:
    items: list = []
    for tail in tails:
        items[tail["from"] :] = tail.get("points", tail.get("items"))
    return items


def shorter(frame: dict) -> dict:
    """The browser keeps more text than a frame carries: the same end of it."""
    for lane in frame["lanes"]:
        text = lane["text"]
        kept = text["pieces"][-160:]
        lane["text"] = {"from": text["from"] + len(text["pieces"]) - len(kept), "pieces": kept}
    return frame


@pytest.mark.parametrize("made", MADE)
def test_the_browser_plays_a_recording_as_python_does(scripts, made):
    recording = MADE[made]()
    frames = list(player.play(recording, math.inf))
    places = sorted({*range(0, len(frames), max(1, len(frames) // 12)), len(frames) - 1})
    moments = [frames[place]["seconds"] for place in places]
    shown = evaluated(scripts, AT, as_json(recording), moments)
    for place, frame in zip(places, shown, strict=True):
        assert shorter(frame) == told(frames, place)


HISTORY = "told => told.reduce(mergeFrame, newHistory(told[0]))"


def test_a_live_run_shows_an_earlier_moment_as_it_was_and_stays_as_it_is(scripts):
    frames = json.loads(json.dumps(live_frames()))
    places = range(1, len(frames), max(1, len(frames) // 8))
    views, unchanged = evaluated(
        scripts,
        f"""(told, moments) => {{
            const history = ({HISTORY})(told);
            const before = JSON.stringify(history);
            const views = moments.map(seconds => historyAt(history, seconds));
            return [views, JSON.stringify(history) === before && historyAt(history, null) === history];
        }}""",
        frames,
        [frames[place]["seconds"] for place in places],
    )
    assert unchanged
    for view, frame in zip(views, (frames[place] for place in places), strict=True):
        assert (view["seconds"], view["state"]) == (frame["seconds"], frame["state"])
        for lane, then, end in zip(view["lanes"], frame["lanes"], frames[-1]["lanes"], strict=True):
            assert lane["tokens"] >= then["tokens"]
            later = lane["tokens"] > then["tokens"]
            for name in ("status", "kv_bytes", "cache_tokens", "perplexity", "tokens_per_second"):
                assert lane[name] == then[name] or (later and name != "status")
            assert lane["events"] == [event for event in end["events"] if event["seconds"] <= view["seconds"]]
            assert all(point[4] <= view["seconds"] for point in lane["curve"])
            shown, tail = lane["text"], then["text"]["pieces"]
            assert lane["textFrom"] + len(shown) == then["tokens"]
            assert shown[-60:] == tail[-60:] and len(shown) >= min(len(tail), 96)


@pytest.mark.parametrize("every", [1, 2], ids=["every frame", "every other lost"])
def test_a_live_run_saved_in_the_browser_is_a_recording(scripts, tmp_path, every):
    # A frame tells at least what is new since the one before its last: of two in a row, one may be lost.
    frames = live_frames()[:-1:every] + live_frames()[-1:]
    text = evaluated(scripts, f"told => recordingText(({HISTORY})(told))", frames)
    (tmp_path / "run.json").write_text(text, "utf-8")
    back = files.load(tmp_path / "run.json")
    last = live_frames()[-1]
    assert back.header == json.loads(json.dumps(live_frames()[0]["header"]))
    assert [lane.moments[-1]["tokens"] for lane in back.lanes] == [lane["tokens"] for lane in last["lanes"]]
    for place, lane in enumerate(back.lanes):
        assert [list(point) for point in lane.curve] == whole_curve(live_frames(), place)
        assert lane.answers and all(answer["done"] for answer in lane.answers)
        assert lane.events == last["lanes"][place]["events"]
    assert list(player.play(back, math.inf))[-1]["state"] == "finished"


def test_what_the_browser_keeps_of_a_long_run_is_bounded(scripts, tmp_path):
    frames = json.loads(json.dumps(live_frames()))
    moments, texts, pieces, text = evaluated(
        scripts,
        f"""told => {{
            const history = ({HISTORY})(told);
            const last = told[told.length - 1];
            for (let seq = 1; seq < 3000; seq += 1) {{
                const tokens = 10000 + 40 * seq;
                const pieces = Array.from({{length: 160}}, (_, i) => [` ${{tokens + i}}`, 1]);
                const now = {{seq: last.seq + seq, seconds: last.seconds + seq / 5}};
                const lanes = last.lanes.map(lane => ({{...lane, tokens, text: {{from: tokens, pieces}}}}));
                mergeFrame(history, {{...last, ...now, lanes}});
            }}
            const {{texts}} = history.past.lanes[0];
            const pieces = texts.reduce((sum, text) => sum + text.pieces.length, 0);
            return [history.past.moments.length, texts.length, pieces, recordingText(history)];
        }}""",
        frames,
    )
    assert 384 <= moments <= 768 and texts <= 768 and pieces <= 768 * 96
    (tmp_path / "run.json").write_text(text, "utf-8")
    back = files.load(tmp_path / "run.json")
    assert back.moments[0]["seconds"] == frames[0]["seconds"]
    assert back.moments[-1]["seconds"] == pytest.approx(frames[-1]["seconds"] + 2999 / 5)
    shown = player.overview(back)["lanes"][0]["text"]
    assert shown["pieces"][-1][0] == f" {10_000 + 40 * 2999 + 159}"


# ---------------------------------------------------------------- on the page


def tokens(page: Page) -> list[int]:
    return [int(re.sub(r"\D", "", text)) for text in page.locator("[data-stat='tokens'] dd").all_inner_texts()]


def look_at(page: Page, seconds: float) -> None:
    page.locator(".sl-moment").fill(str(seconds))
    expect(page.locator(".sl-clock")).to_have_text(re.compile(f"^{int(seconds) // 60}:{int(seconds) % 60:02} /"))


LONGEST = "() => Math.max(...document.querySelector('.sl-plot').data.flatMap(trace => Array.from(trace.x)))"


def longest(page: Page) -> float:
    """How far the curves of the first chart go."""
    return page.evaluate(LONGEST)


def test_the_recorded_run_plays_and_is_scrubbed_before_anyone_starts_one_and_nothing_moves(page):
    before, end = page.evaluate(TOPS), tokens(page)
    page.get_by_role("button", name="Play the recorded run").click()
    page.get_by_role("button", name="Pause").click()
    played = tokens(page)
    assert played[0] < end[0] and played[1] < end[1]
    look_at(page, 10)
    expect(page.locator(".sl-badge")).to_have_text("Recorded run")
    expect(page.locator(".sl-moment")).to_have_attribute(
        "aria-valuetext", re.compile(r"10 of \d+ seconds, [\d,]+ tokens")
    )
    assert page.evaluate(TOPS) == before
    page.wait_for_function(f"({LONGEST})() === {max(tokens(page))}")
    page.get_by_role("button", name="To the end").click()
    expect(page.locator("[data-stat='tokens'] dd").first).to_have_text(f"{end[0]:,}")


def test_a_live_run_goes_on_while_the_visitor_looks_back_and_can_be_taken_along(page, browser, address, tmp_path):
    page.click(START)
    expect(page.locator(".sl-badge")).to_have_text("Live")
    page.wait_for_function("document.querySelector('.sl-moment').max > 3")
    look_at(page, 1.5)
    expect(page.locator(".sl-badge")).to_have_text("Looking back")
    then, reached = tokens(page), page.evaluate("Number(document.querySelector('.sl-moment').max)")
    page.wait_for_function(f"document.querySelector('.sl-moment').max > {reached + 1}")
    assert tokens(page) == then
    page.get_by_role("button", name="Back to live").click()
    expect(page.locator(".sl-badge")).to_have_text("Live")
    assert tokens(page)[1] > then[1]
    page.click("[data-do='stop']")
    expect(page.locator(".sl-badge")).to_have_text("Finished")

    recording = files.load(saved(page, "json", tmp_path))
    assert recording.header["settings"]["tokens_per_second"] == 100
    assert recording.header["versions"].keys() == {"torch", "transformers", "python"}
    assert [lane.moments[-1]["tokens"] for lane in recording.lanes] == tokens(page)

    file = saved(page, "html", tmp_path)
    assert address.rstrip("/").partition("//")[2] not in file.read_text("utf-8")
    ended = tokens(page)
    open_settings(page)
    page.locator(".sl-runs").select_option(FIRST_PAINT)
    expect(page.locator(".sl-badge")).to_have_text("Recorded run")
    page.locator(".sl-runs").select_option("Your run")
    expect(page.locator(".sl-badge")).to_have_text("Finished")
    with alone(browser, file) as copy:
        assert tokens(copy) == ended


def saved(page: Page, kind: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.locator(f"[data-save='{kind}']").click()
    download.value.save_as(folder / f"run.{kind}")
    return folder / f"run.{kind}"


def test_a_recording_that_cannot_be_fetched_is_said_and_the_page_goes_on(visit, page):
    page.route("**/first-paint-*.json", lambda route: route.abort())
    end = tokens(page)
    page.get_by_role("button", name="Play the recorded run").click()
    expect(page.locator(".sl-source-text")).to_contain_text("could not be fetched")
    assert tokens(page) == end
    page.unroute("**/first-paint-*.json")
    page.get_by_role("button", name="Play the recorded run").click()
    page.get_by_role("button", name="Pause").click()
    assert all("ERR_FAILED" in said for said in visit.complaints)
    visit.complaints.clear()


LIBRARY = "http://127.0.0.1:9/"


def test_another_recording_has_a_chip_that_plays_it_from_its_beginning(visit):
    page, content = visit.page, files.dumps(recorded())
    page.route(f"{LIBRARY}*", lambda route: route.fulfill(body=content, headers={"Access-Control-Allow-Origin": "*"}))
    about = {"model": "tiny", "kinds": ["sinks"], "tokens": 2400, "recorded_at": recorded().header["recorded_at"]}
    offers = {"recordings": [{"name": "long", "url": f"{LIBRARY}long.json", **about}], "painted": "first"}
    page.set_content('<main><div data-place="top"></div><div data-place="rest"></div></main>')
    text = exposed(page_script(language("en"), plotly_url="", offers=offers))
    page.add_script_tag(content=f"{text} mount(document.querySelector('main'), {{ follow() {{}} }});")
    page.get_by_role("button", name="“tiny”: 2,400 tokens, recorded").click()
    expect(page.locator(".sl-badge")).to_have_text("Recorded run")
    slowest = next(speed for speed in (1, 2, 5, 20, 100, 300) if 60 * speed >= recorded().moments[-1]["seconds"])
    expect(page.locator(".sl-speed")).to_have_value(str(slowest))
    expect(page.locator("[data-stat='tokens'] dd").last).to_have_text("2,400")


# ---------------------------------------------------------------- a page that stands alone

MARKUP = "</script><script>document.title = 'taken'</script><b>${run}</b><!--"


@contextmanager
def alone(browser: Browser, file: Path) -> Iterator[Page]:
    """The exported page, opened from disk with a clock that stands still; it must ask for nothing and not complain."""
    context = browser.new_context(viewport={"width": 1440, "height": 2000}, color_scheme="dark")
    context.set_default_timeout(PATIENCE)
    visit, asked = Visit(context.new_page()), []
    visit.watch()
    visit.page.on("request", lambda request: asked.append(request.url))
    visit.page.clock.install(time=0)
    visit.page.goto(file.as_uri())
    visit.page.clock.pause_at(10_000)
    yield visit.page
    assert asked == [file.as_uri()]
    assert visit.complaints == []
    context.close()


def marked() -> Recording:
    """The tiny run, with markup wherever a model, a prompt or a setting has words."""
    content = as_json(playable())
    for lane in content["lanes"]:
        lane["texts"][-1]["pieces"][-1][0] = MARKUP
        lane["moments"][-1][3] = MARKUP
        lane["answers"][-1].update(answer=MARKUP, prompt=MARKUP, reference=MARKUP)
    content["header"].update(model=MARKUP, settings={"note": MARKUP})
    return of_json(**content)


def test_an_exported_page_plays_and_scrubs_from_disk_and_asks_for_nothing(browser, tmp_path):
    (tmp_path / "run.html").write_text(export.page(language("it"), marked()), "utf-8")
    with alone(browser, tmp_path / "run.html") as page:
        end = tokens(page)
        assert page.title() == language("it")["title"]
        assert page.evaluate("document.body.className") == "dark"
        assert MARKUP in page.locator(".sl-text").first.text_content()
        assert MARKUP in page.locator(".sl-source-text").text_content()
        expect(page.locator(".sl-badge")).to_have_text("Esecuzione registrata")
        expect(page.get_by_role("link", name="English")).to_have_count(0)
        for name in ("Avvia", "Ferma", "Ricomincia", "HTML", "Copia il link", "Impostazioni"):
            expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
        page.clock.run_for(2000)
        assert page.locator(".sl-plot.js-plotly-plot").count() == 3

        page.locator("body").press("Space")
        page.clock.run_for(100)
        first = tokens(page)
        for _ in range(100):  # on a slow machine the first tokens took their time
            page.clock.run_for(200)
            if tokens(page) > first:
                break
        assert first < tokens(page) < end
        page.get_by_role("button", name="Pausa").click()
        page.clock.run_for(100)
        held = tokens(page)
        page.clock.run_for(1000)
        assert tokens(page) == held
        page.locator(".sl-speed").select_option("300")
        page.get_by_role("button", name="Riproduci la registrazione").click()
        page.clock.run_for(2000)
        assert tokens(page) == end

        middle = recorded().moments[len(recorded().moments) // 2]["seconds"]
        page.locator(".sl-moment").fill(str(middle))
        page.clock.run_for(2000)
        assert first < tokens(page) < end
        assert longest(page) == max(tokens(page))
        with page.expect_download() as download:
            page.locator("[data-save='json']").click()
        assert files.load(download.value.path()).header["model"] == MARKUP


def test_an_exported_page_fits_a_phone(browser, tmp_path):
    (tmp_path / "run.html").write_text(export.page(language("en"), recorded()), "utf-8")
    with alone(browser, tmp_path / "run.html") as page:
        page.set_viewport_size({"width": 375, "height": 800})
        page.clock.run_for(2000)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
