"""The judge's side of the door: a test's names for what lies in the student's room."""

import builtins
import itertools
import select
import socket
import time

from torch import Tensor

from byhand.banned import NotAllowed
from grader import wire

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
    """

    def __init__(self, connection: socket.socket, seconds: float, deadline: float):
        self.connection, self.seconds, self.deadline = connection, seconds, deadline
        self.number = 0
        self.broken = ""  # why nothing more can be asked

    def ask(self, do: str, **what):
        """Send a request; the room's answer, or what it raised."""
        if self.broken:
            raise RuntimeError(self.broken)
        self.number += 1
        message = wire.pack({"number": self.number, "do": do} | what, _outgoing)
        grace = 2  # the room itself stops what takes too long, and says where
        deadline = min(time.monotonic() + self.seconds + grace, self.deadline)
        try:
            ready, _, _ = select.select([self.connection], [], [], 0)
            if ready and self.connection.recv(1):
                raise wire.WireError("it spoke before it was asked")
            self.connection.settimeout(max(0.01, deadline - time.monotonic()))
            wire.send(self.connection, message)
            answer = wire.receive(self.connection, deadline)
            number = answer.get("number") if type(answer) is dict else None
            if type(number) is not int or number != self.number:
                raise wire.WireError("an answer to another question")
        except TimeoutError:
            self.broken = "Your code took too long, and was stopped."
            raise TimeoutError(self.broken) from None
        except (wire.WireError, OSError) as error:
            self.broken = f"Your code ended, or broke off: {error}."
            raise RuntimeError(self.broken) from None
        if "error" in answer:
            raise _raised(answer["error"])
        return answer

    def begin(self, names: list[str], state: int | None = None) -> dict:
        """Begin a test: of these names, those that the student has defined, with values.

        Args:
            state: which names the room is to go back to; None: those of now.
        """
        found = self.ask("begin", names=names, state=state).get("value")
        if type(found) is not dict:
            return {}
        return {n: self.inside_out(found[n]) for n in names if n in found}

    def inside_out(self, value):
        """Plain data as it is, handles as proxies."""
        kind = type(value)
        if kind is wire.Handle:
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

    def __init__(self, line: Line, handle: wire.Handle):
        object.__setattr__(self, "_line", line)
        object.__setattr__(self, "_handle", handle)

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(f"{self._handle.kind} has no {name} here")
        line, number = self._line, self._handle.number
        value = line.ask("get", target=number, name=name).get("value")
        return line.inside_out(value)

    def __setattr__(self, name: str, value) -> None:
        self._line.ask("set", target=self._handle.number, name=name, value=value)

    def __iter__(self):
        value = self._line.ask("list", target=self._handle.number).get("value")
        return iter(self._line.inside_out(value if type(value) is list else []))

    def __repr__(self) -> str:
        return f"<{self._handle.kind} of the student's>"

    def _no_value(self, *_):
        raise TypeError(f"a {self._handle.kind} was returned where a value is needed")

    __bool__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _no_value
    __float__ = __int__ = __index__ = __len__ = __contains__ = _no_value
    __hash__ = object.__hash__


class Callable(Proxy):
    """A function, method, class or module of the student's."""

    def __call__(self, *args, **kwargs):
        answer = self._ask(args, kwargs)
        return self._line.inside_out(answer.get("value"))

    def with_arguments(self, *args) -> tuple:
        """What a call returns, and what it made of its arguments.

        The test's own arguments stay as they are: what a test expects may be computed
        from them after the call.
        """
        answer = self._ask(args, {}, watch=True)
        changed, places = answer.get("changed"), itertools.count()
        changed = changed if type(changed) is dict else {}
        left = tuple(_changed(arg, changed, places) for arg in args)
        return self._line.inside_out(answer.get("value")), left

    def _ask(self, args, kwargs, watch: bool = False) -> dict:
        number = self._handle.number
        return self._line.ask(
            "call", target=number, args=args, kwargs=kwargs, watch=watch
        )

    @property
    def __name__(self) -> str:
        name = self._line.ask("get", target=self._handle.number, name="__name__")
        return str(name.get("value"))[:100]


def _outgoing(thing) -> wire.Handle:
    if isinstance(thing, Proxy):
        return thing._handle
    raise TypeError(f"a test cannot hand a {type(thing).__name__} to a student's code")


def _changed(arg, changed: dict, places):
    """An argument with what a student's code made of it, by the tensors' numbers."""
    if isinstance(arg, Tensor):
        return changed.get(next(places), arg)
    if isinstance(arg, (list, tuple)):
        return type(arg)(_changed(item, changed, places) for item in arg)
    if isinstance(arg, dict):
        return {k: _changed(item, changed, places) for k, item in arg.items()}
    return arg


def _raised(error) -> Exception:
    """The exception that a description stands for, with the student's lines."""
    kind, words, lines = wire.described(error)
    known = NotAllowed if kind == "NotAllowed" else KNOWN.get(kind)
    if known is None or known in (UnicodeDecodeError, UnicodeEncodeError):
        known, words = RuntimeError, f"{kind}: {words}"
    if issubclass(known, UnicodeError | BaseExceptionGroup):
        known = ValueError
    raised = known(words)
    raised.students_lines = lines
    return raised
