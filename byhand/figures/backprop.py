"""Backpropagation on a small graph: values up, gradients down, one step at a time."""

import itertools
import string
from collections.abc import Callable, Sequence
from statistics import fmean as mean
from typing import Any

import torch
import traitlets
from matplotlib.figure import Figure as Picture
from torch import Tensor

from byhand.figures.figure import Figure, finite
from byhand.plots import COLOURS

# What a node may compute: of no other node, of one, of two.
LEAVES = ("input", "constant")
UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "σ": torch.sigmoid,
    "exp": torch.exp,
    "log": torch.log,
    "square": torch.square,
    "1/": torch.reciprocal,
    "−": torch.neg,
}
BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "+": torch.add,
    "−": torch.sub,
    "·": torch.mul,
    "/": torch.div,
    "max": torch.maximum,
}
ENGINE = {"×": "·", "^2": "square", "^-1": "1/"}  # as the chapter's engine calls them

Node = dict[str, Any]


def _leaf(name: str, value: float) -> Node:
    return {"name": name, "op": "input", "value": value}


def _node(name: str, op: str, *parents: int) -> Node:
    return {"name": name, "op": op, "parents": list(parents)}


NEURON = [
    _leaf("w", 0.5), _leaf("x", 2.0), _node("a", "·", 0, 1), _leaf("b", -0.5),
    _node("z", "+", 2, 3), _node("h", "tanh", 4), _leaf("y", 1.0),
    _node("e", "−", 5, 6), _node("L", "square", 7),
]  # fmt: skip
TWICE = [
    _leaf("x", 2.0), _leaf("w", 0.5), _node("g", "·", 1, 0), _node("h", "tanh", 2),
    _node("k", "·", 1, 3), _leaf("y", 2.0), _node("e", "−", 4, 5),
    _node("L", "square", 6),
]  # fmt: skip
SKIP = [
    _leaf("x", 1.5), _leaf("w", 0.2), _node("a", "·", 1, 0), _node("h", "σ", 2),
    _node("y", "+", 0, 3), _node("L", "square", 4),
]  # fmt: skip
SIGMOIDS = [
    _leaf("x", 1.0), *(_node(f"h{sub}", "σ", i) for i, sub in enumerate("₁₂₃₄₅₆")),
    _node("L", "square", 6),
]  # fmt: skip
OFF = [
    _leaf("w", -1.0), _leaf("x", 2.0), _node("a", "·", 0, 1), _leaf("b", 0.5),
    _node("z", "+", 2, 3), _node("h", "relu", 4), _leaf("y", 1.0),
    _node("e", "−", 5, 6), _node("L", "square", 7),
]  # fmt: skip
SOFTMAX = [
    _leaf("z", 1.0), _leaf("u", 2.0), _node("a", "exp", 0), _node("b", "exp", 1),
    _node("s", "+", 2, 3), _node("p", "/", 2, 4), _node("q", "log", 5),
    _node("L", "−", 6),
]  # fmt: skip
CASES: list[dict[str, Any]] = [
    {
        "label": "One neuron", "nodes": NEURON, "step": 10,
        "note": "The slope of tanh here, times what has come down: that is all that a "
        "node does. Step on, and watch w and x exchange their values.",
    },
    {
        "label": "A weight used twice", "nodes": TWICE, "step": 13,
        "note": "w is used in two products, so two shares come down to it, and they "
        "add up. Which of them is larger, and why?",
    },
    {
        "label": "A skip", "nodes": SKIP, "step": 11,
        "note": "x reaches y by two ways. Over the skip its gradient passes whole; "
        "set w to 0, and this share is all that is left.",
    },
    {
        "label": "Sigmoids in a row", "nodes": SIGMOIDS, "step": 15,
        "note": "Each sigmoid multiplies by a quarter at most: six of them, and "
        "little is left at x. Make some of them tanh or relu.",
    },
    {
        "label": "A ReLU that is off", "nodes": OFF, "step": 10,
        "note": "z is negative, so relu multiplies by 0: L could be smaller, and no "
        "parameter hears of it. Step on, then raise b until z is positive.",
    },
    {
        "label": "Softmax, cross entropy", "nodes": SOFTMAX, "step": 15,
        "note": "L = −log(eᶻ / (eᶻ + eᵘ)). Seven small rules later the gradient of z "
        "is p − 1, and that of u is 1 − p, as the formula says.",
    },
]  # fmt: skip


GAP, LANE = 0.12, 0.25  # between two boxes, and what an edge takes that passes them


class Backprop(Figure):
    """Backpropagation on a graph of small numbers, one step at a time.

    The reader steps through both passes, and changes values and operations.

    Args:
        graph: the nodes, each after those that it is computed from; the last is
            the result, whose gradient is 1. Either dictionaries, as `nodes` has
            them, or values of an autograd engine, with ``op``, ``data`` and
            ``parents``: those of chapter 7, for example.
        nodes: dictionaries, ``{"name": "w", "op": "input", "value": 0.5}`` or
            ``{"name": "a", "op": "·", "parents": [0, 1]}``. Operations of two nodes
            are + − · / max, of one relu tanh σ exp log square 1/ −.
        step: how many steps have been made: forward one for each operation, then
            one for the gradient of the result, then one for each edge.
        cases: graphs to choose by a button.

    Raises:
        traitlets.TraitError: a value is not finite, a node comes before one that it
            needs, or an operation is unknown or does not fit.
    """

    nodes = traitlets.List(traitlets.Dict()).tag(sync=True)
    step = traitlets.Int(10, min=0).tag(sync=True)
    cases = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, graph: Sequence | None = None, **traits) -> None:
        if graph is not None:
            traits["nodes"] = recorded(graph)
        cases = [case | {"nodes": placed(case["nodes"])} for case in CASES]
        super().__init__(**{"nodes": NEURON, "cases": cases} | traits)

    @traitlets.validate("nodes")
    def _nodes(self, proposal: traitlets.Bunch) -> list[Node]:
        return placed(proposal.value)

    def run(self) -> tuple[list[float], list[dict]]:
        """Both passes, with PyTorch's derivative of each operation.

        Returns:
            The nodes' values; and the edges in the order in which gradients go down
            them, each with its ends ``to`` and ``from``, its local derivative
            ``partial``, and the ``share`` of the gradient of ``from`` that it brings.
        """
        values: list[float] = []
        partials = {}
        for i, node in enumerate(self.nodes):
            if node["op"] in LEAVES:
                values.append(node["value"])
                continue
            at = [
                torch.tensor(values[p], dtype=torch.float64, requires_grad=True)
                for p in node["parents"]
            ]
            out = (UNARY if len(at) == 1 else BINARY)[node["op"]](*at)
            partials[i] = [d.item() for d in torch.autograd.grad(out, at)]
            values.append(out.item())
        gradients = [0.0] * len(values)
        gradients[-1] = 1.0
        edges = []
        for i in sorted(partials, reverse=True):
            for parent, partial in zip(
                self.nodes[i]["parents"], partials[i], strict=True
            ):
                if self.nodes[parent]["op"] == "constant":
                    continue
                share = gradients[i] * partial
                gradients[parent] += share
                edges.append(
                    {"from": parent, "to": i, "partial": partial, "share": share}
                )
        return values, edges

    def still(self) -> Picture:
        """The graph, with the values and gradients that the steps have reached."""
        values, edges = self.run()
        made = [i for i, node in enumerate(self.nodes) if node["op"] not in LEAVES]
        down = self.step - len(made) - 1
        gradients: dict[int, float] = {len(values) - 1: 1.0} if down >= 0 else {}
        for edge in edges[: max(0, down)]:
            gradients[edge["from"]] = gradients.get(edge["from"], 0.0) + edge["share"]
        rows = 1 + max(node["at"][1] for node in self.nodes)
        picture = Picture(figsize=(6.4, 0.75 * rows), layout="constrained")
        axis = picture.subplots()
        for i in made:
            x, row = self.nodes[i]["at"]
            for parent, via in zip(
                self.nodes[i]["parents"], self.nodes[i]["via"], strict=True
            ):
                start, below = self.nodes[parent]["at"]
                ways = [start, *via, x], range(below, row + 1)
                axis.plot(*ways, color=COLOURS["black"], lw=0.8, zorder=1)
        white = {"fc": "white", "ec": "none", "pad": 1}
        for edge in edges[: max(0, down)]:
            (a, _), (x, row) = (self.nodes[edge[end]]["at"] for end in ("from", "to"))
            side = self.nodes[edge["to"]]["parents"].index(edge["from"])
            near = [a, *self.nodes[edge["to"]]["via"][side]][-1]
            factor = f"×{_short(edge['partial'])}"
            spot = ((near + x) / 2, row - 0.5)
            axis.text(*spot, factor, ha="center", va="center", fontsize=8, bbox=white)
        for i, node in enumerate(self.nodes):
            known = i not in made[self.step :]
            words = _short(values[i]) if known else "?"
            if node["op"] != "constant":
                words = f"{self._written(i)} = {words}"
            if i in gradients:
                words += f"\ngrad {_short(gradients[i])}"
            colour = COLOURS["orange" if i in gradients else "blue"]
            box = {"boxstyle": "round", "fc": "white", "ec": colour}
            x, row = node["at"]
            axis.text(x, row, words, ha="center", va="center", bbox=box)
        across = [node["at"][0] for node in self.nodes]
        axis.set(xlim=(min(across) - 0.8, max(across) + 0.8), ylim=(-0.5, rows - 0.5))
        axis.set_axis_off()
        return picture

    def _written(self, i: int) -> str:
        """A node with its operation, as people write it: a = w·x."""
        node, op = self.nodes[i], self.nodes[i]["op"]
        if op in LEAVES:
            return node["name"]
        a, *more = [self.nodes[p]["name"] for p in node["parents"]]
        match op:
            case "square":
                term = f"{a}²"
            case "1/" | "−" if not more:
                term = f"{op}{a}"
            case "·" | "/":
                term = f"{a}{op}{more[0]}"
            case "+" | "−":
                term = f"{a} {op} {more[0]}"
            case _:
                term = f"{op}({', '.join([a, *more])})"
        return f"{node['name']} = {term}"


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def recorded(graph: Sequence) -> list[Node]:
    """Nodes as :class:`Backprop` has them, from values of an autograd engine.

    Args:
        graph: dictionaries are taken as they are; of other objects ``op``, ``data``
            and ``parents`` are read. One without parents is a constant if its ``op``
            is a number, else an input of that name.

    Raises:
        traitlets.TraitError: a parent is not in the list.
    """
    taken = {getattr(v, "op", "") for v in graph}
    letters = (c for c in string.ascii_lowercase if c not in taken)
    place = {id(v): i for i, v in enumerate(graph)}
    nodes: list[Node] = []
    for v in graph:
        if isinstance(v, dict):
            nodes.append(v)
        elif v.parents:
            if any(id(parent) not in place for parent in v.parents):
                raise traitlets.TraitError("graph: a parent of a value is not in it.")
            op = ENGINE.get(v.op, v.op)
            name = next(letters) if v is not graph[-1] else "L"
            nodes.append(_node(name, op, *(place[id(p)] for p in v.parents)))
        elif v.op.lstrip("-").replace(".", "", 1).isdigit():
            nodes.append(_leaf(v.op, float(v.data)) | {"op": "constant"})
        else:
            nodes.append(_leaf(v.op, float(v.data)))
    return nodes


def placed(nodes: Sequence[Node]) -> list[Node]:
    """Nodes, checked, each with its place in a drawing.

    Returns:
        The nodes, with ``at``, how far to the right and in which row, inputs below; and
        ``via``, for each parent, how far to the right the edge from it passes each
        of the rows between.

    Raises:
        traitlets.TraitError: this is no graph that can be computed.
    """
    _check(nodes)
    parents = [node.get("parents", []) for node in nodes]
    users: list[list[int]] = [[] for _ in nodes]
    row = [0] * len(nodes)
    for i, ours in enumerate(parents):
        row[i] = 1 + max((row[p] for p in ours), default=-1)
        for p in ours:
            users[p].append(i)
    for i, ours in enumerate(parents):  # inputs stand near their first user
        if not ours and users[i]:
            row[i] = min(row[user] for user in users[i]) - 1
    # an edge over several rows holds a place in each: a node (child, side, row)
    rows: list[list] = [[] for _ in range(max(row) + 1)]
    for i in range(len(nodes)):
        rows[row[i]].append(i)
    above: dict[Any, list] = {i: [] for i in range(len(nodes))}
    for i, ours in enumerate(parents):
        for side, p in enumerate(ours):
            lanes = [(i, side, between) for between in range(row[p] + 1, row[i])]
            for a, b in itertools.pairwise([p, *lanes, i]):
                above.setdefault(a, []).append(b)
            for lane in lanes:
                rows[lane[2]].append(lane)
    below: dict[Any, list] = {spot: [] for spot in above}
    for a, many in above.items():
        for b in many:
            below[b].append(a)
    x = _across(rows, above, below)
    return [
        node
        | {
            "at": [round(x[i], 3), row[i]],
            "via": [
                [round(x[i, side, b], 3) for b in range(row[p] + 1, row[i])]
                for side, p in enumerate(parents[i])
            ],
        }
        for i, node in enumerate(nodes)
    ]


def _across(rows: list[list], above: dict, below: dict) -> dict[Any, float]:
    """How far to the right everything stands: near what it is joined to.

    Sugiyama's method: in each row, sort by the mean place of the neighbours in the row
    before, from below and from above in turn; keep the order with fewest crossings.
    """

    def width(spot) -> float:
        return LANE if isinstance(spot, tuple) else 1.0

    def settle(row: list, wanted: dict) -> None:
        least = [0.0]  # how far apart they must stand, from the first
        for a, b in itertools.pairwise(row):
            least.append(least[-1] + (width(a) + width(b)) / 2 + GAP)
        left = (width(row[0]) - band) / 2
        room = (band - width(row[-1])) / 2 - left - least[-1]
        # without the least distances they need only stay in order, and in the band
        free = [wanted[spot] - left - far for spot, far in zip(row, least, strict=True)]
        for spot, far, spare in zip(row, least, _in_order(free), strict=True):
            x[spot] = left + far + min(max(spare, 0.0), room)

    def cost() -> tuple[int, float]:
        wires = [[(x[a], x[b]) for a in row for b in above[a]] for row in rows]
        crossings = sum(
            (a - c) * (b - d) < 0
            for row in wires
            for (a, b), (c, d) in itertools.combinations(row, 2)
        )
        return crossings, sum(abs(a - b) for row in wires for a, b in row)

    band = max(sum(map(width, row)) + GAP * (len(row) - 1) for row in rows)
    x: dict[Any, float] = {}
    for row in rows:
        settle(row, dict.fromkeys(row, 0.0))
    best, least = dict(x), cost()
    for sweep in range(12):
        joined, order = (below, rows) if sweep % 2 == 0 else (above, rows[::-1])
        for row in order:
            wanted = {
                spot: sum(x[s] for s in joined[spot]) / len(joined[spot])
                if joined[spot]
                else x[spot]
                for spot in row
            }
            row.sort(key=wanted.__getitem__)
            settle(row, wanted)
        if cost() < least:
            best, least = dict(x), cost()
    return best


def _in_order(wanted: list[float]) -> list[float]:
    """The nearest numbers, by least squares, none of which is below the one before."""
    blocks: list[list[float]] = []  # of neighbours that share their mean
    for each in wanted:
        blocks.append([each])
        while len(blocks) > 1 and mean(blocks[-2]) > mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    return [mean(block) for block in blocks for _ in block]


def _check(nodes: Sequence[Node]) -> None:
    if not 2 <= len(nodes) <= 16 or nodes[-1].get("op") in LEAVES:
        raise traitlets.TraitError(
            "nodes: give two to sixteen; the last is an operation, the result."
        )
    names = [node.get("name") for node in nodes if node.get("op") != "constant"]
    if len(set(names)) < len(names):
        raise traitlets.TraitError("nodes: give each a name of its own.")
    for i, node in enumerate(nodes):
        op, parents = node.get("op"), node.get("parents", [])
        what = f"nodes: {node.get('name')} = {op}"
        if op in LEAVES:
            finite([node.get("value", float("nan"))], f"nodes: {node.get('name')}")
        elif op not in UNARY and op not in BINARY:
            known = ", ".join(dict.fromkeys([*LEAVES, *BINARY, *UNARY]))
            raise traitlets.TraitError(f"{what}: an operation is one of {known}.")
        elif len(parents) not in (1, 2) or op not in (UNARY, BINARY)[len(parents) - 1]:
            raise traitlets.TraitError(f"{what} is not for {len(parents)} nodes.")
        elif not all(0 <= p < i for p in parents):
            raise traitlets.TraitError(f"{what}: its parents must stand before it.")
