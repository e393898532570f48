"""Render a text within a time limit, whatever is in it.

The libraries that render Markdown and colour code take time that grows as the square of
some texts. Measured in seconds of CPU time (mistune 3.4, bleach 6.4, Pygments 2.21):

=============================  ======  ======  ======  ======
characters                      2,000   4,000   8,000  16,000
=============================  ======  ======  ======  ======
empty lines before ``!ls``       0.49    2.0     8.0
dots in a line of code           0.06    0.21    0.78    2.8
``a.a.a`` in a line of code      0.06    0.18    0.64    2.4
spaces within a paragraph        0.02    0.05    0.21
``_a_ _a_`` in a paragraph       0.02    0.05    0.22
``<b>`` that is never closed     0.01    0.04    0.08
fences                           0.01    0.03    0.08
=============================  ======  ======  ======  ======

So a short text is rendered here; a long one in a fork of this process, which is ended
when its time is over. Code is shortened before (`grader.records.page.shortened`).
"""

import contextlib
import os
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable

SHORT = 2_000  # characters: no text of that length takes more than half a second
ONE = 4.0  # seconds for a text
ALL = 20.0  # seconds for all texts of a page
MEMORY = 2_000_000_000  # bytes of address space, beyond what there is
MOST = 20_000_000  # bytes that come back


class Allowance:
    """The time that is left for one page."""

    def __init__(self, seconds: float = ALL):
        self.left = seconds

    def render(self, function: Callable[[str], str], text: str) -> str | None:
        """What a function makes of a text; None: it failed, or took too long."""
        if self.left <= 0:
            return None
        before = time.monotonic()
        try:
            if len(text) <= SHORT:
                return function(text)
            return _in_a_fork(function, text, min(ONE, self.left))
        except Exception:  # whatever a library raises on a text
            return None
        finally:
            self.left -= time.monotonic() - before


def _in_a_fork(function: Callable[[str], str], text: str, seconds: float) -> str | None:
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python warns of forks beside threads: this one takes no lock of theirs
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _render(function, text, reading, writing, seconds)
    os.close(writing)
    try:
        found = _read(reading, time.monotonic() + seconds)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return found[1:].decode() if found[:1] == b"+" else None


def _render(
    function: Callable[[str], str],
    text: str,
    reading: int,
    writing: int,
    seconds: float,
) -> None:
    """In the child: write a "+" and what came out, and end without any ceremony."""
    try:
        os.close(reading)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        limit = int(seconds) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[0])
        size = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        data = b"+" + function(text).encode("utf-8", "replace")
        while data:
            data = data[os.write(writing, data) :]
    except BaseException:  # nothing of the parent's may run here
        pass
    finally:
        os._exit(0)


def _read(reading: int, until: float) -> bytes:
    """All that the child writes; nothing, if it does not come to an end in time."""
    parts: list[bytes] = []
    size = 0
    while True:
        ready, _, _ = select.select([reading], [], [], max(until - time.monotonic(), 0))
        if not ready:
            return b""
        part = os.read(reading, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if size > MOST:
            return b""
