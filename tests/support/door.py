"""The door between a test and a student's code, with both sides in this process.

In the grader there is a process on each side of it (`grader.proxy`, `grader.room`). Here
the same code packs, serves and unpacks whatever crosses; only the socket is left out.
"""

import contextlib
import io
from types import SimpleNamespace

import torch
from grader.room import _Snapshot, describe

from grader import proxy, wire


class Door(proxy.Line):
    """A line to a room that is here.

    Autograd's switch and PyTorch's random numbers are the room's own while it serves a
    call, as they are where it has a process to itself.

    Args:
        names: the room's, which its functions have for their globals.
    """

    def __init__(self, names: dict):
        room = SimpleNamespace(shell=SimpleNamespace(user_ns=names), states={})
        self.snapshot = _Snapshot(room, None, 0)
        self.state = _state()

    def ask(self, do: str, **what):
        question = _crossed({"do": do} | what, proxy._outgoing)
        serve = getattr(self.snapshot, f"do_{question.pop('do')}")
        with self._in_the_room():
            try:
                answer = _crossed(serve(**question), self.snapshot._handle)
            except Exception as error:
                answer = _crossed({"error": describe(error)})
        if "error" in answer:
            raise proxy._raised(answer["error"])
        return answer

    @contextlib.contextmanager
    def _in_the_room(self):
        outside = _state()
        _set(self.state)
        try:
            yield
        finally:
            self.state = _state()
            _set(outside)


class _Message(io.BytesIO):
    """A message that has been sent, as one receives it from a socket."""

    recv = io.BytesIO.read


def _crossed(value, handle=None):
    """What the other side gets to see of a value."""
    return wire.receive(_Message(wire.pack(value, handle)))


def _state() -> tuple:
    return torch.is_grad_enabled(), torch.get_rng_state()


def _set(state: tuple) -> None:
    grad, numbers = state
    torch.set_grad_enabled(grad)
    torch.set_rng_state(numbers)
