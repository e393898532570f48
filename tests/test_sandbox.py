"""A room is held to its memory, and nothing is counted twice."""

import socket
import time

import pytest

from grader.judge.proxy import Line
from grader.judge.sandbox import RoomProcess, Sandbox
from grader.wire import codec
from grader.wire.messages import Kit, Limits, Ran, Run, Snapshot, to_plain

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


def run(room: RoomProcess, source: str) -> Ran:
    """Run a cell in a room."""
    request = Run("cell", source, seconds=20)
    codec.send(room.connection, codec.pack(to_plain(request)))
    return Ran.from_room(codec.receive(room.connection, time.monotonic() + 30))


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
        run(room, CELL.format(held=held, more=more))
        codec.send(room.connection, codec.pack(to_plain(Snapshot(seconds=20))))
        socket.send_fds(room.connection, [b"x"], [theirs.fileno()])
        theirs.close()
        Line(ours, 20, time.monotonic() + 30).begin(["more"])["more"]()
    except (codec.WireError, RuntimeError):
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
        assert run(room, FALSE).fault.words == "it is said all the same"
    finally:
        room.end()
