"""What the judge and a room say to each other, and what both know of a homework.

Plain dataclasses. They cross by :mod:`grader.wire.codec` (between the judge and a room)
or as JSON (between the judge and a room's keeper). What the judge sends is trusted; what
comes from a room is not, and passes ``from_room``, which takes nothing but plain data of
the exact types. PyTorch is not imported here: the command line needs limits without it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from byhand.refuse import NotAllowed

# of the project, what a room's Python finds: the students' library, and this side's code
MOUNTED = ("byhand", "grader/__init__.py", "grader/wire", "grader/inside")


@dataclass(frozen=True)
class Limits:
    """What a submission may use; a homework sets its own in its notebook's metadata.

    Args:
        cell: seconds for one cell, and for one call from a test.
        total: seconds for a submission, tests included.
        memory: megabytes beyond what the imports take, of all its processes together.
        processes: processes and threads at a time.
        files: megabytes of files that it writes, which are all forgotten.
    """

    cell: float = 30
    total: float = 300
    memory: int = 3000
    processes: int = 64
    files: int = 64

    @classmethod
    def parse(cls, values: object) -> "Limits":
        """Limits from a mapping of names to numbers, as somebody has typed them.

        Raises:
            ValueError: there is no limit of that name, or its value makes no sense; the
                message says what is expected.
        """
        kinds = {f.name: f.type for f in fields(cls)}
        names = ", ".join(kinds)
        if not isinstance(values, Mapping):
            raise ValueError(
                f'limits are a mapping such as {{"cell": 60}}, not {values!r}'
            )
        for name, value in values.items():
            if name not in kinds:
                raise ValueError(f"there is no limit {name!r}; there are {names}")
            whole = kinds[name] is int
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if whole and isinstance(value, float):
                number = value.is_integer()
            if not number or not math.isfinite(value) or value <= 0:
                kind = "a whole number" if whole else "a number"
                raise ValueError(f"the limit {name} is {kind} above 0, not {value!r}")
        return cls(**{n: int(v) if kinds[n] is int else v for n, v in values.items()})


@dataclass(frozen=True)
class Kit:
    """What all rooms of a homework find at hand, and what is refused in its tests.

    Args:
        imports: modules that the homework imports, and things that it imports from them.
        digits: whether it uses the images of digits.
        banned, operators: as :class:`byhand.refuse.Refusal` takes them.
    """

    imports: tuple[str, ...] = ()
    digits: bool = False
    banned: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Kit":
        found = json.loads(text)
        return cls(
            tuple(found["imports"]),
            found["digits"],
            tuple(found["banned"]),
            tuple(found["operators"]),
        )


@dataclass(frozen=True)
class Fault:
    """An exception as text: its type, its words, and the student's lines it came by.

    ``kind`` is "" where nothing was raised: the room has ended, say.
    """

    kind: str
    words: str
    lines: tuple[str, ...] = ()

    @classmethod
    def from_room(cls, said: object) -> "Fault":
        """What a room says of an exception, as far as it is text, and bounded."""
        found: dict[Any, Any] = said if type(said) is dict else {}
        kind, words, lines = (found.get(key) for key in ("kind", "words", "lines"))
        lines = lines if type(lines) is list or type(lines) is tuple else ()
        return cls(
            kind[:100] if type(kind) is str else "",
            words[:2000] if type(words) is str else "",
            tuple(line[:300] for line in lines[:10] if type(line) is str),
        )

    def as_output(self) -> dict[str, Any]:
        """As a notebook holds it, in a cell's outputs."""
        known = ("", "AssertionError", NotAllowed.__name__)
        said = self.words if self.kind in known else f"{self.kind}: {self.words}"
        return {
            "output_type": "error",
            "ename": self.kind or "Error",
            "evalue": self.words,
            "traceback": [*self.lines, said],
        }


# --- To a room's keeper, and from it: JSON on the lifeline ---


@dataclass(frozen=True)
class StartRoom:
    """A room is wanted; its socket and its lifeline are sent along.

    Args:
        limits: what it may use.
        seed: of the global random number generators.
        strict: refuse to its cells, too, what the homework's tests forbid.
    """

    limits: Limits
    seed: int
    strict: bool = False

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "StartRoom":
        found = json.loads(text)
        return cls(Limits(**found["limits"]), found["seed"], found["strict"])


# What a judge asks of a keeper on the lifeline, which answers with one of the others.
CLEAR = b"clear"  # stop all of the room's processes but the first
HOLD = b"hold"  # and that one: the snapshot that it has forked is to run alone
GO = b"go"  # let them all go on
WAITED = b"waited"  # for how many seconds have they had to wait for a processor?
DONE = b"done"
CROWD = b"crowd"  # not done: others have been started besides

Why = Literal["", "let go", "memory", "time"]


@dataclass(frozen=True)
class Ended:
    """How a room ended, as its keeper says.

    Args:
        why: its keeper ended it; "" if it ended by itself.
        exit: its exit code; below 0: the signal that ended it.
        cpu: seconds of CPU time.
        memory: the most that it held, in megabytes.
        error: the room could not be set up, and why.
    """

    why: Why = ""
    exit: int = 0
    cpu: float = 0.0
    memory: int = 0
    error: str = ""

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Ended":
        """Raises ValueError: it is malformed."""
        try:
            found = cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(str(error)) from None
        if found.why not in get_args(Why):
            raise ValueError(f"a room that ended by {found.why!r}")
        return found


# --- From the judge to a room, and to a snapshot of it ---


@dataclass(frozen=True)
class Run:
    """Run a cell of the student's. The answer: ``outputs`` and ``error``.

    Args:
        label: the cell's name, for tracebacks.
        source: its text.
        seconds: that it may take.
        state: the number under which the room is to remember which names there were
            before; None: it may forget what it has remembered.
        defines: it does no more than to define (`byhand.cells.only_defines`).
        plain: it is Python, without IPython's own syntax.
    """

    label: str
    source: str
    seconds: float
    state: int | None = None
    defines: bool = False
    plain: bool = True


@dataclass(frozen=True)
class Snapshot:
    """Fork, and let the fork serve tests on a socket that comes next.

    The answer, an empty ``Ran``, says that this is done.
    """

    seconds: float  # for each call


@dataclass(frozen=True)
class End:
    """End by yourself, so that the system counts all that was used."""


@dataclass(frozen=True)
class Begin:
    """Begin a test. The answer: the values of those names that the student has defined.

    Args:
        names: that the test uses and does not bind.
        state: which names the room is to go back to; None: those of now.
        given: cells of the homework's own, to be run once more before: the student has
            given something else the names that they define.
    """

    names: list[str]
    state: int | None = None
    given: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """Call an object; if ``watch``, say as well which tensors among its arguments changed.

    The answer: ``value``, and ``changed``: those tensors by their numbers.
    """

    target: int
    args: tuple
    kwargs: dict
    watch: bool = False


@dataclass(frozen=True)
class Get:
    """Read an attribute."""

    target: int
    name: str


@dataclass(frozen=True)
class Set:
    """Set an attribute."""

    target: int
    name: str
    value: Any


@dataclass(frozen=True)
class Items:
    """What is in an iterable."""

    target: int


ToRoom = Run | Snapshot | End
ToSnapshot = Begin | Call | Get | Set | Items
REQUESTS: dict[str, type] = {
    kind.__name__: kind for kind in (*get_args(ToRoom), *get_args(ToSnapshot))
}


def to_plain(request: ToRoom | ToSnapshot, number: int = 0) -> dict[str, Any]:
    """A request as the codec packs it; ``number``: by which its answer is known."""
    return {"number": number, "do": type(request).__name__} | vars(request)


def from_plain(tree: dict[str, Any]) -> tuple[Any, int]:
    """A request of the judge's, and its number."""
    number = tree.pop("number")
    return REQUESTS[tree.pop("do")](**tree), number


# --- From a room or a snapshot: to be trusted in nothing ---


@dataclass(frozen=True)
class Ran:
    """What a cell showed, yet to be read by `grader.notebook.outputs`, and its error.

    ``used``: in a strict room, something that is refused there has been called.
    """

    outputs: object
    fault: Fault | None
    used: bool = False

    def to_plain(self) -> dict[str, Any]:
        fault = None if self.fault is None else asdict(self.fault)
        return {"outputs": self.outputs, "error": fault, "used": self.used}

    @classmethod
    def from_room(cls, said: object) -> "Ran":
        """Raises ValueError: it is no answer."""
        found: dict[Any, Any] = said if type(said) is dict else {}
        outputs, error = found.get("outputs"), found.get("error")
        if type(outputs) is not list or type(error) not in (dict, type(None)):
            raise ValueError("it gave a malformed answer")
        fault = None if error is None else Fault.from_room(error)
        return cls(outputs, fault, found.get("used") is True)


@dataclass(frozen=True)
class Answer:
    """A snapshot's answer to the request of that number: a value, or what was raised."""

    number: int
    value: Any = None
    changed: dict = field(default_factory=dict)
    fault: Fault | None = None

    def to_plain(self) -> dict[str, Any]:
        if self.fault is not None:
            return {"number": self.number, "error": asdict(self.fault)}
        return {"number": self.number, "value": self.value, "changed": self.changed}

    @classmethod
    def from_room(cls, said: object) -> "Answer":
        """Raises ValueError: it is no answer."""
        number = said.get("number") if type(said) is dict else None
        if type(said) is not dict or type(number) is not int:
            raise ValueError("it gave a malformed answer")
        fault = Fault.from_room(said["error"]) if "error" in said else None
        changed = said.get("changed")
        changed = changed if type(changed) is dict else {}
        return cls(number, said.get("value"), changed, fault)
