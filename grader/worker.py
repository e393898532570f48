"""What a worker process does: judge a submission, write a feedback page.

Importing this module imports PyTorch and all else that a judge needs, once for all
workers of a machine (`grader.engine` forks them from a process that has done so).
"""

import atexit
import dataclasses
import os
import socket
import threading
from pathlib import Path

import nbformat

from grader.course import Course
from grader.feedback import write_feedback
from grader.judge import judge
from grader.sandbox import Rooms, Sandbox
from grader.sheet import Sheet
from grader.zygote import warm_up

os.environ["OMP_NUM_THREADS"] = "1"
warm_up()
# PyTorch's parts complain about each other when an interpreter takes itself down
atexit.register(os._exit, 0)

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
        _rooms = Sandbox(walls)
        _rooms.ready()


def judge_submission(sheet: Sheet, student: str, notebook: str) -> dict:
    """Judge a repaired notebook (as JSON): the verdict, and the notebook with outputs."""
    found = nbformat.reads(notebook, as_version=4)
    verdict = judge(found, sheet, student, _rooms)
    return dataclasses.asdict(verdict) | {"notebook": nbformat.writes(found)}


def make_feedback(folder: Path, homework: str, student: str) -> str | None:
    """Write a student's feedback page; what went wrong, or None."""
    return write_feedback(Course(folder), homework, student)
