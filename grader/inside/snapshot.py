"""A snapshot of the room: serves the calls of tests, one test after another, and ends."""

import os
import random
import socket
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from grader.inside.calls import CLOCK, describe
from grader.inside.guard import Guard
from grader.inside.showing import Stream
from grader.wire import codec
from grader.wire.messages import (
    Answer,
    Begin,
    Call,
    Fault,
    Get,
    Items,
    NotAllowed,
    Set,
    ToSnapshot,
    from_plain,
)


class Served:
    """Names and objects of the student's, served to tests.

    Args:
        names: the notebook's names, which this changes.
        states: what they were at earlier places, by number.
        connection: to the judge.
        seconds: that a call may take.
        guard: before what the homework forbids.
    """

    def __init__(
        self,
        names: dict[str, Any],
        states: dict[int, dict[str, Any]],
        connection: socket.socket,
        seconds: float,
        guard: Guard,
    ):
        self.names, self.states = names, states
        self.now = dict(names)
        self.connection, self.seconds, self.guard = connection, seconds, guard
        self.number = 0  # of the request that is being answered
        self.objects: list[Any] = []
        self.chance = random.getstate(), np.random.get_state(), torch.get_rng_state()

    def serve(self) -> None:
        """Answer the judge until it hangs up, which raises WireError."""
        sys.stdout = sys.stderr = Stream("stdout", [])
        self.guard.refuse(self._final)
        while True:
            request, number = from_plain(codec.receive(self.connection))
            self.number = number
            try:
                with CLOCK.within(self.seconds), self.guard.watch():
                    answer = self.answer(request, number)
                message = codec.pack(answer.to_plain(), self._handle)
            except BaseException as error:
                answer = Answer(number, fault=describe(error))
                message = codec.pack(answer.to_plain())
            codec.send(self.connection, message)

    def _final(self, words: str) -> None:
        """Answer that something is not allowed, and end."""
        answer = Answer(self.number, fault=Fault(NotAllowed.__name__, words))
        codec.send(self.connection, codec.pack(answer.to_plain()))
        os._exit(0)

    def answer(self, request: ToSnapshot, number: int) -> Answer:
        """Do what a test asks for; raises whatever the student's code raises."""
        match request:
            case Begin():
                return Answer(number, self._begin(request))
            case Call():
                return self._call(request, number)
            case Get():
                return Answer(
                    number, getattr(self.objects[request.target], request.name)
                )
            case Set():
                target = self.objects[request.target]
                setattr(target, request.name, self._inside(request.value))
                return Answer(number)
            case Items():
                return Answer(number, list(self.objects[request.target]))

    def _begin(self, request: Begin) -> dict[str, Any]:
        """Names and random numbers as they were at the test's place in the notebook."""
        self.objects.clear()
        self.names.clear()
        earlier = None if request.state is None else self.states.get(request.state)
        self.names.update(self.now if earlier is None else earlier)
        python, numpy, pytorch = self.chance
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(pytorch)
        for source in request.given:
            exec(source, self.names)
        module = type(sys)
        found = {n: self.names[n] for n in request.names if n in self.names}
        return {n: v for n, v in found.items() if not isinstance(v, module)}

    def _call(self, request: Call, number: int) -> Answer:
        function = self.objects[request.target]
        args, kwargs = self._inside(request.args), self._inside(request.kwargs)
        if not request.watch:
            return Answer(number, function(*args, **kwargs))
        tensors = list(_tensors([args, kwargs]))
        before = [t.detach().clone() for t in tensors]
        value = function(*args, **kwargs)
        pairs = enumerate(zip(tensors, before, strict=True))
        changed = {n: t for n, (t, old) in pairs if not _same(t, old)}
        return Answer(number, value, changed)

    def _handle(self, thing: Any) -> codec.Handle:
        self.objects.append(thing)
        kind = type(thing).__name__
        return codec.Handle(len(self.objects) - 1, str(kind), callable(thing))

    def _inside(self, value: Any) -> Any:
        if isinstance(value, codec.Handle):
            return self.objects[value.number]
        if isinstance(value, (tuple, list)):
            return type(value)(self._inside(v) for v in value)
        if isinstance(value, dict):
            return {k: self._inside(v) for k, v in value.items()}
        return value


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors hold the same, NaN included."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if torch.equal(one, other):
        return True
    # NaN is not equal to itself
    pair = [t.detach().contiguous().reshape(-1).view(torch.uint8) for t in (one, other)]
    return torch.equal(*pair)
