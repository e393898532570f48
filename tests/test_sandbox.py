"""A room is held to its memory, and nothing is counted twice."""

import socket
import time

import pytest

from grader import wire
from grader.proxy import Line
from grader.sandbox import Sandbox
from grader.zygote import Kit, Limits

CELL = """\
kept = bytearray(b"x") * {held}_000_000

def more():
    import time
    taken = bytearray(b"x") * {more}_000_000
    time.sleep(1)
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as sandbox:
        sandbox.furnish(Kit())
        sandbox.wait()
        yield sandbox


@pytest.mark.parametrize(
    ("held", "more", "killed"),
    [
        (300, 0, False),
        (300, 50, False),
        (0, 300, False),
        (300, 200, True),
        (0, 500, True),
        (500, 0, True),
    ],
)
def test_what_a_room_and_its_snapshot_hold(sandbox, held, more, killed):
    """A room that keeps so many megabytes, and a test that takes more, of 400."""
    room = sandbox.room(Limits(memory=400), seed=1)
    ours, theirs = socket.socketpair()
    try:
        source = CELL.format(held=held, more=more)
        request = {"do": "run", "label": "cell", "source": source, "state": None}
        request |= {"defines": False, "plain": True}
        request["seconds"] = 20
        wire.send(room.connection, wire.pack(request))
        wire.receive(room.connection, time.monotonic() + 30)
        request = {"do": "snapshot", "seconds": 20}
        wire.send(room.connection, wire.pack(request))
        socket.send_fds(room.connection, [b"x"], [theirs.fileno()])
        theirs.close()
        Line(ours, 20, time.monotonic() + 30).begin(["more"])["more"]()
    except (wire.WireError, RuntimeError):
        assert killed
    finally:
        ours.close()
        assert (room.end().why == "memory") == killed


FALSE = """\
class Odd(Exception):
    def __bool__(self):
        return False

print(1)
raise Odd("it is said all the same")
"""


def test_an_error_that_calls_itself_false(sandbox):
    room = sandbox.room(Limits(), seed=1)
    try:
        request = {"do": "run", "label": "cell", "source": FALSE, "state": None}
        request |= {"defines": False, "plain": True, "seconds": 20}
        wire.send(room.connection, wire.pack(request))
        answer = wire.receive(room.connection, time.monotonic() + 30)
        assert answer["error"]["words"] == "it is said all the same"
    finally:
        room.end()
