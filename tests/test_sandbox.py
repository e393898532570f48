"""A room is held to its memory, and nothing is counted twice."""

import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from grader.errors import SandboxError
from grader.judge.proxy import Line
from grader.judge.sandbox import RoomProcess, Sandbox, check_unseen
from grader.wire import codec
from grader.wire.messages import Kit, Limits, Ran, Run, Snapshot, to_plain
from tests.support.solutions import ROOT

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
        codec.receive(room.connection, time.monotonic() + 30)
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


SEEN = """\
import os
from pathlib import Path

def files(place):
    return sorted(os.path.join(top, n) for top, _, names in os.walk(place) for n in names)

root = Path(__import__("byhand").__file__).parent.parent
print(*sorted(os.listdir(root)), sep="|")
print(*sorted(os.listdir(root / "grader")), sep="|")
print(*[p for p in ("/usr/local/share", "/usr/share/doc", "/home", "/root", "/usr/bin")
        if os.path.isdir(p) and len(files(p)) > 20], sep="|")
"""


def test_what_a_room_sees_of_the_project_and_the_system(sandbox):
    """Two folders of the grader and the library; of the system what Python needs."""
    room = sandbox.room(Limits(), seed=1)
    try:
        ran = run(room, SEEN)
        assert ran.fault is None, ran.fault
        root, grader, other = "".join(o["text"] for o in ran.outputs).split("\n")[:3]
        assert set(root.split("|")) - {".venv"} == {"byhand", "grader"}
        assert grader == "__init__.py|inside|wire"
        seen = set(other.split("|")) - {""}
        allowed = {"/root"} if Path(sys.prefix).is_relative_to("/root") else set()
        allowed |= {"/root"} if Path(sys.base_prefix).is_relative_to("/root") else set()
        allowed |= {"/usr/bin"} if Path(sys.base_prefix) == Path("/usr") else set()
        allowed |= {"/usr/local/share"}  # fonts, of which some systems have many
        assert seen <= allowed
    finally:
        room.end()


@pytest.mark.parametrize("place", [sys.prefix, "/usr/lib/python3"])
def test_nothing_is_graded_where_a_room_would_see_the_course(place):
    with pytest.raises(SandboxError, match="Move it to another place"):
        check_unseen([Path(place) / "course"])


def test_the_solutions_of_this_project_are_not_seen():
    check_unseen([ROOT / "solutions", ROOT / "course"])


START = """
from grader.judge.sandbox import Sandbox
from grader.wire.messages import Kit
with Sandbox() as sandbox:
    sandbox.furnish(Kit())
    sandbox.wait()
    print("ready")
"""


@pytest.mark.parametrize("kind", ["a link to it", "its own, of a linked Python"])
def test_an_environment_behind_links(kind, tmp_path):
    """As uv makes them, and as one that several checkouts share."""
    folder = tmp_path / "venv"
    if kind == "a link to it":
        folder.symlink_to(sys.prefix)
    else:
        python = Path(sys.executable).resolve()
        latest = tmp_path / "pythons" / "latest"
        latest.parent.mkdir()
        latest.symlink_to(python.parent)
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(latest / python.name)
        (folder / "pyvenv.cfg").write_text(f"home = {latest}\n")
        library = Path(sysconfig.get_path("purelib"))
        own = folder / library.relative_to(sys.prefix)
        own.parent.mkdir(parents=True)
        own.symlink_to(library)
    command = [folder / "bin" / "python", "-c", START]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.endswith("ready\n"), result.stderr


def test_time_on_a_busy_machine_is_not_counted():
    """A clock that rings asks whether the time was this process's own."""
    script = """
import signal, time
from grader.inside import calls
waited = iter([0.0, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3])  # 0.3 s without a processor
calls._waited = lambda: next(waited)
signal.signal(signal.SIGALRM, calls.CLOCK.ring)
start = time.monotonic()
try:
    with calls.CLOCK.within(0.2):
        time.sleep(10)
except calls.TookTooLong:
    print(round(time.monotonic() - start, 1))
"""
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert 0.5 <= float(result.stdout) <= 2, result.stderr
