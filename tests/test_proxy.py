"""The judge's side of the door: values and exceptions of a student's, and a broken line."""

import builtins
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.judge.proxy import KNOWN, Callable, Line, Proxy, raised
from grader.wire import codec
from grader.wire.messages import Answer, Begin, Call, Fault, Get, Items, NotAllowed, Set
from tests.support.rooms import HANG_UP, SILENCE, Served

NET = codec.Handle(0, "Net", callable=False)
FORWARD = codec.Handle(1, "function", callable=True)


class Snapshot(Served):
    """A snapshot whose answers are these values, in order, and a line to it."""

    def __init__(self, *values, seconds: float = 10, deadline: float | None = None):
        waiting = iter(values)

        def reply(request, number):
            value = next(waiting)
            if value is SILENCE or value is HANG_UP or isinstance(value, bytes):
                return value
            if isinstance(value, Fault):
                return Answer(number, fault=value).to_plain()
            if isinstance(value, Answer):
                return value.to_plain()
            return Answer(number, value).to_plain()

        super().__init__(reply)
        over = time.monotonic() + 30 if deadline is None else deadline
        self.line = Line(self.ours, seconds, over)


def test_names_and_their_values():
    snapshot = Snapshot({"net": NET, "f": FORWARD, "rate": 0.5, "check": FORWARD})
    found = snapshot.line.begin(["f", "net", "rate", "train"], state=2)
    assert list(found) == ["f", "net", "rate"]  # and nothing that was not asked for
    assert type(found["net"]) is Proxy and type(found["f"]) is Callable
    assert found["rate"] == 0.5
    assert snapshot.heard == [Begin(["f", "net", "rate", "train"], 2)]


@pytest.mark.parametrize("said", [None, 5, [["f", 1]], "f"], ids=repr)
def test_names_that_are_none(said):
    assert Snapshot(said).line.begin(["f"]) == {}


def test_plain_values_are_themselves_and_handles_inside_are_proxies():
    value = {"a": [1, (2.5, None)], 3: "x", "net": NET, "all": [FORWARD, {"n": NET}]}
    found = Snapshot({"v": value}).line.begin(["v"])["v"]
    assert found["a"] == [1, (2.5, None)] and found[3] == "x"
    assert type(found["net"]) is Proxy
    assert type(found["all"][0]) is Callable and type(found["all"][1]["n"]) is Proxy


def net(*answers) -> tuple[Snapshot, Proxy]:
    snapshot = Snapshot({"net": NET}, *answers)
    return snapshot, snapshot.line.begin(["net"])["net"]


def function(*answers) -> tuple[Snapshot, Callable]:
    snapshot = Snapshot({"f": FORWARD}, *answers)
    return snapshot, snapshot.line.begin(["f"])["f"]


def test_attributes_and_items():
    snapshot, thing = net(torch.ones(2), FORWARD, None, [1, NET], "no list")
    assert torch.equal(thing.weight, torch.ones(2))
    assert type(thing.forward) is Callable
    thing.rate = [0.5]
    one, other = thing
    assert one == 1 and type(other) is Proxy
    assert list(thing) == []
    items = Items(0)
    assert snapshot.heard[1:] == [Get(0, "weight"), Get(0, "forward"), Set(0, "rate", [0.5]),
                                  items, items]  # fmt: skip
    assert repr(thing) == "<Net of the student's>"
    with pytest.raises(AttributeError, match="Net has no __array__ here"):
        _ = thing.__array__
    assert len(snapshot.heard) == 6


@pytest.mark.parametrize(
    "use",
    [
        *(bool, float, int, len, lambda thing: thing == 1, lambda thing: thing != 1),
        *(lambda thing: thing < 1, lambda thing: thing <= 1, lambda thing: 1 in thing),
        lambda thing: [1, 2][thing],
    ],
)
def test_a_proxy_has_no_value(use):
    _, thing = net()
    with pytest.raises(TypeError, match="a Net was returned where a value is needed"):
        use(thing)
    assert hash(thing) == hash(thing)


def test_calls():
    snapshot, f = function(2.5, (NET, [1]), None, "relu_forward")
    assert f(1, x=torch.ones(1).tolist()) == 2.5
    thing, rest = f(f, [f, {"k": f}])
    assert type(thing) is Proxy and rest == [1]
    assert f() is None
    assert f.__name__ == "relu_forward"
    first, second, third, last = snapshot.heard[1:]
    assert first == Call(1, (1,), {"x": [1.0]})
    assert second.args[0].number == second.args[1][1]["k"].number == 1
    assert third == Call(1, (), {}) and last == Get(1, "__name__")


def test_other_objects_are_not_handed_in():
    snapshot, f = function()
    with pytest.raises(
        TypeError, match="a test cannot hand a object to a student's code"
    ):
        f(object())
    assert len(snapshot.heard) == 1 and not snapshot.line.broken


def test_what_a_call_made_of_its_arguments():
    changed = {1: torch.zeros(2), 9: torch.zeros(2)}
    _, f = function(Answer(2, torch.ones(1), changed))
    a, b, c = torch.ones(2), torch.ones(2), torch.ones(2)
    value, (first, (second, third), number) = f.with_arguments(a, [b, c], 5)
    assert torch.equal(value, torch.ones(1)) and number == 5
    assert first is a and torch.equal(second, torch.zeros(2)) and third is c
    assert torch.equal(b, torch.ones(2))  # the test's own is as it was


LINES = ("relu, line 2: return y",)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault("ValueError", "odd", LINES), ValueError, "odd"),
        (Fault("NotImplementedError", "", LINES), NotImplementedError, ""),
        (Fault("KeyError", "'W'", LINES), KeyError, "'W'"),
        (Fault("ZeroDivisionError", "by 0", LINES), ZeroDivisionError, "by 0"),
        (Fault("NotAllowed", "relu", LINES), NotAllowed, "relu"),
        (Fault("MyError", "mine", LINES), RuntimeError, "MyError: mine"),
        (Fault("StopIteration", "1", LINES), RuntimeError, "StopIteration: 1"),
        (Fault("SystemExit", "0", LINES), RuntimeError, "SystemExit: 0"),
        (Fault("KeyboardInterrupt", "", LINES), RuntimeError, "KeyboardInterrupt: "),
        (
            Fault("DeprecationWarning", "x", LINES),
            RuntimeError,
            "DeprecationWarning: x",
        ),
        (Fault("UnicodeError", "x", LINES), ValueError, "x"),
        (
            Fault("UnicodeDecodeError", "x", LINES),
            RuntimeError,
            "UnicodeDecodeError: x",
        ),
        (Fault("ExceptionGroup", "x", LINES), ValueError, "x"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
def test_exceptions(fault, kind, words):
    snapshot, f = function(fault, 7)
    with pytest.raises(kind) as caught:
        f()
    assert type(caught.value) is kind and str(caught.value) == words
    assert caught.value.students_lines == LINES
    assert f() == 7  # the line is as good as before
    assert not snapshot.line.broken


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
    max_leaves=5,
)  # fmt: skip
KINDS = st.sampled_from(sorted(vars(builtins))) | st.sampled_from(["NotAllowed", ""])
SAID = st.fixed_dictionaries(
    {}, optional={"kind": KINDS | PLAIN, "words": PLAIN, "lines": PLAIN}
)


@given(SAID | PLAIN)
def test_whatever_is_said_of_it_it_is_an_exception(said):
    error = raised(Fault.from_room(said))
    assert isinstance(error, Exception)
    assert not isinstance(error, (StopIteration, Warning, BaseExceptionGroup))
    str(error)
    assert all(type(line) is str for line in error.students_lines)


@pytest.mark.parametrize("kind", sorted(KNOWN))
def test_each_known_exception_can_be_raised(kind):
    with pytest.raises(Exception):  # noqa: B017
        raise raised(Fault(kind, "words"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (HANG_UP, "the other side has ended"),
        (b"\xff" * 99, "a message that is too large"),
        (codec.pack(7), "it gave a malformed answer"),
        (codec.pack({"value": 1}), "it gave a malformed answer"),
        (Answer(1, 5), "an answer to another question"),
        (Answer(3, 5), "an answer to another question"),
        (codec.pack({"number": 2.0, "value": 1}), "it gave a malformed answer"),
        (codec.pack({"number": True, "value": 1}), "it gave a malformed answer"),
    ],
    ids=["hang up", "noise", "number", "no number", "earlier", "later", "2.0", "True"],
)
def test_a_broken_line(said, words):
    snapshot, f = function(said, 1)
    for _ in range(2):  # and it stays broken: nothing more is asked
        with pytest.raises(
            RuntimeError, match=f"Your code ended, or broke off: {words}"
        ):
            f()
    assert len(snapshot.heard) == 2


def test_whoever_speaks_before_being_asked_is_not_heard():
    snapshot, f = function()
    snapshot.theirs.sendall(codec.pack(Answer(2, 1).to_plain()))
    with pytest.raises(RuntimeError, match="it spoke before it was asked"):
        f()
    assert len(snapshot.heard) == 1


def test_the_time_of_a_call(monkeypatch):
    snapshot, f = function(SILENCE)
    snapshot.line.seconds = -1.9  # with the 2 s of grace
    for error in (TimeoutError, RuntimeError):
        with pytest.raises(
            error, match=r"Your code took more than .* s, and was stopped"
        ):
            f()
    assert len(snapshot.heard) == 2


def test_the_time_of_the_whole():
    snapshot, f = function(SILENCE)
    snapshot.line.deadline = time.monotonic() + 0.1
    with pytest.raises(TimeoutError, match="took more than"):
        f()
