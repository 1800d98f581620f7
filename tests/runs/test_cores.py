from __future__ import annotations

import signal
import threading
import time

import pytest

from comparisons.runs.cores import Cores


@pytest.mark.parametrize("count", [1, 3])
def test_never_more_work_at_once_than_there_are_cores(count):
    cores, lock = Cores(count), threading.Lock()
    at_work, most = 0, 0

    def work() -> None:
        nonlocal at_work, most
        for _ in range(50):
            with cores:
                with lock:
                    at_work += 1
                    most = max(most, at_work)
                time.sleep(0.0005)
                with lock:
                    at_work -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (most, at_work) == (count, 0)


def test_whoever_waits_goes_before_whoever_has_just_worked():
    cores, order = Cores(1), []

    def wait(name: str) -> None:
        with cores:
            order.append(name)

    with cores:
        threads = []
        for name in "abc":
            threads.append(threading.Thread(target=wait, args=(name,)))
            threads[-1].start()
            while len(cores._waiting) < len(threads):
                time.sleep(0.001)
    with cores:
        order.append("again")
    for thread in threads:
        thread.join(30)
    assert order == ["a", "b", "c", "again"]


def test_work_that_fails_gives_its_core_up():
    cores = Cores(1)
    with pytest.raises(ValueError, match="broken"), cores:
        raise ValueError("broken")
    with cores:
        pass


def test_who_is_ended_while_it_waits_takes_no_core_along():
    def interrupt(*_: object) -> None:
        raise InterruptedError("in the middle of a wait")

    cores, before = Cores(1), signal.signal(signal.SIGALRM, interrupt)
    cores.__enter__()
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    with pytest.raises(InterruptedError), cores:
        pass
    signal.signal(signal.SIGALRM, before)
    cores.__exit__()
    entered = threading.Thread(target=cores.__enter__, daemon=True)
    entered.start()
    entered.join(10)
    assert not entered.is_alive()
