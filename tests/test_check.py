"""The checks say what is wrong, accept what is right, and give nothing away."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from byhand import check

x = torch.tensor([[1.5, -2.0, 0.25], [3.0, 0.5, -1.0]])


@pytest.mark.parametrize(
    ("actual", "message"),
    [
        (x.T, r"dW has shape \(3, 2\), expected \(2, 3\)\. It looks transposed"),
        (x[:, None], r"dimensions of 1 \(keepdim"),
        (x.expand(4, 2, 3), r"sum over the first \(batch\) dimension may be missing"),
        (x.sum(), "summed or averaged over everything"),
        (-x, "wrong sign"),
        (2 * x, "is 2 times what it should be, everywhere"),
        (x / 32, "is 1/32 of what it should be"),
        (x + 1, "off by the same amount everywhere"),
        (x * 0, "0 everywhere"),
        (x.sqrt(), "2 entries are NaN"),
        (x / 0, "entries are infinite"),
        (
            x + torch.tensor([0, 0, 0.001]),
            r"2 of 6 entries, first at \[0, 2\]\. .*nearly",
        ),
        (None, "is a return statement missing"),
        ("x", "must be a tensor or a number. You returned a str"),
        ([1.0], "must be a tensor or a number. You returned a list"),
    ],
)
def test_close_says_what_is_wrong(actual, message):
    with pytest.raises(AssertionError, match=message):
        check.close(actual, x, "dW")


def test_close_names_a_square_transpose():
    square = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    with pytest.raises(AssertionError, match="looks transposed"):
        check.close(square.T, square)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (x, x),
        (x.double(), x),
        (x.numpy(), x),
        (x * (1 + 1e-6), x),
        (3, 3.0),
        (3.0, torch.tensor(3.0)),
        (np.float32(0.1), 0.1),
        (torch.tensor([float("nan"), 1]), torch.tensor([float("nan"), 1])),
        (torch.tensor(float("inf")), float("inf")),
        ((x, {"b": x}), (x, {"b": x})),
        ([x, 1], (x, 1)),
        (torch.empty(0, 3), torch.empty(0, 3)),
        (x.requires_grad_(False), x),
        (torch.tensor([True]), torch.tensor([True])),
    ],
)
def test_close_accepts(actual, expected):
    check.close(actual, expected)


def test_close_of_collections_names_the_item():
    with pytest.raises(
        AssertionError, match=r"grads\['b'\] has the wrong|grads\['b'\]"
    ):
        check.close({"W": x, "b": -x}, {"W": x, "b": x}, "grads")
    with pytest.raises(AssertionError, match="has no entry 'b'"):
        check.close({"W": x}, {"W": x, "b": x}, "grads")
    with pytest.raises(AssertionError, match="has 1 values, expected 2"):
        check.close((x,), (x, x), "backward")
    with pytest.raises(AssertionError, match="must be a tuple of 2 values"):
        check.close(x, (x, x), "backward")


def test_integers_and_booleans_are_exact():
    with pytest.raises(AssertionError, match="1 of 2 entries"):
        check.close(torch.tensor([1000001, 2]), torch.tensor([1000000, 2]))
    with pytest.raises(AssertionError):
        check.close(torch.tensor([True, False]), torch.tensor([True, True]))


def test_a_nan_in_the_wrong_place_is_wrong():
    nan = float("nan")
    with pytest.raises(AssertionError, match=r"first at \[1\]"):
        check.close(torch.tensor([nan, nan]), torch.tensor([nan, 1.0]))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(0, 10**6),
    st.sampled_from(["transposed", "negated", "noisy", "scaled", "shifted"]),
)
def test_messages_never_hold_an_expected_value(rows, columns, seed, change):
    generator = torch.Generator().manual_seed(seed)
    secret = torch.rand(rows, columns, generator=generator).double() + 1.234567
    actual = {
        "transposed": secret.T + 0.1,
        "negated": -secret,
        "noisy": secret + torch.rand(rows, columns, generator=generator),
        "scaled": 3 * secret,
        "shifted": secret + 0.5,
    }[change]
    with pytest.raises(AssertionError) as error:
        check.close(actual, secret)
    for value in secret.flatten().tolist():
        assert f"{value:.3f}" not in str(error.value)


def f(a, b):
    return torch.tanh(a @ b)


def test_numerical_vjp_agrees_with_autograd():
    a, b, v = torch.randn(2, 3), torch.randn(3, 4), torch.randn(2, 4)
    _, vjp = torch.func.vjp(f, a.double(), b.double())
    expected = vjp(v.double())
    check.close(
        tuple(check.numerical_vjp(f, [a, b], v)), expected, rtol=1e-7, atol=1e-8
    )


def test_numerical_vjp_of_a_number_and_of_a_view():
    a = torch.arange(6.0).view(2, 3).T  # not contiguous
    (grad,) = check.numerical_vjp(lambda a: float((a**2).sum()), [a])
    check.close(grad, 2 * a.double(), rtol=1e-7, atol=1e-7)


def test_numerical_vjp_leaves_its_inputs_alone():
    a = torch.arange(3.0, dtype=torch.float64)
    check.numerical_vjp(lambda a: a.mul_(2).sum(), [a])
    assert a.tolist() == [0, 1, 2]


def test_numerical_vjp_refuses_a_wrong_upstream_gradient():
    with pytest.raises(ValueError, match=r"grad_output has shape \(3,\)"):
        check.numerical_vjp(f, [torch.ones(2, 3), torch.ones(3, 4)], torch.ones(3))


@pytest.mark.parametrize("eps", [1e-5, None])
def test_gradients_names_the_wrong_one(eps):
    a, b, v = torch.randn(2, 3), torch.randn(3, 4), torch.randn(2, 4)
    da, db = torch.func.vjp(f, a, b)[1](v)
    check.gradients(f, [a, b], [da, db], v, ["da", "db"], eps)
    with pytest.raises(AssertionError, match=r"db .*2 times"):
        check.gradients(f, [a, b], [da, 2 * db], v, ["da", "db"], eps)
    with pytest.raises(ValueError, match="2 inputs, but 1 names"):
        check.gradients(f, [a, b], [da, db], v, ["da"], eps)
    with pytest.raises(AssertionError, match=r"return \(da, db\): 2 values, not 1"):
        check.gradients(f, [a, b], [da], v, ["da", "db"], eps)
    with pytest.raises(AssertionError, match="is a return statement missing"):
        check.gradients(f, [a, b], None, v, ["da", "db"], eps)


def test_gradients_by_autograd_are_exact_also_without_an_upstream_gradient():
    a = torch.randn(3, 4)
    with torch.no_grad():
        check.gradients(torch.exp, [a], [a.exp()], eps=None, rtol=1e-5)
        with pytest.raises(AssertionError, match="gradient 0 is wrong"):
            check.gradients(torch.exp, [a], [a.exp() + 1e-3], eps=None, rtol=1e-5)
    assert not a.requires_grad


class ReLU:
    """A layer by hand: right, or wrong at the kink and below."""

    def __init__(self, slope: float = 0.0):
        self.slope = slope

    def forward(self, x):
        self.x = x
        return x.clamp(min=0)

    def backward(self, grad_output):
        return torch.where(self.x > 0, grad_output, self.slope * grad_output)


def test_same_as_torch():
    right, wrong = ReLU(), ReLU(slope=0.1)
    check.same_as_torch(right.forward, right.backward, F.relu, [x], ["dx"])
    with pytest.raises(AssertionError, match="dx is wrong in 2 of 6"):
        check.same_as_torch(wrong.forward, wrong.backward, F.relu, [x], ["dx"])
    with pytest.raises(AssertionError, match="forward"):
        check.same_as_torch(torch.abs, None, F.relu, [x])


def test_same_as_torch_takes_modules_and_integer_inputs():
    logits, labels = torch.randn(4, 3), torch.tensor([0, 2, 1, 1])

    def backward(grad_output):
        onehot = F.one_hot(labels, 3)
        return grad_output * (logits.softmax(1) - onehot) / 4

    check.same_as_torch(
        lambda z, y: -z.log_softmax(1)[torch.arange(4), y].mean(),
        backward,
        nn.CrossEntropyLoss(),
        [logits, labels],
        ["dlogits", "dlabels"],
    )


def test_close_names_a_known_mistake():
    hints = {"The bias is not added.": x, "It is doubled.": {"y": 2 * x}}
    check.close(x + 1, x + 1, "y", hints=hints)
    with pytest.raises(AssertionError, match=r"^y is wrong\. The bias is not added"):
        check.close(x, x + 1, "y", hints=hints)
    with pytest.raises(AssertionError, match="It is doubled"):
        check.close({"y": 2 * x}, {"y": x}, "y", hints=hints)
    with pytest.raises(AssertionError, match="wrong sign"):
        check.close(-x, x, "y", hints={"Something else.": x + 1})


def test_hints_can_wait_until_they_are_needed():
    asked = []

    def hints():
        asked.append(1)
        return {"The bias is not added.": x}

    check.close(x + 1, x + 1, "y", hints=hints)
    assert not asked
    with pytest.raises(AssertionError, match="The bias is not added"):
        check.close(x, x + 1, "y", hints=hints)
    assert asked


def test_unchanged_names_the_argument():
    def scale(a, factor, b):
        b *= factor
        return a + b

    a, b = torch.ones(2), torch.ones(2)
    assert check.unchanged(torch.add, a, b).tolist() == [2, 2]
    with pytest.raises(AssertionError, match="scale changed its argument 3 in place"):
        check.unchanged(scale, a, 2, b)


def test_generator_repeats_and_differs(monkeypatch):
    def draw(test):
        return torch.rand(3, generator=check.generator(test)).tolist()

    monkeypatch.delenv("BYHAND_SEED", raising=False)
    ours = draw("a")
    assert ours == draw("a") != draw("b")
    monkeypatch.setenv("BYHAND_SEED", "hw1/ada")
    assert ours != draw("a") == draw("a")
