"""What a worker process does: judge a submission.

Importing this module imports PyTorch and what else nearly every test needs, once for
all workers of a machine (`grader.engine` forks them from a process that has done so).
"""

import atexit
import dataclasses
import faulthandler
import os
import socket
import threading

import nbformat
import torch

from byhand import data
from grader.judge import judge
from grader.sandbox import NoAnswer, Rooms, Sandbox
from grader.sheet import Sheet

os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)
for _split in ("train", "test"):
    data.digits(_split)
# PyTorch's parts complain about each other when an interpreter takes itself down
atexit.register(os._exit, 0)

GRACE = 120  # seconds that a judge may take beyond a submission's own limit
ONE_AT_A_TIME = threading.Lock()  # a test changes the whole process (seeds, …)
_rooms: Rooms | None = None


def use_rooms(control: socket.socket, walls: bool) -> None:
    """Take rooms from a zygote that is already there."""
    global _rooms
    _rooms = Rooms(control, walls)


def use_own_sandbox(walls: bool) -> None:
    """Start a zygote for this process alone, if it has none yet."""
    global _rooms
    if _rooms is None:
        sandbox = Sandbox(walls)
        sandbox.ready()
        _rooms = sandbox


def judge_submission(sheet: Sheet, student: str, notebook: str) -> dict:
    """Judge a repaired notebook (as JSON): the verdict, and the notebook with outputs."""
    # should a test itself hang on what it was given, this process ends, and no other
    with open(os.devnull, "w") as null:
        seconds = 2 * sheet.limits.total + GRACE
        faulthandler.dump_traceback_later(seconds, exit=True, file=null)
        try:
            for attempt in (1, 2):
                found = nbformat.reads(notebook, as_version=4)
                try:
                    verdict = judge(found, sheet, student, _rooms)
                    break
                except NoAnswer:
                    if attempt == 2:
                        raise
        finally:
            faulthandler.cancel_dump_traceback_later()
    return dataclasses.asdict(verdict) | {"notebook": nbformat.writes(found)}
