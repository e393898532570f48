"""Called in other processes: the worker, and all that it imports, is loaded only there."""

import multiprocessing
import os
import socket
import threading
from pathlib import Path


def prepare(control: socket.socket | None, walls: bool) -> None:
    """Make a process of the local engine ready.

    Args:
        control: the way to a zygote; None where no student's code will be run.
    """
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    if control:
        from grader import worker

        worker.use_rooms(control, walls)


def _end_with_the_run() -> None:
    """End this process when the run has, even if that was killed."""
    multiprocessing.parent_process().join()
    os._exit(1)


def call(function: str, *args):
    """Call a function of `grader.worker`."""
    from grader import worker

    return getattr(worker, function)(*args)


def make_feedback(folder: Path, homework: str, student: str) -> str | None:
    """Write a student's feedback page; what went wrong, or None."""
    from grader.course import Course
    from grader.feedback import write_feedback

    return write_feedback(Course(folder), homework, student)


def call_anywhere(walls: bool, function: str, *args):
    """The same in a process that was not made ready: one of a cluster's."""
    from grader import worker

    with worker.ONE_AT_A_TIME:
        worker.use_own_sandbox(walls)
        return getattr(worker, function)(*args)
