"""The judge's side of the door: a test's names for what lies in the student's room."""

import builtins
import itertools
import select
import socket
from collections import abc
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from torch import Tensor

from grader.judge.patience import GRACE, wait
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
    to_plain,
)

# what a student's code may raise in a test, as itself; all else is a RuntimeError
KNOWN = {
    name: error
    for name, error in vars(builtins).items()
    if isinstance(error, type) and issubclass(error, Exception)
    if not issubclass(error, (Warning, StopIteration, StopAsyncIteration))
}


class Line:
    """The line to a snapshot of the room; one request at a time.

    Args:
        connection: to the snapshot.
        seconds: for one call.
        deadline: of the whole submission, of ``time.monotonic``.
        waited: for how long the room has had to wait for a processor.
    """

    def __init__(
        self,
        connection: socket.socket,
        seconds: float,
        deadline: float,
        waited: abc.Callable[[], float] = float,
    ):
        self.connection, self.seconds, self.deadline = connection, seconds, deadline
        self.waited = waited
        self.number = 0
        self.broken = ""  # why nothing more can be asked

    def ask(self, request: ToSnapshot) -> Answer:
        """Send a request; the room's answer.

        Raises:
            Exception: what the student's code raised, as itself or as a RuntimeError.
            TimeoutError: it took too long. The line is broken then, as it is after:
            RuntimeError: the room has ended, or broken the rules.
        """
        if self.broken:
            raise RuntimeError(self.broken)
        self.number += 1
        message = codec.pack(to_plain(request, self.number), _outgoing)
        try:
            ready, _, _ = select.select([self.connection], [], [], 0)
            if ready and self.connection.recv(1):
                raise codec.WireError("it spoke before it was asked")
            self.connection.settimeout(max(0.01, self.seconds + GRACE))
            codec.send(self.connection, message)
            deadline = wait(self.connection, self.seconds, self.deadline, self.waited)
            answer = Answer.from_room(codec.receive(self.connection, deadline))
            if answer.number != self.number:
                raise codec.WireError("an answer to another question")
        except TimeoutError:
            words = f"Your code took more than {self.seconds:g} s, and was stopped."
            self.broken = words
            raise TimeoutError(self.broken) from None
        except (codec.WireError, ValueError, OSError) as error:
            self.broken = f"Your code ended, or broke off: {error}."
            raise RuntimeError(self.broken) from None
        if answer.fault:
            raise raised(answer.fault)
        return answer

    def begin(
        self, names: list[str], state: int | None = None, given: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Begin a test: of these names, those that the student has defined, with values.

        Args:
            state: which names the room is to go back to; None: those of now.
            given: the homework's own cells to be run once more before.
        """
        found = self.ask(Begin(names, state, list(given))).value
        if type(found) is not dict:
            return {}
        return {n: self.inside_out(found[n]) for n in names if n in found}

    def inside_out(self, value: Any) -> Any:
        """Plain data as it is, handles as proxies."""
        kind = type(value)
        if kind is codec.Handle:
            return (Callable if value.callable else Proxy)(self, value)
        if kind in (tuple, list):
            return kind(self.inside_out(v) for v in value)
        if kind is dict:
            return {self.inside_out(k): self.inside_out(v) for k, v in value.items()}
        return value


class Proxy:
    """An object of the student's, seen from a test: to call, hand back and read from.

    It has no value: comparing it, or asking whether it is true, raises TypeError, so
    that no test passes because of what the object says of itself.
    """

    _line: Line
    _handle: codec.Handle

    def __init__(self, line: Line, handle: codec.Handle):
        object.__setattr__(self, "_line", line)
        object.__setattr__(self, "_handle", handle)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"{self._handle.kind} has no {name} here")
        line, number = self._line, self._handle.number
        return line.inside_out(line.ask(Get(number, name)).value)

    def __setattr__(self, name: str, value: Any) -> None:
        self._line.ask(Set(self._handle.number, name, value))

    def __iter__(self) -> Iterator[Any]:
        value = self._line.ask(Items(self._handle.number)).value
        return iter(self._line.inside_out(value if type(value) is list else []))

    def __repr__(self) -> str:
        return f"<{self._handle.kind} of the student's>"

    def _no_value(self, *_) -> NoReturn:
        raise TypeError(f"a {self._handle.kind} was returned where a value is needed")

    __bool__ = __lt__ = __le__ = __gt__ = __ge__ = _no_value
    __eq__ = __ne__ = _no_value
    __float__ = __int__ = __index__ = __len__ = __contains__ = _no_value
    __hash__ = object.__hash__


class Callable(Proxy):
    """A function, method, class or module of the student's."""

    def __call__(self, *args, **kwargs) -> Any:
        return self._line.inside_out(self._ask(args, kwargs).value)

    def with_arguments(self, *args) -> tuple:
        """What a call returns, and what it made of its arguments.

        The test's own arguments stay as they are: what a test expects may be computed
        from them after the call.
        """
        answer = self._ask(args, {}, watch=True)
        places = itertools.count()
        left = tuple(_changed(arg, answer.changed, places) for arg in args)
        return self._line.inside_out(answer.value), left

    def _ask(self, args: tuple, kwargs: dict, watch: bool = False) -> Answer:
        return self._line.ask(Call(self._handle.number, args, kwargs, watch))

    @property
    def __name__(self) -> str:
        return str(self._line.ask(Get(self._handle.number, "__name__")).value)[:100]


def _outgoing(thing: Any) -> codec.Handle:
    if isinstance(thing, Proxy):
        return thing._handle
    raise TypeError(f"a test cannot hand a {type(thing).__name__} to a student's code")


def _changed(arg: Any, changed: dict, places: Iterator[int]) -> Any:
    """An argument with what a student's code made of it, by the tensors' numbers."""
    if isinstance(arg, Tensor):
        return changed.get(next(places), arg)
    if isinstance(arg, (list, tuple)):
        return type(arg)(_changed(item, changed, places) for item in arg)
    if isinstance(arg, dict):
        return {k: _changed(item, changed, places) for k, item in arg.items()}
    return arg


class _Said(str):
    """Words that a KeyError, too, says as they are: it says its argument's repr."""

    def __repr__(self) -> str:
        return str(self)


def raised(fault: Fault) -> Exception:
    """The exception that a fault stands for, with the student's lines."""
    kind, words = fault.kind, fault.words
    known = NotAllowed if kind == "NotAllowed" else KNOWN.get(kind)
    if known is None or known in (UnicodeDecodeError, UnicodeEncodeError):
        known, words = RuntimeError, f"{kind}: {words}"
    if issubclass(known, UnicodeError | BaseExceptionGroup):
        known = ValueError
    error = known(_Said(words))
    vars(error)["students_lines"] = fault.lines
    return error
