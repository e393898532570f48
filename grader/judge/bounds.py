"""Bounds of the judge's own process: what it computes on what a room has sent."""

import contextlib
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

MEMORY = 2_000  # megabytes that the tests of one submission may take beyond the imports


class TookTooLong(BaseException):  # not an Exception: a test's own handlers let it pass
    """The time of a test is over."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Interrupt what runs here after so many seconds.

    Raises:
        TookTooLong: it did not end by then.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # where signals cannot be had: the worker ends with its submission
        return

    def stop(*_: object) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(0.1, seconds), 0.2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def limit_memory(megabytes: int = MEMORY) -> None:
    """Bound the memory of this process; more than that is a MemoryError in a test."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            soft = int(line.split()[1]) * 1024 + megabytes * 1_000_000
            if hard != resource.RLIM_INFINITY:
                soft = min(soft, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
