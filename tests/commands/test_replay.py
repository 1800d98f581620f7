from __future__ import annotations

import pytest

from comparisons.__main__ import main
from comparisons.commands.shared.terminal import lane_line
from comparisons.page.library import FIRST_PAINT
from comparisons.paths import RECORDINGS
from comparisons.recordings import files, player

FILE = RECORDINGS / f"{FIRST_PAINT}.json"


def test_a_recording_plays_in_the_terminal_to_its_last_moment(capsys):
    assert main(["replay", str(FILE), "--speed", "inf"]) == 0
    about, *lines = capsys.readouterr().out.splitlines()
    end = player.overview(files.load(FILE))
    assert about.startswith("Recorded run of ") and f'model "{end["header"]["model"]}"' in about
    assert lines[-2:] == [lane_line(lane) for lane in end["lanes"]]


@pytest.mark.parametrize(
    ("arguments", "words"), [(["nowhere.json"], "check the path"), ([str(FILE), "--speed", "0"], "above 0")]
)
def test_what_cannot_be_played_is_said_in_one_line(capsys, arguments, words):
    assert main(["replay", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
