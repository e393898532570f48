"""Plain data cross the wire unharmed; everything else is an error, never a surprise."""

import contextlib
import json
import math
import socket
import threading
import time
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.wire import codec

NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    NUMBERS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)
FLOATING = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def there_and_back(value, other=None):
    message = codec.pack(value, other)
    size, _ = codec.HEAD.unpack(message[: codec.HEAD.size])
    tree = message[codec.HEAD.size : codec.HEAD.size + size]
    return codec.unpack(tree, memoryview(message)[codec.HEAD.size + size :])


@given(VALUES)
def test_plain_values(value):
    assert repr(there_and_back(value)) == repr(value)


@given(
    st.lists(st.integers(0, 4), max_size=4),
    st.sampled_from(sorted(codec.DTYPES)),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_tensors(shape, dtype, random):
    value = torch.randn(shape).mul(9).to(codec.DTYPES[dtype])
    views = [
        value,
        value.flip(0) if shape else value,
        value.T if len(shape) == 2 else value,
    ]
    if shape and shape[0] > 1:
        views += [value[::2], value[:1].expand(5, *shape[1:]), value.movedim(0, -1)]
    for view in views:
        found = there_and_back([view])[0]
        assert type(found) is torch.Tensor and not found.requires_grad
        assert found.dtype == view.dtype and found.shape == view.shape
        assert torch.equal(found, view)
        assert found.is_contiguous() == view.is_contiguous()


def test_special_numbers_and_containers():
    found = there_and_back((math.nan, math.inf, -0.0, 2**200, -(2**63), 1 + 2j))
    assert math.isnan(found[0]) and found[1] == math.inf
    assert math.copysign(1, found[2]) == -1 and found[3:] == (2**200, -(2**63), 1 + 2j)
    tensor = torch.tensor([math.nan, math.inf])
    assert there_and_back(tensor).isnan().tolist() == [True, False]
    assert there_and_back({1, 2}) == {1, 2}
    assert there_and_back(torch.Size([2, 3])) == (2, 3)
    assert there_and_back(slice(1, None, 2)) == slice(1, None, 2)
    assert there_and_back(torch.float16) is torch.float16
    state = OrderedDict(a=torch.nn.Parameter(torch.ones(2)))
    found = there_and_back(state)
    assert type(found) is dict and type(found["a"]) is torch.Tensor
    array = np.arange(6.0).reshape(2, 3).T
    assert np.array_equal(there_and_back(array), array)
    assert there_and_back(np.float32(0.1)) == np.float32(0.1)


class Lies(torch.Tensor):
    pass


@pytest.mark.parametrize(
    "value",
    [
        object(),
        len,
        torch,
        Lies(),
        {1: object()},
        (x for x in ()),
        np.array([object()]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_does_not_cross(value):
    with pytest.raises(TypeError, match="cannot be handed over"):
        codec.pack(value)
    found = there_and_back([value], lambda thing: codec.Handle(7, "Thing", True))
    assert "Handle" in repr(found)


MALFORMED = [
    *("", "{", "nul", "[]", "{}", '["nothing"]', "[1, 2]", "[[]]", '["dict", 1]'),
    *('["dict", [1]]', '["dict", [["list"], 1]]', '["int", "ten"]', '["int", 5]'),
    *('["tensor"]', '["tensor", "float32", [2], [1]]', '["handle", "1", "x", true]'),
    *('["handle", 1.5, "x", true]', '["dtype", "object"]', '["device", "moon"]'),
    *('["array", "|O", [1]]', '["array", "O8", [1]]', '["scalar", "|O8"]'),
    *('["slice", "a", 1, 1]', '["complex", "a", 1]', '["set", ["list"]]'),
    *("[" * 100_000, '["list",' * 50_000, '["exec", "1"]', '["__import__", "os"]'),
]


@pytest.mark.parametrize("tree", MALFORMED, ids=lambda tree: tree[:30] or "empty")
def test_malformed_trees(tree):
    with pytest.raises(codec.WireError):
        codec.unpack(tree.encode(), memoryview(b""))


@pytest.mark.parametrize(
    ("shape", "strides"),
    [
        ([3], [1]),
        ([-1], [1]),
        ([2**62, 4], [1, 1]),
        ([0, 2**62], [1, 1]),
        ([1.0], [1]),
        ([True], [1]),
        (["2"], [1]),
        ([1] * 99, [1] * 99),
        ([2], [-1]),
        ([2], [2**62]),
        ([2], [1, 1]),
        ([2], ["1"]),
        ([2], [1.5]),
    ],
)
def test_tensors_that_lie(shape, strides):
    tree = json.dumps(["tensor", "float32", shape, strides]).encode()
    with pytest.raises(codec.WireError):
        codec.unpack(tree, memoryview(bytes(8)))


def test_strides_do_not_make_a_small_message_large():
    tree = json.dumps(["tensor", "float32", [2], [10_000_000]]).encode()
    found = codec.unpack(tree, memoryview(bytes(8)))
    assert found.untyped_storage().nbytes() < 100


def test_left_over_bytes_are_an_error():
    with pytest.raises(codec.WireError, match="more bytes"):
        codec.unpack(b"1", memoryview(b"12345678"))


@given(st.binary(max_size=200), st.binary(max_size=64))
def test_noise(tree, data):
    with contextlib.suppress(codec.WireError):
        codec.unpack(tree, memoryview(data))


def test_too_large_to_send(monkeypatch):
    monkeypatch.setattr(codec, "MAX_BYTES", 1000)
    with pytest.raises(codec.WireError, match="too large"):
        codec.pack(torch.zeros(1000))
    monkeypatch.setattr(codec, "MAX_TREE", 1000)
    with pytest.raises(codec.WireError, match="too large"):
        codec.pack("x" * 2000)


def test_a_large_promise_costs_nothing():
    ours, theirs = socket.socketpair()
    theirs.sendall(codec.HEAD.pack(4, codec.MAX_BYTES + 1))
    with pytest.raises(codec.WireError, match="too large"):
        codec.receive(ours)
    ours, theirs = socket.socketpair()
    theirs.sendall(codec.HEAD.pack(codec.MAX_TREE, codec.MAX_BYTES))
    theirs.close()
    with pytest.raises(codec.WireError, match="ended"):
        codec.receive(ours)


def test_a_drip_does_not_outlast_the_deadline():
    ours, theirs = socket.socketpair()
    message, stop = codec.pack("x" * 1000), threading.Event()

    def drip():
        for place in range(len(message)):
            if stop.wait(0.05):
                return
            theirs.send(message[place : place + 1])

    thread = threading.Thread(target=drip)
    thread.start()
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        codec.receive(ours, start + 0.5)
    assert time.monotonic() - start < 5
    stop.set()
    thread.join()
