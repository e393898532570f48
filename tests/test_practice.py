"""`practice.ask` lets right layers pass, and shows the smallest case of a wrong one."""

import itertools
import re

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F

from byhand import practice
from tests.homeworks import hw1_backprop, hw2_cnn
from tests.support.solutions import Homework

TABLES = {"hw1_backprop": hw1_backprop, "hw2_cnn": hw2_cnn}


def functions(homework: str, solutions: dict | None = None) -> dict:
    """What a homework's solution cells define, from their sources."""
    names: dict = {"torch": torch, "math": __import__("math")}
    hw = Homework(homework)
    for cell in hw.cells:
        if cell.kind == "solution":
            source = (solutions or {}).get(cell.name, cell.source)
            exec(compile(source, cell.name, "exec"), names)
    return names


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield
    plt.close("all")


@pytest.mark.parametrize("homework", TABLES)
def test_the_homeworks_own_solutions_are_right(homework, capsys):
    names = functions(homework)
    asked = [layer for layer in practice.LAYERS if layer in names]
    assert len(asked) >= 4
    for layer in asked:
        practice.ask(names[layer])
        said = capsys.readouterr().out
        assert re.fullmatch(rf"{layer} agrees with PyTorch in \d+ cases.*\n", said)


def wrong(layer: str, forward):
    with pytest.raises(practice.Wrong) as caught:
        practice.ask(forward, layer)
    return str(caught.value)


def test_the_smallest_case_is_small():
    said = wrong("conv2d_forward", lambda X, K, b, **s: F.conv2d(X, K, None, **s))
    assert "X of shape (1, 1, 1, 1), K of shape (1, 1, 1, 1)" in said
    assert "0 smaller ones are right" in said

    def no_dilation(X, K, b, stride, padding, dilation):
        return F.conv2d(X, K, b, stride, padding)

    said = wrong("conv2d_forward", no_dilation)
    assert "dilation 2" in said
    sizes = re.search(r"X of shape \((\d+), (\d+), (\d+), (\d+)\)", said)
    assert torch.tensor([int(n) for n in sizes.groups()]).prod() <= 9

    def flipped(X, K, b, **settings):
        return F.conv2d(X, K.flip(2, 3), b, **settings)

    said = wrong("conv2d_forward", flipped)
    assert re.search(r"K of shape \(1, 1, (1, 2|2, 1)\)", said)
    assert "a factor is off" not in said


def test_each_setting_that_is_ignored_is_found():
    neutral = {"stride": 1, "padding": 0, "dilation": 1}
    for name in neutral:
        said = wrong(
            "conv2d_forward",
            lambda X, K, b, name=name, **s: F.conv2d(
                X, K, b, **(s | {name: neutral[name]})
            ),
        )
        assert f"{name} {neutral[name]}" not in said


def test_what_else_may_be_wrong():
    def in_place(x):
        return x.clamp_(min=0)

    def raises(x):
        raise RuntimeError("no idea")

    assert "changes its argument x in place" in wrong("relu_forward", in_place)
    assert "raises RuntimeError: no idea" in wrong("relu_forward", raises)
    assert "is a return statement missing" in wrong("relu_forward", lambda x: None)
    assert "must return the tuple (dX, dW, db)" in wrong(
        "linear_backward", lambda dout, X, W: dout
    )
    assert "wrong sign" in wrong("relu_forward", lambda x: -x.relu())
    assert "NaN" in wrong("sigmoid_forward", lambda x: x.exp() / x.exp() * torch.nan)
    with pytest.raises(ValueError, match="There are: linear_forward"):
        practice.ask(in_place)


def test_the_case_is_drawn():
    def wrong_corner(X, K, b, **settings):
        Y = F.conv2d(X, K, b, **settings)
        Y[..., -1, -1] += Y.shape[-1] > 1
        return Y

    wrong("conv2d_forward", wrong_corner)
    figure = plt.gcf()
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == ["X", "K", "b", "your Y", "Y, right"]
    framed = [
        box.get_linewidth()
        for axis in figure.axes
        for box in axis.patches
        if box.get_linewidth() > 1
    ]
    assert len(framed) == 1  # the one entry that is wrong


@pytest.mark.parametrize("homework", TABLES)
def test_known_mistakes_are_found(homework):
    """Of the mistakes in the homework's table, those in layers that can be asked."""
    asked = 0
    hw, table = Homework(homework), TABLES[homework]
    edge = re.compile(
        r"float|number|contiguous|view|dtype|squeez|clone|in place|time|slow"
    )
    for mistake in table.WRONG:
        layer = mistake.cell
        if layer not in practice.LAYERS or edge.search(mistake.mistake):
            continue
        code = hw.edited(mistake.cell, mistake.code)
        try:
            names = functions(homework, {mistake.cell: code})
        except Exception:
            continue
        asked += 1
        try:
            practice.ask(names[layer], draw=False)
        except practice.Wrong:
            continue
        pytest.fail(f"{layer}: {mistake.mistake}: not found")
    assert asked >= 15


def test_cases_grow():
    for layer in practice.LAYERS.values():
        sizes = [
            sum(t.numel() for t in tensors.values())
            for tensors, _ in itertools.islice(layer.cases(), practice.MAX_CASES)
        ]
        assert len(sizes) >= 5
        assert sizes[0] <= 4
        assert max(sizes) < 500
