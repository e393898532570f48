"""What the judge and a room say to each other arrives as it was; junk never does harm."""

import contextlib
import json
import math
from dataclasses import fields

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.wire import codec, messages
from grader.wire.messages import Answer, Ended, Fault, Kit, Limits, Ran, StartRoom

FAULT = Fault("ValueError", "It is wrong.", ("f, line 2: return x",))
REQUESTS = [
    messages.Run("relu", "x = 1", 30.0),
    messages.Run("cell 3", "%ls", 2.5, state=7, defines=True, plain=False),
    messages.Snapshot(5),
    messages.End(),
    messages.Begin(["f", "g"]),
    messages.Begin([], state=3),
    messages.Call(4, (1, "x", [2.5, None]), {"key": (3,)}, watch=True),
    messages.Get(0, "weight"),
    messages.Set(1, "bias", {"a": [1, 2]}),
    messages.Items(9),
]


def over_the_wire(value):
    message = codec.pack(value)
    size, _ = codec.HEAD.unpack(message[: codec.HEAD.size])
    tree = message[codec.HEAD.size : codec.HEAD.size + size]
    return codec.unpack(tree, memoryview(message)[codec.HEAD.size + size :])


@pytest.mark.parametrize("request_", REQUESTS, ids=repr)
def test_requests_arrive(request_):
    plain = over_the_wire(messages.to_plain(request_, 5))
    assert messages.from_plain(plain) == (request_, 5)


def test_there_is_a_case_of_each_request():
    assert {type(request) for request in REQUESTS} == set(messages.REQUESTS.values())


@pytest.mark.parametrize(
    "ran", [Ran([{"stream": "stdout"}], None), Ran([], FAULT)], ids=repr
)
def test_what_a_cell_did_arrives(ran):
    assert Ran.from_room(over_the_wire(ran.to_plain())) == ran


@pytest.mark.parametrize(
    "answer",
    [Answer(3, [1, {"a": 2.5}]), Answer(4, None, {0: "x"}), Answer(5, fault=FAULT)],
    ids=repr,
)
def test_answers_arrive(answer):
    assert Answer.from_room(over_the_wire(answer.to_plain())) == answer


@pytest.mark.parametrize(
    "message",
    [
        Kit(),
        Kit(("torch", "math.pi"), True, ("torch.nn", ".backward"), ("relu",)),
        StartRoom(Limits(), 7),
        StartRoom(Limits(cell=0.5, memory=10), 2**32 - 1),
        Ended(),
        Ended("memory", -9, 1.25, 4000, "no namespaces"),
    ],
    ids=repr,
)
def test_what_crosses_as_json_arrives(message):
    assert type(message).from_json(message.to_json()) == message


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"null", b"[]", b"7", b'"x"', b'{"when": 1}', b'{"why": "tired"}'],
)
def test_a_malformed_ending(text):
    with pytest.raises(ValueError):
        Ended.from_json(text)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Limits()),
        ({"cell": 60}, Limits(cell=60)),
        ({"cell": 0.5, "total": 3, "memory": 500.0}, Limits(0.5, 3, 500)),
        ({"processes": 1, "files": 2}, Limits(processes=1, files=2)),
    ],
)
def test_limits(values, expected):
    found = Limits.parse(values)
    assert found == expected
    assert all(type(getattr(found, n)) is int for n in ("memory", "processes", "files"))


NO_NUMBERS = (None, "60", [60], {}, True, math.nan, math.inf, -math.inf, 0, -1, 0.0)


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_limits_that_make_no_sense(name, value):
    with pytest.raises(
        ValueError, match=rf"the limit {name} is a .*number above 0, not "
    ):
        Limits.parse({name: value})


@pytest.mark.parametrize("name", ["memory", "processes", "files"])
def test_limits_that_are_no_whole_numbers(name):
    with pytest.raises(ValueError, match=f"the limit {name} is a whole number above 0"):
        Limits.parse({name: 1.5})


@pytest.mark.parametrize("name", ["cells", "CELL", "", 5])
def test_limits_of_other_names(name):
    words = f"no limit {name!r}; there are cell, total, memory, processes, files"
    with pytest.raises(ValueError, match=words):
        Limits.parse({name: 30})


@pytest.mark.parametrize("values", [None, 30, "cell", [("cell", 30)]], ids=repr)
def test_limits_that_are_no_mapping(values):
    with pytest.raises(ValueError, match="limits are a mapping such as"):
        Limits.parse(values)


JUNK = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
        *(st.just(torch.ones(2)), st.just(codec.Handle(0)), st.complex_numbers()),
    ),
    lambda part: st.one_of(
        st.lists(part, max_size=3),
        st.lists(part, max_size=3).map(tuple),
        st.dictionaries(
            st.sampled_from(["kind", "words", "lines", "error", "number", "outputs"])
            | st.integers(),
            part,
            max_size=5,
        ),
    ),
    max_leaves=8,
)


@given(JUNK)
def test_a_fault_of_junk_is_text_and_bounded(said):
    fault = Fault.from_room(said)
    assert type(fault.kind) is str and len(fault.kind) <= 100
    assert type(fault.words) is str and len(fault.words) <= 2000
    assert type(fault.lines) is tuple and len(fault.lines) <= 10
    assert all(type(line) is str and len(line) <= 300 for line in fault.lines)
    json.dumps(fault.as_output())


@given(JUNK)
def test_other_junk_is_an_answer_of_the_right_types_or_none(said):
    with contextlib.suppress(ValueError):
        ran = Ran.from_room(said)
        assert ran.fault is None or type(ran.fault) is Fault
    with contextlib.suppress(ValueError):
        answer = Answer.from_room(said)
        assert type(answer.number) is int and type(answer.changed) is dict
        assert answer.fault is None or type(answer.fault) is Fault


def test_long_faults_are_cut():
    said = {"kind": "x" * 999, "words": "y" * 9999, "lines": ["z" * 999] * 99}
    assert Fault.from_room(said) == Fault("x" * 100, "y" * 2000, ("z" * 300,) * 10)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("", "It has ended."), "It has ended."),
        (Fault("AssertionError", "It is wrong."), "It is wrong."),
        (Fault("NotAllowed", "Not here."), "Not here."),
        (Fault("KeyError", "'W'"), "KeyError: 'W'"),
    ],
)
def test_as_it_stands_in_a_notebook(fault, said):
    output = Fault(fault.kind, fault.words, FAULT.lines).as_output()
    assert output["traceback"] == [*FAULT.lines, said]
    assert (
        output["ename"] == (fault.kind or "Error") and output["evalue"] == fault.words
    )
