"""What a worker process does: judge a submission.

Importing this module imports PyTorch and what else nearly every test needs, once for
all workers of a machine (`grader.engine` forks them from a process that has done so).
"""

# ruff: noqa: E402
import gc

gc.disable()  # there is no garbage in imports that is worth the search

import atexit
import dataclasses
import faulthandler
import os
import socket

import torch
import torch.fx.experimental.symbolic_shapes  # as torch.autograd.grad does when called

from byhand import data
from grader.judge import judge
from grader.sandbox import NoAnswer, Rooms, Sandbox
from grader.sheet import Cell, Sheet

os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)
for _split in ("train", "test"):
    data.digits(_split)
gc.freeze()
gc.enable()
# PyTorch's parts complain about each other when an interpreter takes itself down
atexit.register(os._exit, 0)

GRACE = 120  # seconds that a judge may take beyond a submission's own limit
_rooms: Rooms | None = None
_own: tuple | None = None  # what this process's own sandbox was made for


def use_rooms(control: socket.socket, walls: bool) -> None:
    """Take rooms from a zygote that is already there."""
    global _rooms
    _rooms = Rooms(control, walls)


def use_own_sandbox(walls: bool, sheet: Sheet) -> None:
    """Start a zygote for this process alone, unless it has the right one."""
    global _rooms, _own
    if _own == (walls, sheet.kit):
        return
    if _own:
        _rooms.close()
    _rooms = _own = None
    sandbox = Sandbox(walls)
    sandbox.furnish(sheet.kit)
    sandbox.wait()
    _rooms, _own = sandbox, (walls, sheet.kit)


def judge_submission(sheet: Sheet, student: str, cells: list[Cell]) -> dict:
    """Judge a repaired notebook's cells: the verdict, as plain data."""
    # should a test itself hang on what it was given, this process ends, and no other
    with open(os.devnull, "w") as null:
        seconds = 2 * sheet.limits.total + GRACE
        faulthandler.dump_traceback_later(seconds, exit=True, file=null)
        try:
            try:
                verdict = judge(cells, sheet, student, _rooms)
            except NoAnswer:
                verdict = judge(cells, sheet, student, _rooms)
        finally:
            faulthandler.cancel_dump_traceback_later()
    return dataclasses.asdict(verdict)
