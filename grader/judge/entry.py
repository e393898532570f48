"""The first thing that runs in the processes of an engine.

Here nothing is imported that takes time: the worker, and all that it needs, is loaded
only in the process that judges.
"""

import multiprocessing
import os
import socket
import threading

from grader.notebook.sheet import Cell, Sheet
from grader.notebook.verdict import Verdict

ONE_AT_A_TIME = threading.Lock()  # a test changes the whole process (seeds, …)


def prepare(control: socket.socket, walls: bool) -> None:
    """Make a process of the local engine ready: ``control`` is the way to a zygote."""
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    from grader.judge import worker

    worker.use_rooms(control, walls)


def _end_with_the_run() -> None:
    """End this process when the run has, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def judge(sheet: Sheet, student: str, cells: list[Cell]) -> Verdict:
    """`grader.judge.worker.judge_submission`."""
    from grader.judge import worker

    return worker.judge_submission(sheet, student, cells)


def judge_anywhere(
    walls: bool, sheet: Sheet, student: str, cells: list[Cell]
) -> Verdict:
    """The same in a process that was not made ready: one of a cluster's."""
    with ONE_AT_A_TIME:
        from grader.judge import worker

        worker.use_own_sandbox(walls, sheet)
        return worker.judge_submission(sheet, student, cells)
