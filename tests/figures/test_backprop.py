"""Backpropagation on a small graph, to be stepped through."""

import itertools
import random
from types import SimpleNamespace

import pytest
import torch
from traitlets import TraitError

from byhand import figures
from byhand.figures.backprop import BINARY, CASES, UNARY
from tests.support.figures import close, settle


def grown(seed: int) -> list[dict]:
    """A random graph of four inputs and nine operations, some values used often."""
    dice = random.Random(seed)
    nodes = [
        {"name": f"x{i}", "op": "input", "value": round(dice.uniform(-3, 3), 3)}
        for i in range(4)
    ]
    for i in range(4, 13):
        op, many = dice.choice([(op, 1) for op in UNARY] + [(op, 2) for op in BINARY])
        parents = [dice.randrange(max(0, i - 4), i) for _ in range(many)]
        nodes.append({"name": f"v{i}", "op": op, "parents": parents})
    return nodes


def in_torch(nodes: list[dict]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Values and gradients of a graph, by PyTorch's own graph."""
    values: list[torch.Tensor] = []
    for node in nodes:
        if "parents" in node:
            of = [values[p] for p in node["parents"]]
            value = (UNARY if len(of) == 1 else BINARY)[node["op"]](*of)
        else:
            value = torch.tensor(node["value"], dtype=torch.float64, requires_grad=True)
        value.retain_grad()
        values.append(value)
    values[-1].backward()
    return values, [
        torch.zeros(()) if v.grad is None else v.grad.double() for v in values
    ]


def sound() -> list[list[dict]]:
    """Twelve random graphs without a logarithm of a negative number or the like."""
    found = []
    for seed in itertools.count():
        nodes = grown(seed)
        numbers = [x.item() for part in in_torch(nodes) for x in part]
        if all(abs(x) < 1e8 for x in numbers) and sum(map(bool, numbers)) > 15:
            found.append(nodes)
        if len(found) == 12:
            return found


@pytest.mark.parametrize("nodes", sound() + [case["nodes"] for case in CASES])
def test_backprop(module, nodes):
    values, gradients = in_torch(nodes)
    ours = module(figures.Backprop, "passes", nodes)
    close(ours["values"], torch.stack(values))
    close(ours["gradients"], torch.stack(gradients))
    theirs, edges = figures.Backprop(nodes).run()
    close(theirs, torch.stack(values))
    for name in ("from", "to"):
        assert [edge[name] for edge in edges] == [e[name] for e in ours["edges"]]
    for name in ("partial", "share"):
        close(
            [edge[name] for edge in ours["edges"]],
            torch.tensor([edge[name] for edge in edges], dtype=torch.float64),
        )


def test_every_operation_is_among_the_random_graphs():
    met = {(n["op"], len(n.get("parents", []))) for graph in sound() for n in graph}
    assert {(op, 1) for op in UNARY} | {(op, 2) for op in BINARY} <= met


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["label"])
def test_boxes_stand_apart_and_edges_pass_between(case):
    nodes = figures.Backprop(case["nodes"]).nodes
    spots = [(*node["at"], 1.0) for node in nodes]
    for node in nodes:
        for parent, lane in zip(
            node.get("parents", []), node.get("via", []), strict=True
        ):
            below = nodes[parent]["at"][1]
            assert len(lane) == node["at"][1] - below - 1
            spots += [(x, below + 1 + k, 0.25) for k, x in enumerate(lane)]
    for (x, row, w), (u, other, v) in itertools.combinations(spots, 2):
        assert row != other or abs(x - u) >= (w + v) / 2 + 0.1
    across = [x for x, *_ in spots]
    assert max(across) - min(across) <= 1.5  # no more than two boxes and a lane: 320 px


def test_backprop_answers(show):
    tab = show(figures.Backprop())
    says, step = tab.locator(".bh-says"), tab.get_by_role("slider", name="step")
    assert says.inner_text() == (
        "Backward, h → z: ∂(tanh(z))/\u2060∂z = 1 − h² = 0.786; "
        "times −1.08 from above: −0.846."
    )
    assert step.get_attribute("aria-valuetext") == "10 of 14"
    step.press("Home")
    settle(tab)
    assert says.inner_text().startswith("Only w, x, b, y are known")
    tab.get_by_role("button", name="Step", exact=True).click()
    settle(tab)
    assert says.inner_text() == "Forward: a = w·x = 0.5·2 = 1."
    tab.get_by_label("operation of a").select_option("−")
    settle(tab)
    assert says.inner_text() == "Forward: a = w − x = 0.5 − 2 = −1.5."
    tab.get_by_label("value of w").press("Home")
    settle(tab)
    assert says.inner_text() == "Forward: a = w − x = (−4) − 2 = −6."
    tab.get_by_role("button", name="Start again").click()
    tab.get_by_role("button", name="Play").click()
    tab.wait_for_function(
        "document.querySelector('.bh-slider input').getAttribute('aria-valuetext') === '12 of 14'"
    )
    tab.get_by_role("button", name="Pause").click()
    tab.get_by_role("button", name="Back").click()
    settle(tab)
    assert step.get_attribute("aria-valuetext") == "11 of 14"


def test_two_shares_add_up_and_a_relu_that_is_off_lets_nothing_through(show):
    tab = show(figures.Backprop())
    says = tab.locator(".bh-says")
    tab.get_by_role("button", name="A weight used twice").click()
    settle(tab)
    assert "= −2.47 + (−1.36) = −3.83" in says.inner_text()
    for _ in range(3):
        tab.get_by_role("button", name="Back").click()
    settle(tab)
    assert "share 1 of 2" in says.inner_text()

    tab.get_by_role("button", name="A ReLU that is off").click()
    settle(tab)
    assert "0, since z ≤ 0; times −2 from above: 0." in says.inner_text()
    tab.get_by_label("value of b").press("End")
    settle(tab)
    assert "1, since z > 0; times 2 from above: 2." in says.inner_text()


def test_a_logarithm_of_a_negative_number_is_told(show):
    tab = show(figures.Backprop())
    tab.get_by_label("value of b").press("Home")
    tab.get_by_label("operation of h").select_option("log")
    settle(tab)
    assert (
        "h is no finite number: change a value" in tab.locator(".bh-says").inner_text()
    )
    assert tab.complaints == []
    tab.get_by_label("value of b").press("End")
    settle(tab)
    assert "finite" not in tab.locator(".bh-says").inner_text()


def test_a_node_pressed_shows_when_it_was_done(show):
    tab = show(figures.Backprop())
    box = tab.locator("canvas").bounding_box()
    middle = box["x"] + box["width"] / 2
    tab.mouse.click(middle, box["y"] + 20)  # the result, at the top
    settle(tab)
    assert "begins at the top" in tab.locator(".bh-says").inner_text()


def test_backprop_takes_what_the_chapters_engine_recorded():
    x = SimpleNamespace(op="x", data=2.0, parents=())
    w = SimpleNamespace(op="w", data=-0.5, parents=())
    one = SimpleNamespace(op="1", data=1.0, parents=())
    a = SimpleNamespace(op="×", parents=(w, x))
    b = SimpleNamespace(op="exp", parents=(a,))
    c = SimpleNamespace(op="+", parents=(b, one))
    d = SimpleNamespace(op="^-1", parents=(c,))
    figure = figures.Backprop([x, w, a, b, one, c, d])
    assert [node["name"] for node in figure.nodes] == [*"xwab1cL"]
    values, edges = figure.run()
    close(values[-1], torch.sigmoid(torch.tensor(1.0)))
    assert {edge["from"] for edge in edges} == {0, 1, 2, 3, 5}  # not the constant
    with pytest.raises(TraitError, match="parent"):
        figures.Backprop([x, a])


X = {"name": "x", "op": "input", "value": 1.0}


@pytest.mark.parametrize(
    "bad, word",
    [
        ([], "two to sixteen"),
        ([X, X | {"name": "y"}], "the last is an operation"),
        ([X | {"value": float("nan")}, {"name": "L", "op": "exp", "parents": [0]}], "x: number 0 is nan"),
        ([X, {"name": "L", "op": "sin", "parents": [0]}], "L = sin: an operation is one of"),
        ([X, {"name": "L", "op": "exp", "parents": [0, 0]}], "not for 2 nodes"),
        ([X, {"name": "L", "op": "exp", "parents": [1]}], "must stand before it"),
        ([X, {"name": "x", "op": "exp", "parents": [0]}], "a name of its own"),
    ],
)  # fmt: skip
def test_backprop_refuses(bad, word):
    with pytest.raises(TraitError, match=word):
        figures.Backprop(bad)
