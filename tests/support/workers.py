"""Work for processes that start in no time: nothing heavy is imported here."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def square(number: int) -> int:
    """Takes a moment."""
    time.sleep(0.02)
    return number * number


def square_but_die_of_thirteen(number: int) -> int:
    """The work for 13 kills its process."""
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number)


def name_and_wait(path: str) -> int:
    """Say who is at work, and work without end."""
    Path(path).write_text(str(os.getpid()))
    time.sleep(600)
    return 1
