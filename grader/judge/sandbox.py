"""Start the zygote inside bubblewrap, and rooms from it."""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from byhand.mnist import SOUND, mnist_folder
from grader.errors import NoAnswer, SandboxError
from grader.wire.messages import (
    CROWD,
    DONE,
    MOUNTED,
    WAITED,
    Ended,
    Kit,
    Limits,
    StartRoom,
)

ROOT = Path(__file__).resolve().parents[2]
# what of it rooms do not see: all, but if it holds other packages, too, only the grader
COVERED = ROOT
if ROOT.name in ("site-packages", "dist-packages"):
    COVERED = ROOT / "grader"
# of the system, what Python, its libraries and pictures need, and nothing else: what lies
# beside them (an exchange in /usr/local/share, say) is nobody's business in a room
SYSTEM = (
    *("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64"),
    *("/usr/local/lib", "/bin", "/usr/bin/dot", "/usr/bin/sh", "/usr/bin/dash"),
    *("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo"),
    *("/etc/fonts", "/usr/share/fonts", "/usr/share/fontconfig"),
    "/usr/local/share/fonts",
    "/sys/kernel/mm/transparent_hugepage",  # glibc looks there before it uses them
)
# where they are may be said by a .pth file or PYTHONPATH
NEEDED = ("torch", "numpy", "IPython", "matplotlib", "matplotlib_inline", "sympy")
VARIABLES = ("LANG", "LC_ALL", "TZ", "BYHAND_OFFLINE")


class RoomProcess:
    """A running room: ``connection`` to it, and its lifeline."""

    def __init__(self, connection: socket.socket, lifeline: socket.socket):
        self.connection, self.lifeline = connection, lifeline
        self.ended: bytes | None = None  # what its keeper has said last

    def keeper(self, request: bytes) -> bytes:
        """Ask something of its keeper (`grader.wire.messages.CLEAR`, …).

        Raises:
            NoAnswer: it says nothing, which is no fault of the student's.
        """
        if self.ended is not None:
            return DONE
        self.lifeline.settimeout(30)
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionError):
                self.lifeline.send(request)
            answer = self._hear()
        except OSError:
            raise NoAnswer("the sandbox did not answer") from None
        if answer in (DONE, CROWD) or (request == WAITED and answer[:1].isdigit()):
            return answer
        self.ended = answer  # the room has ended by itself, as will be seen
        return DONE

    def _hear(self) -> bytes:
        try:
            return self.lifeline.recv(4096)
        except ConnectionResetError:  # it has ended without reading what it was asked:
            return self.lifeline.recv(4096)  # its last words are still there

    def waited(self) -> float:
        """For how many seconds its processes have had to wait for a processor."""
        try:
            return float(self.keeper(WAITED))
        except (ValueError, NoAnswer):
            return 0.0

    def end(self) -> Ended:
        """End the room with all of its processes, and say how it was.

        Raises:
            SandboxError: the room could not be set up.
            NoAnswer: its keeper says nothing, which is no fault of the student's.
        """
        self.connection.close()
        self.lifeline.settimeout(30)
        try:
            with contextlib.suppress(OSError):  # it may be gone
                self.lifeline.shutdown(socket.SHUT_WR)
            ended = Ended.from_json(self.ended or self._hear())
        except (OSError, ValueError):
            raise NoAnswer("the sandbox did not answer") from None
        finally:
            self.lifeline.close()
        if ended.error:
            raise SandboxError(f"{_ADVICE} ({ended.error})")
        return ended


class Rooms:
    """A way to a running zygote; several processes may share it.

    Args:
        control: the socket on which the zygote takes requests.
        walls: whether it stands in a sandbox.
    """

    def __init__(self, control: socket.socket, walls: bool = True):
        self.control, self.walls = control, walls

    def room(self, limits: Limits, seed: int, strict: bool = False) -> RoomProcess:
        """Fork a new room (for what ``strict`` is, see ``StartRoom``).

        Raises:
            SandboxError: the zygote has ended.
        """
        ours, theirs = socket.socketpair()
        lifeline, kept = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, kept:
            try:
                socket.send_fds(
                    self.control,
                    [StartRoom(limits, seed, strict).to_json()],
                    [theirs.fileno(), kept.fileno()],
                )
            except OSError as error:
                raise SandboxError(f"The sandbox has ended ({error}).") from None
        return RoomProcess(ours, lifeline)


class Sandbox(Rooms):
    """A zygote in bubblewrap; use as a context manager.

    Args:
        walls: whether there is a sandbox at all. Without, a student's code runs with
            the rights of whoever grades.

    Raises:
        SandboxError: bubblewrap is missing, or the system forbids it.
    """

    def __init__(self, walls: bool = True):
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        super().__init__(control, walls)
        fd = theirs.fileno()
        python = [sys.executable, "-m", "grader.inside.zygote", str(fd)]
        command = [*_bubblewrap(), *python, "apart"] if walls else [*python, "together"]
        self.process = subprocess.Popen(
            command,
            pass_fds=[fd],
            cwd=ROOT,
            env=_environment(walls),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        theirs.close()

    def furnish(self, kit: Kit) -> None:
        """Say what the rooms are to find at hand."""
        with contextlib.suppress(OSError):
            self.control.send(kit.to_json())

    def wait(self) -> None:
        """Wait until rooms can be had.

        Raises:
            SandboxError: the system forbids it.
        """
        if self.control.recv(16) != b"ready":
            words = self.process.communicate()[1].decode(errors="replace").strip()
            raise SandboxError(f"{_ADVICE}\n{words[-1000:]}")

    def close(self) -> None:
        self.control.close()
        self.process.kill()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


_ADVICE = """\
The sandbox for students' code could not be set up, so nothing is graded.
It needs bubblewrap (Debian, Ubuntu: apt-get install bubblewrap) and user namespaces
(where they are forbidden: sysctl kernel.unprivileged_userns_clone=1, or on Ubuntu
kernel.apparmor_restrict_unprivileged_userns=0; in Docker: --security-opt
seccomp=unconfined). Or grade where they are allowed. --no-sandbox grades without: then
whoever wrote a submission can do all that you can."""


def _bubblewrap() -> list[str]:
    program = shutil.which("bwrap")
    if not program:
        raise SandboxError(_ADVICE)
    command = [program, "--die-with-parent", "--new-session"]
    if os.getuid() == 0:
        command += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
        command += ["--cap-drop", "ALL"]
        for capability in ("SETUID", "SETGID", "SYS_ADMIN"):
            command += ["--cap-add", f"CAP_{capability}"]
    else:
        command += ["--unshare-all"]
    for name in SYSTEM:
        if os.path.islink(name):
            command += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name) or os.path.isfile(name):
            command += ["--ro-bind", name, name]
    bound = {*_python(), *(ROOT / part for part in MOUNTED), *_data()}
    command += ["--tmpfs", "/tmp"]
    for path in _font_lists():
        command += ["--ro-bind-try", str(path), f"/tmp/{path.name}"]
    parents = {parent for path in bound for parent in path.parents}
    for path in sorted(parents - {Path("/"), Path("/usr"), Path("/tmp")}):
        command += ["--perms", "0755", "--dir", str(path)]
    inside = {path for path in bound if path.is_relative_to(COVERED)}
    for path in sorted(bound - inside):
        command += ["--ro-bind", str(path), str(path)]
    command += ["--tmpfs", str(COVERED)]  # should it lie in a folder bound above
    between = {parent for path in inside for parent in path.parents}
    for path in sorted(p for p in between - {COVERED} if p.is_relative_to(COVERED)):
        command += ["--perms", "0755", "--dir", str(path)]
    for path in sorted(inside):
        command += ["--ro-bind", str(path), str(path)]
    there = [*bound, *map(Path, SYSTEM)]
    for link in _links(Path(sys.executable)):
        if not any(link.is_relative_to(path) for path in there):
            for path in reversed(link.parents[:-1]):
                command += ["--perms", "0755", "--dir", str(path)]
            command += ["--symlink", os.readlink(link), str(link)]
    command += ["--proc", "/proc", "--dev", "/dev"]
    command += [
        "--remount-ro",
        str(COVERED),
        "--remount-ro",
        "/dev",
        "--remount-ro",
        "/",
    ]
    command += ["--hostname", "room", "--chdir", str(ROOT), "--"]
    return command


def _python() -> list[Path]:
    """Where Python and its libraries lie, as far as that is not in ``SYSTEM``."""
    found = {Path(p).resolve() for p in (sys.prefix, sys.base_prefix)}
    for prefix in [p for p in found if p.is_relative_to("/usr")]:
        found.remove(prefix)  # the system's: its programs, as its libraries are there
        found.add(prefix / "bin")
    for place in _packages():
        if not any(place.is_relative_to(path) for path in (*found, *map(Path, SYSTEM))):
            found.add(place)
    return sorted(found)


def _links(path: Path) -> list[Path]:
    """The symbolic links on the way to a file, in their order."""
    found: list[Path] = []
    place, rest = Path("/"), list(path.parts[1:])
    while rest:
        place /= rest.pop(0)
        place = Path(os.path.normpath(place))
        if place.is_symlink() and place not in found:
            found.append(place)
            target = place.parent / os.readlink(place)
            place, rest = Path("/"), [*target.parts[1:], *rest]
    return found


def _packages() -> list[Path]:
    """The folders that hold the packages which a room needs."""
    specs = map(importlib.util.find_spec, NEEDED)
    files = {Path(spec.origin).resolve() for spec in specs if spec and spec.origin}
    return sorted({path.parent.parent for path in files if path.name == "__init__.py"})


def check_unseen(private: Iterable[Path]) -> None:
    """See that nothing of this can be seen in a room.

    Raises:
        SandboxError: it lies in a folder that rooms need; the message says which.
    """
    needed = [*_python(), *map(Path, SYSTEM), *_data()]
    for path in (p.resolve() for p in private):
        for place in needed:
            hidden = path.is_relative_to(COVERED) and not place.is_relative_to(COVERED)
            if path.is_relative_to(place.resolve()) and not hidden:
                raise SandboxError(
                    f"{path} lies in {place}, which students' code needs and would see "
                    "whole: nothing is graded. Move it to another place."
                )


def _font_lists() -> list[Path]:
    """Matplotlib's list of the fonts there are, if it has one; to make it takes long."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    folder = Path(os.environ.get("MPLCONFIGDIR", cache / "matplotlib"))
    return sorted(folder.glob("fontlist-*.json"))


def _data() -> list[Path]:
    """Where the data sets lie."""
    folder = mnist_folder()
    return [folder.resolve()] if folder else []


def data_environment() -> dict[str, str]:
    """For a process to find the data sets where this one does, without a search."""
    for folder in _data():
        return {"BYHAND_DATA": str(folder), SOUND: str(folder)}
    return {"BYHAND_OFFLINE": "1", SOUND: ""}


def _environment(walls: bool) -> dict[str, str]:
    """Nothing of the grader's own environment goes in, but for a few names."""
    env = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    env |= {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": "/tmp",
        "IPYTHONDIR": "/tmp/ipython",
        "PYTHONHASHSEED": "0",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # in pages of 2 MB from the start
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *_packages()])),
    }
    return env | data_environment()
