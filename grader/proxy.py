"""The judge's side of the door: a test's names for what lies in the student's room."""

import builtins
import socket
import time

from torch import Tensor

from byhand import data
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
            self.connection.setblocking(False)
            try:
                if self.connection.recv(1):
                    raise wire.WireError("it spoke before it was asked")
            except BlockingIOError:
                pass
            self.connection.settimeout(max(0.01, deadline - time.monotonic()))
            wire.send(self.connection, message)
            answer = wire.receive(self.connection, deadline)
            if type(answer) is not dict or answer.get("number") != self.number:
                raise wire.WireError("an answer to another question")
        except TimeoutError:
            self.broken = "Your code took too long, and was stopped."
            raise TimeoutError(self.broken) from None
        except wire.WireError as error:
            self.broken = f"Your code ended, or broke off: {error}."
            raise RuntimeError(self.broken) from None
        if "error" in answer:
            raise _raised(answer["error"])
        return answer

    def names(self, names: list[str]) -> dict:
        """Of these names, those that the student has defined, with their values."""
        found = self.ask("names", names=names).get("value")
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
        line, number = self._line, self._handle.number
        answer = line.ask("call", target=number, method=None, args=args, kwargs=kwargs)
        _take_over([args, kwargs], answer.get("changed"))
        return line.inside_out(answer.get("value"))

    @property
    def __name__(self) -> str:
        name = self._line.ask("get", target=self._handle.number, name="__name__")
        return str(name.get("value"))[:100]


def _outgoing(thing) -> wire.Handle:
    if isinstance(thing, Proxy):
        return thing._handle
    raise TypeError(f"a test cannot hand a {type(thing).__name__} to a student's code")


def _take_over(given, changed) -> None:
    """What the student's code did to its arguments happens to the test's as well.

    But never to the data sets, which other tests and other students see, too.
    """
    if type(changed) is not dict or not changed:
        return
    kept = {t.untyped_storage().data_ptr() for t in _data_sets()}
    for number, tensor in enumerate(_tensors(given)):
        new = changed.get(number)
        if isinstance(new, Tensor):
            if new.shape != tensor.shape or new.dtype != tensor.dtype:
                raise AssertionError("An argument was given another shape in place.")
            if tensor.untyped_storage().data_ptr() in kept:
                raise AssertionError(
                    "The data were changed in place: compute into a new tensor."
                )
            tensor.detach().copy_(new)


def _data_sets():
    for split in ("train", "test"):
        found = data.digits(split)
        yield from (found.images, found.labels)


def _tensors(value):
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def _raised(error) -> Exception:
    """The exception that a description stands for, with the student's lines."""
    text = {"type": "", "words": "", "lines": []}
    if type(error) is dict:
        text |= error
    kind, words = str(text["type"])[:100], str(text["words"])[:2000]
    known = NotAllowed if kind == "NotAllowed" else KNOWN.get(kind)
    if known is None or known in (UnicodeDecodeError, UnicodeEncodeError):
        known, words = RuntimeError, f"{kind}: {words}"
    if issubclass(known, UnicodeError | BaseExceptionGroup):
        known = ValueError
    raised = known(words)
    lines = text["lines"] if type(text["lines"]) is list else []
    raised.students_lines = [str(line)[:300] for line in lines[:10]]
    return raised
