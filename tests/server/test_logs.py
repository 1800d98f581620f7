from __future__ import annotations

import json
import logging
import subprocess
import sys

from comparisons.server.logs import JsonLines
from tests.support.serving import ROOT

WRITES = """
import logging
from comparisons.server.logs import log_to_stderr
log_to_stderr()
for number in range(5000):
    logging.getLogger("app").info("run ends", extra={"number": number})
print("done")
"""


def line(name: str, message: str, *arguments: object, extra: dict | None = None, error: bool = False) -> dict:
    caught = sys.exc_info() if error else None
    record = logging.getLogger(name).makeRecord(name, 20, "f.py", 1, message, arguments, caught, extra=extra)
    text = JsonLines().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_record_is_one_line_of_json_with_what_was_given():
    told = line("comparisons.server.sessions", "run ends", extra={"run": "abc", "tokens": [1, 2], "odd": object()})
    assert (told["what"], told["run"], told["tokens"], told["odd"]) == ("run ends", "abc", [1, 2], "object")
    assert told["level"] == "info" and told["time"].endswith("+00:00")


def test_an_error_is_told_by_its_type_and_place_without_its_words():
    try:
        raise ValueError("my secret letter\n<b>")
    except ValueError:
        told = line("comparisons.runs.runner", "lane failed", error=True)
    assert told["error"] == "ValueError" and "test_logs.py" in told["at"][-1]
    assert "secret" not in json.dumps(told)


def test_what_a_library_puts_into_its_messages_stays_out():
    assert line("some.library", "cannot read %s", "my secret letter")["what"] == "cannot read %s"
    assert "secret" not in json.dumps(line("some.library", "x", extra={"text": "secret"}))


def test_a_log_that_nobody_reads_holds_nothing_up():
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", WRITES], cwd=ROOT, **told) as process:
        assert process.stdout.read() == "done\n"
        assert process.wait(timeout=30) == 0
        numbers = [json.loads(line)["number"] for line in process.stderr.read().splitlines()[:-1]]
        assert numbers == list(range(len(numbers))) and 100 < len(numbers) < 5000


def test_a_log_that_is_read_is_whole_at_the_end():
    few = WRITES.replace("5000", "500")
    done = subprocess.run([sys.executable, "-c", few], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert [json.loads(line)["number"] for line in done.stderr.splitlines()] == list(range(500))
