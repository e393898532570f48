"""Run a student's code for so long, and put what it raises into words."""

import contextlib
import signal
import sys
import time
import traceback
from collections.abc import Iterator

from byhand.cells import newer_python
from grader.wire.messages import Fault

AGAIN = 0.2  # seconds


class TookTooLong(BaseException):  # not an Exception: `except Exception` lets it pass
    """The time of a cell or of a call is over."""


def describe(error: BaseException) -> Fault:
    """An exception as text: its type, its words, and the lines of the student's."""
    if isinstance(error, TookTooLong):
        words = f"it took more than {CLOCK.limit:g} s, and was stopped"
        kind = "TimeoutError"
    else:
        kind = type(error).__name__
        try:
            words = str(error)
            words += _hint(error)
        except BaseException:
            words = ""
    lines = []
    try:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith("<") and "frozen" not in frame.filename:
                place = f"{frame.filename[1:-1]}, line {frame.lineno}"
                lines.append(f"{place}: {frame.line or ''}"[:300])
    except BaseException:
        lines = []
    if isinstance(error, SyntaxError):
        lines.append(f"line {error.lineno}: {(error.text or '').rstrip()}"[:300])
    return Fault(str(kind)[:100], words[:2000], tuple(lines[-10:]))


def _hint(error: BaseException) -> str:
    """What the student cannot know from Python's own words."""
    if isinstance(error, SyntaxError) and (needed := newer_python(error)):
        here = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return f". This needs Python {needed}; the grader has {here}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f". The grader has no module {error.name.partition('.')[0]}: do without it, "
            "or import it under try … except ImportError"
        )
    return ""


class Clock:
    """Counts the seconds in which this process ran, or slept: not those in which it had
    to wait for a processor, on a busy machine.
    """

    def __init__(self) -> None:
        self.limit = self.start = self.waited = 0.0

    def ring(self, *_: object) -> None:
        """For SIGALRM. Raises TookTooLong if the time is over."""
        left = self.start + self.limit + _waited() - self.waited - time.monotonic()
        if left <= 0:
            raise TookTooLong
        signal.setitimer(signal.ITIMER_REAL, max(left, 0.01), AGAIN)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Interrupt what runs here after so many seconds, and again until it stops."""
        self.limit, self.start, self.waited = seconds, time.monotonic(), _waited()
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _waited() -> float:
    """Seconds that this process has waited for a processor (proc(5), schedstat)."""
    try:
        with open("/proc/self/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


CLOCK = Clock()
