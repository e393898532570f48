"""Called in other processes: the worker, and all that it imports, is loaded only there."""

import socket


def prepare(control: socket.socket, walls: bool) -> None:
    """Make a process of the local engine ready."""
    from grader import worker

    worker.use_rooms(control, walls)


def call(function: str, *args):
    """Call a function of `grader.worker`."""
    from grader import worker

    return getattr(worker, function)(*args)


def call_anywhere(walls: bool, function: str, *args):
    """The same in a process that was not made ready: one of a cluster's."""
    from grader import worker

    with worker.ONE_AT_A_TIME:
        worker.use_own_sandbox(walls)
        return getattr(worker, function)(*args)
