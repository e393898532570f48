"""Run a student's code for so long, and put what it raises into words."""

import contextlib
import signal
import sys
import traceback
from collections.abc import Iterator

from byhand.cells import newer_python
from grader.wire.messages import Fault


class TookTooLong(BaseException):  # not an Exception: `except Exception` lets it pass
    """The time of a cell or of a call is over."""


def describe(error: BaseException) -> Fault:
    """An exception as text: its type, its words, and the lines of the student's."""
    if isinstance(error, TookTooLong):
        kind, words = "TimeoutError", "it took too long, and was stopped"
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


def alarm(*_):
    raise TookTooLong


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Interrupt what runs here after so many seconds, and again until it stops."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
