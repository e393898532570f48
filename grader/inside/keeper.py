"""The keeper of one room: starts it, holds it to its memory and time, says how it ended.

It stays outside the room's namespaces, out of the student's sight.

While tests run, nothing of the room's runs but the snapshot that serves them: all else is
stopped, processes and threads, and goes on afterwards. So nobody can work for the
snapshot who may do what it may not.
"""

import contextlib
import os
import re
import resource
import select
import signal
import socket
import sys
import time
from pathlib import Path

from grader.inside.guard import Guard
from grader.inside.namespaces import become_room, unshare
from grader.wire.messages import (
    CLEAR,
    CROWD,
    DONE,
    HOLD,
    WAITED,
    Ended,
    Limits,
    StartRoom,
    Why,
)

LOOK = 0.1  # seconds between two looks at the memory


def keep(
    room_fd: int, lifeline_fd: int, wanted: StartRoom, apart: bool, guard: Guard
) -> None:
    """Start the room, guard it, and tell the judge how it ended.

    Args:
        room_fd: the room's socket to the judge.
        lifeline_fd: the keeper's; when the judge lets go of it, the room ends.
        wanted: what room.
        apart: whether namespaces can be had.
        guard: before what the homework forbids.
    """
    lifeline = socket.socket(fileno=lifeline_fd)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        if apart:
            unshare()
        child = os.fork()
    except OSError as error:
        lifeline.send(Ended(error=str(error)).to_json())
        return
    if child == 0:
        os.setsid()  # also where there are no namespaces: to be ended as a group
        lifeline.close()
        try:
            become_room(room_fd, wanted, apart, guard)
        except BaseException as error:
            print(f"the room could not be set up: {error}", file=sys.stderr)
        finally:
            os._exit(0)
    os.close(room_fd)
    why = _watch(child, lifeline, wanted.limits)
    try:
        os.killpg(child, signal.SIGKILL)
    except OSError:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    ended = Ended(
        why,
        os.waitstatus_to_exitcode(status),
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss // 1024,
    )
    with contextlib.suppress(OSError):  # the judge may be gone
        lifeline.send(ended.to_json())


def _watch(child: int, lifeline: socket.socket, limits: Limits) -> Why:
    """Wait until the room ends, or has to: returns why, "" if by itself."""
    ended = os.pidfd_open(child)
    over = time.monotonic() + limits.total
    page = resource.getpagesize()
    own = _resident(child, page)
    allowed = limits.memory * 1_000_000
    stopped: set[int] = set()
    while (now := time.monotonic()) < over or (
        now < over + min(_waited(child), limits.total)
    ):
        ready, _, _ = select.select([ended, lifeline.fileno()], [], [], LOOK)
        if ended in ready:
            return ""
        if lifeline.fileno() in ready:
            request = lifeline.recv(16)
            if not request:
                return "let go"
            with contextlib.suppress(OSError):  # the judge may be gone
                lifeline.send(_serve(request, child, stopped))
            continue
        family = _family(child)
        most = sum(max(0, _resident(pid, page) - own) for pid in family)
        if most > allowed and _used(family, own, page) > allowed:
            return "memory"
    return "time"


def _serve(request: bytes, child: int, stopped: set[int]) -> bytes:
    """Do what the judge asks; ``stopped``: the processes that are, besides the room."""
    if request == WAITED:
        return str(_waited(child)).encode()
    if request == CLEAR:
        stopped.update(_family(child)[1:])
        _signal(stopped, signal.SIGSTOP)
        return DONE
    if request == HOLD:
        _signal({child}, signal.SIGSTOP)
        new = set(_family(child)[1:]) - stopped
        return CROWD if sum(map(_lives, new)) > 1 else DONE
    _signal(stopped | {child}, signal.SIGCONT)
    stopped.clear()
    return DONE


def _waited(child: int) -> float:
    """Seconds in which a room had to wait for a processor (proc(5)).

    That of its processes which waited most. They may be in each other's way, so whoever
    asks gives no more time for it than there was.
    """
    most = 0
    for pid in _family(child):
        with contextlib.suppress(OSError, IndexError, ValueError):
            text = Path(f"/proc/{pid}/schedstat").read_text()
            most = max(most, int(text.split()[1]))
    return most / 1e9


def _signal(pids: set[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _lives(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def _family(child: int) -> list[int]:
    """The process, its children, theirs, and so on."""
    found: list[int] = []
    waiting = [child]
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
