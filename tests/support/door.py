"""The door between a test and a student's code, with both sides in this process.

In the grader there is a process on each side of it (`grader.judge.proxy`,
`grader.inside.snapshot`). Here
the same code packs, serves and unpacks whatever crosses; only the socket is left out.
"""

import contextlib
import io
from typing import Any

import torch

from grader.inside.calls import describe
from grader.inside.snapshot import Served
from grader.judge import proxy
from grader.wire import codec
from grader.wire.messages import Answer, from_plain, to_plain


class Door(proxy.Line):
    """A line to a room that is here.

    Autograd's switch and PyTorch's random numbers are the room's own while it serves a
    call, as they are where it has a process to itself.

    Args:
        names: the room's, which its functions have for their globals.
    """

    def __init__(self, names: dict):
        nobody: Any = None  # there is no socket, nothing is forbidden
        self.served = Served(names, {}, nobody, 0, nobody)
        self.state = _state()

    def ask(self, request):
        question, number = from_plain(_crossed(to_plain(request), proxy._outgoing))
        with self._in_the_room():
            try:
                found = self.served.answer(question, number).to_plain()
                said = _crossed(found, self.served._handle)
            except Exception as error:
                said = _crossed(Answer(number, fault=describe(error)).to_plain())
        answer = Answer.from_room(said)
        if answer.fault:
            raise proxy.raised(answer.fault)
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
    return codec.receive(_Message(codec.pack(value, handle)))


def _state() -> tuple:
    return torch.is_grad_enabled(), torch.get_rng_state()


def _set(state: tuple) -> None:
    grad, numbers = state
    torch.set_grad_enabled(grad)
    torch.set_rng_state(numbers)
