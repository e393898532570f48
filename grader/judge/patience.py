"""Wait for an answer, and longer where the room itself had to wait for a processor."""

import select
import socket
import time
from collections.abc import Callable

GRACE = 2.0  # seconds: the room stops what takes too long by itself, and says where


def wait(
    connection: socket.socket,
    seconds: float,
    deadline: float,
    waited: Callable[[], float],
) -> float:
    """Wait until something can be read, for so many seconds of the room's own.

    Args:
        deadline: of the whole submission, of ``time.monotonic``.
        waited: for how long the room has had to wait for a processor, until now.

    Returns: by when the answer must have come in full.

    Raises:
        TimeoutError: nothing came.
    """
    counted = 0.0
    over = min(time.monotonic() + seconds + GRACE, deadline)
    last = over + seconds  # for a room may be in its own way
    while True:
        left = max(0.0, over - time.monotonic())
        ready, _, _ = select.select([connection], [], [], left)
        if ready:
            return max(over, time.monotonic() + GRACE)
        now = waited()
        if now - counted < 0.1 or over >= last:
            raise TimeoutError
        over, counted = min(time.monotonic() + now - counted, last), now
