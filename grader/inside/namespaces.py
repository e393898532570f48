"""What makes a process a room: namespaces, mounts, limits and rights of its own.

Sources: unshare(2), mount(2), prctl(2), madvise(2), capset(2), user_namespaces(7), and
the kernel's headers linux/sched.h, linux/mount.h, linux/prctl.h, linux/capability.h.
"""

import contextlib
import ctypes
import gc
import os
import resource
import signal
import socket
import sys
from pathlib import Path

from grader.inside import seccomp
from grader.inside.guard import Guard
from grader.wire.messages import MOUNTED, StartRoom

LIBC = ctypes.CDLL(None, use_errno=True)
# linux/sched.h
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
# linux/mount.h
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND = 0x1, 0x2, 0x4, 0x1000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
# linux/prctl.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
CAPABILITIES_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3, linux/capability.h
PROJECT = Path(__file__).resolve().parents[2]


def unshare() -> None:
    """New namespaces for this process (files, …) and its children (processes).

    Raises:
        OSError: the system forbids it.
    """
    uid, gid = os.getuid(), os.getgid()
    LIBC.prctl(PR_SET_DUMPABLE, 1)  # or /proc/self belongs to root
    flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS
    flags |= CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
    _check(LIBC.unshare(flags), "new namespaces")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    LIBC.prctl(PR_SET_DUMPABLE, 0)


def become_room(fd: int, wanted: StartRoom, apart: bool, guard: Guard) -> None:
    """From here on this process is the student's; returns when the room has ended.

    Args:
        fd: its socket to the judge.
        wanted: limits and seed.
        apart: whether it has namespaces of its own (:func:`unshare`).
        guard: before what the homework forbids.

    Raises:
        OSError: the system forbids something that is needed.
    """
    limits = wanted.limits
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if apart:
        _own_mounts(limits.files)
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
    from grader.inside.room import Room

    gc.enable()
    Room(socket.socket(fileno=3), wanted.seed, guard, wanted.strict).serve()


def mount(
    source: str | None, target: str, kind: str | None, flags: int, data: str = ""
) -> None:
    """mount(2), with the kernel's own words if it fails.

    Raises:
        OSError: it fails.
    """
    encoded = [s and s.encode() for s in (source, target, kind)]
    _check(
        LIBC.mount(*encoded, ctypes.c_ulong(flags), data.encode() or None),
        f"mounting {target}",
    )


def mount_proc() -> None:
    """A /proc of this process's own namespace."""
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV)


def _own_mounts(megabytes: int) -> None:
    # mounts of its own: the keeper needs its /proc to see what the room uses
    _check(LIBC.unshare(CLONE_NEWNS), "new mounts")
    mount(None, "/", None, MS_REC | MS_PRIVATE)
    mount_proc()
    # inside one more namespace it would have all capabilities again
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    kept = {path: os.open(path, os.O_PATH) for path in _needed_in_tmp()}
    for folder in ("/tmp", "/dev/shm"):
        size = f"size={megabytes}m,mode=1777,nr_inodes=20000"
        mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, size)
    for path, number in kept.items():
        if os.path.isdir(f"/proc/self/fd/{number}"):
            os.makedirs(path, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        mount(f"/proc/self/fd/{number}", path, None, MS_BIND | MS_REC)
    # terminals are shared by all rooms of a zygote
    mount("tmpfs", "/dev/pts", "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY)


def _needed_in_tmp() -> list[str]:
    """What a room needs and a /tmp of its own would hide."""
    found = [sys.prefix, sys.base_prefix, os.environ.get("BYHAND_DATA", "/")]
    if not PROJECT.is_relative_to(sys.prefix):  # else it comes with that
        found += [str(PROJECT / part) for part in MOUNTED]
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
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_3, 0)  # of this process
    _check(LIBC.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
