"""The warm parent of the rooms: it has imported everything, and forks one for each.

It is started inside bubblewrap (`grader.sandbox`) and runs no student code. For each
request it forks a *keeper*, which makes new namespaces (user, processes, network, files,
inter-process communication) and forks the room into them. The keeper stays outside, out
of the student's sight: it ends the room when the judge lets go of its lifeline, or when
the room uses more memory or time than it may.

Run as ``python -m grader.zygote FD apart|together``: a datagram socket on which first a
:class:`Kit` comes, then requests.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import logging
import os
import re
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from grader import seccomp

WARM = (  # some would otherwise be imported when first used, in each room
    *("torch", "numpy.random", "matplotlib.style.core", "grader.room"),
    *("IPython", "IPython.core.logger", "matplotlib_inline.backend_inline"),
)
NOBODY = 65534
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = (
    1,
    2,
    4,
    4096,
    0x4000,
    0x40000,
)
LIBC.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
MADV_HUGEPAGE, MADV_COLLAPSE = 14, 25
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38


@dataclass(frozen=True)
class Limits:
    """What a submission may use; a homework sets its own in its notebook's metadata.

    Args:
        cell: seconds for one cell, and for one call from a test.
        total: seconds for a submission, tests included.
        memory: megabytes beyond what the imports take, of all its processes together.
        processes: processes and threads at a time.
        files: megabytes of files that it writes, which are all forgotten.
    """

    cell: float = 30
    total: float = 300
    memory: int = 3000
    processes: int = 64
    files: int = 64


@dataclass(frozen=True)
class Kit:
    """What all rooms of a homework find at hand, and what is refused in its tests.

    Args:
        imports: modules that the homework imports, and things that it imports from them.
        digits: whether it uses the images of digits.
        banned: patterns of :mod:`byhand.banned`.
    """

    imports: tuple[str, ...] = ()
    digits: bool = False
    banned: tuple[str, ...] = ()


def main() -> None:
    """Import, give up what rights there are, then fork a room for each request."""
    control = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()  # there is no garbage in imports that is worth the search
    apart = sys.argv[2] == "apart"  # namespaces can be had
    if os.getuid() == 0:
        # bubblewrap, run by root, hides parts of /proc, and then nobody else may mount
        _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV)
    warm_up()
    kit = json.loads(control.recv(100_000) or sys.exit())
    guard = _lay_out(Kit(**kit))
    _use_huge_pages()
    if os.getuid() == 0 and apart:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers need not be waited for
    LIBC.prctl(PR_SET_DUMPABLE, 0)
    control.send(b"ready")
    while True:
        request, fds, *_ = socket.recv_fds(control, 4096, 2)
        if not request:
            return
        if len(fds) == 2 and os.fork() == 0:
            control.close()
            try:
                _keep(*fds, json.loads(request), apart, guard)
            finally:
                os._exit(0)
        for fd in fds:
            os.close(fd)


def warm_up() -> None:
    """Import it all, and do what PyTorch, IPython and others put off to first use."""
    for name in WARM:
        importlib.import_module(name)
    import torch
    from IPython.core.interactiveshell import InteractiveShell
    from matplotlib_inline.backend_inline import configure_inline_support
    from traitlets.config import Config

    torch.set_num_threads(1)
    weight = torch.zeros(2, requires_grad=True)
    weight.sum().backward()
    shell = InteractiveShell.instance(
        config=Config({"HistoryManager": {"enabled": False}}),
        **{"colors": "nocolor", "cache_size": 0, "xmode": "Plain"},
    )
    configure_inline_support(shell, "module://matplotlib_inline.backend_inline")
    shell.run_cell("1", store_history=False, silent=True)
    shell.display_formatter.format(weight)


def _lay_out(kit: Kit):
    """Import what a homework needs; the guard before what it forbids."""
    for name in kit.imports:
        module, _, part = name.rpartition(".")
        with contextlib.suppress(ImportError):  # a cell may try what is not here
            importlib.import_module(module or part)
            if not hasattr(sys.modules.get(module), part):
                importlib.import_module(name)
    from byhand import banned

    if kit.digits:
        from byhand import data

        for split in ("train", "test"):
            data.digits(split)
    guard = banned.Guard(kit.banned)
    guard.place()
    # each is visited in each fork, and what they say is heard by nobody
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        getattr(logger, "handlers", []).clear()
    gc.freeze()  # what is here stays shared between the rooms
    return guard


def _use_huge_pages() -> None:
    """Put what is in memory into pages of 2 MB where the kernel can (Linux 6.1).

    There are several forks for each submission, and to copy 170,000 entries of a page
    table and let go of them again costs it 40 ms of CPU time.
    """
    LIBC.malloc_trim(0)
    size = 2 << 20
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, rights, _, _, inode, *_ = line.split()
        if rights == "rw-p" and inode == "0":
            start, end = (int(part, 16) for part in place.split("-"))
            start, end = -(-start // size) * size, end // size * size
            if start < end:
                LIBC.madvise(start, end - start, MADV_HUGEPAGE)
            for page in range(start, end, size):
                LIBC.madvise(page, size, MADV_COLLAPSE)  # fails where a page is empty


def _keep(room_fd: int, lifeline_fd: int, request: dict, apart: bool, guard) -> None:
    """Start the room, guard it, and tell the judge how it ended."""
    lifeline = socket.socket(fileno=lifeline_fd)
    limits = Limits(**request["limits"])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        if apart:
            _unshare()
        child = os.fork()
    except OSError as error:
        lifeline.send(json.dumps({"error": str(error)}).encode())
        return
    if child == 0:
        os.setsid()  # also where there are no namespaces: to be ended as a group
        lifeline.close()
        try:
            _become_room(room_fd, request["seed"], limits, apart, guard)
        except BaseException as error:
            print(f"the room could not be set up: {error}", file=sys.stderr)
        finally:
            os._exit(0)
    os.close(room_fd)
    why = _guard(child, lifeline, limits)
    try:
        os.killpg(child, signal.SIGKILL)
    except OSError:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    answer = {
        "why": why,
        "exit": os.waitstatus_to_exitcode(status),
        "cpu": usage.ru_utime + usage.ru_stime,
        "memory": usage.ru_maxrss // 1024,
    }
    with contextlib.suppress(OSError):  # the judge may be gone
        lifeline.send(json.dumps(answer).encode())


def _guard(child: int, lifeline: socket.socket, limits: Limits) -> str:
    """Wait until the room ends, or has to: returns why, "" if by itself."""
    ended = os.pidfd_open(child)
    over = time.monotonic() + limits.total
    page = resource.getpagesize()
    own = _resident(child, page)
    allowed = limits.memory * 1_000_000
    while time.monotonic() < over:
        ready, _, _ = select.select([ended, lifeline], [], [], 0.1)
        if ended in ready:
            return ""
        if lifeline in ready:
            return "let go"
        family = _family(child)
        most = sum(max(0, _resident(pid, page) - own) for pid in family)
        if most > allowed and _used(family, own, page) > allowed:
            return "memory"
    return "time"


def _family(child: int) -> list[int]:
    """The process, its children, theirs, and so on."""
    found, waiting = [], [child]
    while waiting and len(found) < 1000:
        pid = waiting.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                text = Path(f"/proc/{pid}/task/{task}/children").read_text()
                waiting += map(int, text.split())
        except OSError:
            continue
    return found


def _resident(pid: int, page: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * page
    except (OSError, IndexError):
        return 0


def _used(family: list[int], own: int, page: int) -> int:
    """The bytes that a room and its children take, what they share counted once.

    A snapshot shares nearly all with its room. To find out takes long; hence only where
    it matters.
    """
    room, *children = family
    size = _resident(room, page)
    total = max(0, size - own)
    for pid in children:
        grown = _resident(pid, page) - size
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            private = 1024 * sum(
                map(int, re.findall(r"(?m)^Private_\w+: +(\d+)", text))
            )
        except OSError:  # it hides, or has just ended
            private = _resident(pid, page)
        total += max(0, private, grown)
    return total


def _unshare() -> None:
    """New namespaces for this process (files, …) and its children (processes)."""
    uid, gid = os.getuid(), os.getgid()
    LIBC.prctl(PR_SET_DUMPABLE, 1)  # or /proc/self belongs to root
    flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS
    flags |= CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
    _check(LIBC.unshare(flags), "new namespaces")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    LIBC.prctl(PR_SET_DUMPABLE, 0)


def _become_room(fd: int, seed: int, limits: Limits, apart: bool, guard) -> None:
    """From here on this process is the student's."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if apart:
        # mounts of its own: the keeper needs its /proc to see what the room uses
        _check(LIBC.unshare(CLONE_NEWNS), "new mounts")
        _mount(None, "/", None, MS_REC | MS_PRIVATE)
        _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV)
        # inside one more namespace it would have all capabilities again
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
        kept = {path: os.open(path, os.O_PATH) for path in _needed_in_tmp()}
        for folder in ("/tmp", "/dev/shm"):
            size = f"size={limits.files}m,mode=1777,nr_inodes=20000"
            _mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, size)
        for path, number in kept.items():
            os.makedirs(path)
            _mount(f"/proc/self/fd/{number}", path, None, MS_BIND | MS_REC)
        # terminals are shared by all rooms of a zygote
        _mount("tmpfs", "/dev/pts", "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY)
    with contextlib.suppress(OSError):  # if memory runs out, rooms go first
        Path("/proc/self/oom_score_adj").write_text("1000")
    os.chdir("/tmp")
    os.environ["HOME"] = "/tmp"
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.dup2(fd, 3)
    os.closerange(4, 65536)
    _limit(resource.RLIMIT_NPROC, limits.processes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, limits.files * 1_000_000)
    _limit(resource.RLIMIT_NOFILE, 256)
    _limit(resource.RLIMIT_CPU, int(limits.total) + 5)
    # the keeper holds the room to its memory; this, to what it can take in between
    _limit(resource.RLIMIT_DATA, _data_size() + 2 * limits.memory * 1_000_000)
    _drop_capabilities()
    seccomp.refuse()
    LIBC.prctl(PR_SET_DUMPABLE, 1)
    from grader.room import Room

    gc.enable()
    Room(socket.socket(fileno=3), seed, guard).serve()


def _needed_in_tmp() -> list[str]:
    """Folders that a room needs and that a /tmp of its own would hide."""
    project = Path(__file__).resolve().parent.parent
    found = [sys.prefix, sys.base_prefix, os.environ.get("BYHAND_DATA", "/")]
    found += [str(project / "byhand"), str(project / "grader")]
    return [path for path in found if Path(path).is_relative_to("/tmp")]


def _data_size() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def _drop_capabilities() -> None:
    """A new user namespace gives all of them; none is needed."""
    LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    _check(LIBC.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def _mount(source, target: str, kind, flags: int, data: str | None = None) -> None:
    encoded = [s and s.encode() for s in (source, target, kind)]
    _check(
        LIBC.mount(*encoded, ctypes.c_ulong(flags), data and data.encode()),
        f"mounting {target}",
    )


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def start_request(limits: Limits, seed: int) -> bytes:
    """The request for one room, sent along with its socket and its lifeline."""
    return json.dumps({"limits": asdict(limits), "seed": seed}).encode()


if __name__ == "__main__":
    main()
