"""The door of the homeworks' tests is the grader's, with both sides in this process."""

import numpy as np
import pytest
import torch

from grader.judge.proxy import Proxy
from tests.support.door import Door

ROOM = """
import torch

class Net:
    weight = torch.arange(6.0).reshape(2, 3)

net = Net()

def same(value):
    return value

def kind(value):
    return type(value).__name__

def draw():
    return torch.rand(3)

def autograd():
    return torch.is_grad_enabled()

def fails(name):
    class Own(Exception):
        pass

    raise {"KeyError": KeyError, "Own": Own}[name]("words")
"""
NAMES = ["torch", "net", "same", "kind", "draw", "autograd", "fails", "absent"]


@pytest.fixture
def scope():
    room = {}
    exec(ROOM, room)
    torch.manual_seed(0)
    with torch.no_grad():
        door = Door(room)
    return door.begin(NAMES)


def test_values_cross_as_in_the_grader(scope):
    same, kind = scope["same"], scope["kind"]
    for value in (
        None,
        True,
        3,
        2.5,
        "π",
        (1, [2, {"a": 3}]),
        {1, 2},
        slice(1, None, 2),
    ):
        assert same(value) == value and type(same(value)) is type(value)
    assert same(torch.int8) is torch.int8 and same(torch.device("cpu")).type == "cpu"
    assert same(torch.Size([2, 3])) == (2, 3) and kind(torch.Size([2, 3])) == "tuple"
    assert np.array_equal(same(np.eye(2, dtype="int16")), np.eye(2, dtype="int16"))
    transposed = torch.arange(6).reshape(2, 3).T
    assert same(transposed).stride() == transposed.stride()
    tensor = torch.ones(2, requires_grad=True)
    assert not same(tensor).requires_grad and same(tensor) is not tensor
    assert kind(torch.nn.Parameter(tensor)) == "Tensor"
    with pytest.raises(TypeError, match="cannot hand a Linear to a student's code"):
        same(torch.nn.Linear(1, 1))


def test_objects_stay_in_the_room(scope):
    net = scope["net"]
    assert isinstance(net, Proxy) and scope["kind"](net) == "Net"
    assert torch.equal(net.weight, torch.arange(6.0).reshape(2, 3))
    net.weight[0] = 7  # a copy
    net.bias = [1, 2]
    assert net.weight[0, 0] == 0 and net.bias == [1, 2]
    with pytest.raises(TypeError, match="a Net was returned where a value is needed"):
        bool(scope["same"](net))
    assert set(scope) == {*NAMES} - {"torch", "absent"}


def test_exceptions_cross_as_text(scope):
    with pytest.raises(KeyError, match="words"):
        scope["fails"]("KeyError")
    with pytest.raises(RuntimeError, match="Own: words"):
        scope["fails"]("Own")


def test_autograd_and_random_numbers_are_the_rooms_own(scope):
    assert torch.is_grad_enabled() and not scope["autograd"]()
    torch.manual_seed(0)
    first, second = torch.rand(3), torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(scope["draw"](), first)
    torch.manual_seed(2)
    assert torch.equal(scope["draw"](), second)
    assert torch.is_grad_enabled() and torch.initial_seed() == 2
