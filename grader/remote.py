"""Called in other processes: the worker, and all that it imports, is loaded only there."""

import multiprocessing
import os
import socket
import threading

ONE_AT_A_TIME = threading.Lock()  # a test changes the whole process (seeds, …)


def prepare(control: socket.socket, walls: bool) -> None:
    """Make a process of the local engine ready: ``control`` is the way to a zygote."""
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    from grader import worker

    worker.use_rooms(control, walls)


def _end_with_the_run() -> None:
    """End this process when the run has, even if that was killed."""
    multiprocessing.parent_process().join()
    os._exit(1)


def judge(*args) -> dict:
    """`grader.worker.judge_submission`."""
    from grader import worker

    return worker.judge_submission(*args)


def judge_anywhere(walls: bool, sheet, *args) -> dict:
    """The same in a process that was not made ready: one of a cluster's."""
    with ONE_AT_A_TIME:
        from grader import worker

        worker.use_own_sandbox(walls, sheet)
        return worker.judge_submission(sheet, *args)
