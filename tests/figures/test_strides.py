"""Strides and broadcasting, to be moved."""

import itertools
import random

import pytest
import torch
from traitlets import TraitError

from byhand import figures
from byhand.figures.strides import apply
from tests.support.figures import settle


def random_operation(t: torch.Tensor) -> str:
    """Any operation on a tensor, those included that PyTorch refuses."""
    dims, total = t.ndim, t.numel()

    def sizes() -> list[int]:
        split = [total]
        while len(split) < 4 and random.random() < 0.7:
            d = random.randrange(len(split))
            factors = [f for f in range(1, split[d] + 1) if split[d] % f == 0]
            first = random.choice(factors)
            split[d : d + 1] = [first, split[d] // first]
        if random.random() < 0.2:
            split[random.randrange(len(split))] = -1
        return split

    def part(size: int) -> str:
        kind = random.random()
        if kind < 0.2 and dims > 1:
            return str(random.randrange(-size, size))
        start, step = random.randrange(size), random.choice(("", "1", "2", "3"))
        stop = random.choice(
            ("", str(size), str(random.randrange(start + 1, size + 1)))
        )
        return f"{random.choice((str(start), str(start - size)))}:{stop}:{step}"

    def expansion() -> list[int]:
        grown = [random.choice((-1, s, 2)) if s == 1 else s for s in t.shape]
        return [random.choice((1, 2)) for _ in range(random.randrange(2))] + grown

    order = random.sample(range(dims), dims)
    choices = [
        f"reshape({', '.join(map(str, sizes()))})",
        f"view({', '.join(map(str, sizes()))})",
        f"permute({', '.join(map(str, order))})",
        f"[{', '.join(part(size) for size in t.shape[: random.randint(1, dims)])}]",
        f"expand({', '.join(map(str, expansion()))})",
        "contiguous()",
    ]
    return random.choice([*choices, "T"] if dims == 2 else choices)


def test_chains_of_operations(module):
    """Shape, strides, offset, contiguity, copies and contents, after each step."""
    random.seed(0)
    copies = refusals = operations = 0
    for _ in range(400):
        shape = [random.randint(1, 4) for _ in range(random.randint(1, 4))]
        base = torch.arange(1.0, 1 + torch.Size(shape).numel()).view(shape)
        t, chain, steps = base, [], []
        for _ in range(random.randint(1, 7)):
            operation = random_operation(t)
            chain.append(operation)
            try:
                new = apply(t, operation)
            except RuntimeError:
                steps.append(None)
                break
            steps.append(
                (
                    new,
                    new.untyped_storage().data_ptr() != t.untyped_storage().data_ptr(),
                )
            )
            t = new
            if not t.ndim or t.numel() > 200:
                break
        start = {"shape": shape, "strides": list(base.stride()), "offset": 0}
        made = 0  # copies, each with a strip of its own
        ours = module(figures.Strides, "run", base.flatten().tolist(), start, chain)
        for step, theirs in zip(ours["steps"][1:], steps, strict=False):
            assert theirs, chain
            new, copied = theirs
            assert step["shape"] == list(new.shape), chain
            assert step["strides"] == list(new.stride()), chain
            assert step["offset"] == new.storage_offset(), chain
            assert step["copy"] == copied, chain
            assert step["contiguous"] == new.is_contiguous(), chain
            made += copied
            strip = torch.tensor(ours["strips"][made])
            read = strip.as_strided(step["shape"], step["strides"], step["offset"])
            assert torch.equal(read, new), chain
            copies += copied
            operations += 1
        refused = steps[-1] is None
        assert ("refused" in ours) == refused, chain
        assert len(ours["steps"]) - 1 == len(steps) - refused, chain
        refusals += refused
    assert operations > 1000 and copies > 50 and refusals > 20


def test_all_that_is_offered_is_possible_or_refused_as_a_view(module):
    chains = [[], ["T"], ["reshape(12)"], ["[1:, ::2]"], ["[:, 1:2]"], ["[0]"]]
    base = torch.arange(12.0).view(3, 4)
    start = {"shape": [3, 4], "strides": [4, 1], "offset": 0}
    tried = 0
    for chain in chains:
        t = base
        for operation in chain:
            t = apply(t, operation)
        step = {"shape": list(t.shape), "strides": list(t.stride()), "offset": 0}
        for text in module(figures.Strides, "offers", step):
            values = base.flatten().tolist()
            ours = module(figures.Strides, "run", values, start, [*chain, text])
            try:
                theirs = apply(t, text)
            except RuntimeError:
                assert text.startswith("view") and ours["refused"]
                continue
            figures.Strides(base, chain=[*chain, text])  # the kernel takes it too
            last = ours["steps"][-1]
            assert last["shape"] == list(theirs.shape), text
            assert last["strides"] == list(theirs.stride()), text
            tried += 1
    assert tried > 50


def test_broadcasting(module):
    sizes = [s for n in (1, 2, 3) for s in itertools.product((1, 2, 3), repeat=n)]
    for left, right in list(itertools.product(sizes, sizes))[::4]:
        ours = module(figures.Strides, "broadcast", left, right)
        a, b = torch.zeros(left), torch.zeros(right)
        try:
            theirs = torch.broadcast_tensors(a, b)
        except RuntimeError:
            assert "clash" in ours, (left, right)
            continue
        for read, t in zip(ours["read"], theirs, strict=True):
            assert read["shape"] == list(t.shape), (left, right)
            # where there is one place only, a stride means nothing
            for size, mine, other in zip(
                t.shape, read["strides"], t.stride(), strict=True
            ):
                assert size == 1 or mine == other, (left, right)


def test_strides_answer(show):
    tab = show(figures.Strides())
    says, table = tab.locator(".bh-says"), tab.locator(".bh-figure table")
    assert "= 0 + 1·1 + 1·4 = 5: there stands 15." in says.inner_text()
    assert "No number was moved or copied." in says.inner_text()
    tab.get_by_label("operation").select_option("reshape(2, 6)")
    tab.get_by_role("button", name="Apply").press("Enter")
    settle(tab)
    assert "reshape(2, 6) had to copy" in says.inner_text()
    assert "(6, 1)" in table.locator("tr").last.inner_text()
    for _ in range(2):
        tab.get_by_role("button", name="Undo").press("Enter")
    settle(tab)
    assert table.locator("tbody tr").count() == 1
    tab.get_by_label("slice i: start").press("ArrowRight")
    tab.get_by_label("slice j: step").press("ArrowRight")
    settle(tab)
    assert "[1::, ::2]" in table.inner_text()
    last = table.locator("tr").last.inner_text().split("\t")
    assert last[1:4] == ["(2, 2)", "(4, 2)", "4"]
    tab.get_by_label("slice i: start").press("Home")
    tab.get_by_label("slice j: step").press("Home")
    settle(tab)
    assert table.locator("tbody tr").count() == 1  # the whole is no slice
    tab.get_by_label("element").press("Home")
    settle(tab)
    assert says.inner_text().startswith("A[0, 0] lies at")
    tab.get_by_role("button", name="view refuses").click()
    settle(tab)
    assert "PyTorch refuses view(12)" in says.inner_text()


def test_pointing_at_a_cell(show):
    tab = show(figures.Strides(chain=[]))
    says, box = tab.locator(".bh-says"), tab.locator("canvas").bounding_box()
    tab.mouse.move(box["x"] + 44 * 7.5, box["y"] + 60)  # place 7 of the strip
    settle(tab)
    assert says.inner_text().startswith("A[1, 3]") and "= 7: " in says.inner_text()
    tab.mouse.move(box["x"] + 20 + 10, box["y"] + box["height"] - 20)
    settle(tab)
    assert says.inner_text().startswith("A[2, 0]") and "= 8: " in says.inner_text()


def test_two_shapes_by_hand(show):
    tab = show(figures.Strides(broadcast=True, at=6))
    says, table = tab.locator(".bh-says"), tab.locator(".bh-figure table")
    assert "place 1·1 + 2·0 = 1 of a" in says.inner_text()
    assert "place 1·0 + 2·1 = 2 of b: 20 + 3 = 23." in says.inner_text()
    tab.get_by_label("shape of a").select_option("(3,)")
    settle(tab)
    assert "3 meets 4, and neither is 1" in says.inner_text()
    assert "(3,)" in table.inner_text() and "(3, 4)" not in table.inner_text()


def test_strides_take_what_the_chapter_has():
    A = torch.arange(24).view(2, 3, 4)[1]
    figure = figures.Strides(A, chain=["T", "[1:]"])
    assert (figure.offset, len(figure.values), figure.shape) == (12, 24, [3, 4])
    assert torch.equal(figure.result(), A.T[1:].double())
    assert torch.equal(figures.Strides(chain=["T", "view(12)"]).result()[0],
                       torch.tensor([10.0, 14, 18], dtype=torch.float64))  # fmt: skip


@pytest.mark.parametrize(
    "bad, word",
    [
        ({"values": [float("nan")] * 12}, "number 0 is nan"),
        ({"values": [1.0, 2.0]}, "out of bounds|storage"),
        ({"shape": [12]}, "give a matrix"),
        ({"chain": ["numpy()"]}, "no operation that this figure knows"),
        ({"chain": ["view(5)", "T"]}, r"view\(5\): shape"),
        ({"chain": ["expand(9, 3, 4)"]}, "16 numbers"),
        ({"left": [1, 2, 3]}, "left: one or two sizes"),
    ],
)
def test_strides_refuse(bad, word):
    with pytest.raises(TraitError, match=word):
        figures.Strides(**bad)
