"""What a worker process does: judge a submission.

Importing this module imports PyTorch and what else nearly every test needs, once for
all workers of a machine (`grader.judge.local` forks them from a process that has done
so).
"""

import atexit
import faulthandler
import os
import socket
from pathlib import Path

from grader.errors import NoAnswer
from grader.startup import no_search_for_garbage

# PyTorch's parts complain about each other when an interpreter takes itself down
# ("nanobind: leaked …"): also when it is told to while they are still being imported
atexit.register(os._exit, 0)
with no_search_for_garbage():
    import torch
    import torch.fx.experimental.symbolic_shapes  # as torch.autograd.grad does if called

    from byhand import data
    from grader.judge.bounds import limit_memory
    from grader.judge.judge import judge
    from grader.judge.sandbox import Rooms, Sandbox
    from grader.notebook.sheet import Cell, Sheet
    from grader.notebook.verdict import Verdict
    from grader.wire.messages import Kit

    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    for _split in ("train", "test"):
        data.digits(_split)
atexit.register(os._exit, 0)  # once more: before what they have registered themselves

GRACE = 120  # seconds that a judge may take beyond a submission's own limit
_rooms: Rooms | None = None
_own: tuple[bool, Kit] | None = None  # what this process's own sandbox was made for


def use_rooms(control: socket.socket, walls: bool) -> None:
    """Take rooms from a zygote that is already there."""
    global _rooms
    _rooms = Rooms(control, walls)
    if Path("/proc/self/status").exists():
        limit_memory()


def use_own_sandbox(walls: bool, sheet: Sheet) -> None:
    """Start a zygote for this process alone, unless it has the right one."""
    global _rooms, _own
    if _own == (walls, sheet.kit):
        return
    if isinstance(_rooms, Sandbox):
        _rooms.close()
    _rooms = _own = None
    sandbox = Sandbox(walls)
    sandbox.furnish(sheet.kit)
    sandbox.wait()
    _rooms, _own = sandbox, (walls, sheet.kit)


def judge_submission(sheet: Sheet, student: str, cells: list[Cell]) -> Verdict:
    """Judge a repaired notebook's cells.

    Raises:
        SandboxError: there are no rooms to be had.
        NoAnswer: a room's keeper did not answer, twice.
    """
    if _rooms is None:
        raise RuntimeError("this process has no rooms: use_rooms() first")
    # should a test itself hang on what it was given, this process ends, and no other
    with open(os.devnull, "w") as null:
        seconds = 2 * sheet.limits.total + GRACE
        faulthandler.dump_traceback_later(seconds, exit=True, file=null)
        try:
            try:
                return judge(cells, sheet, student, _rooms)
            except NoAnswer:
                return judge(cells, sheet, student, _rooms)
        finally:
            faulthandler.cancel_dump_traceback_later()
