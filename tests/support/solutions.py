"""Run a homework's tests on other solutions, in this process: no kernel, no waiting.

The tables of a homework, in ``tests/homeworks/<name>/``, list what students get wrong
(:func:`mistakes`) and what they get right in other ways (:func:`styles`);
``tests/test_homeworks.py`` runs them.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType

import matplotlib
import nbformat
import torch

from byhand.cells import names, only_defines, plain_python
from tests.support.door import Door

ROOT = Path(__file__).parents[2]
# a solution's source, or what to replace in the reference solution, and by what
Code = str | dict[str, str]


@dataclass(frozen=True)
class Mistake:
    """A mistake that students make in a solution cell, and the test that names it."""

    cell: str
    mistake: str
    code: Code
    test: str  # the first test that must fail
    says: str  # regular expression that its message must match


@dataclass(frozen=True)
class Style:
    """A solution cell in another style, which must get full marks."""

    cell: str
    style: str
    code: Code


def mistakes(cell: str, test: str, found: dict[str, tuple[Code, str]]) -> list[Mistake]:
    """Mistakes in one cell that one test must catch first, and in which words."""
    return [
        Mistake(cell, words, code, test, says) for words, (code, says) in found.items()
    ]


def styles(cell: str, found: dict[str, Code]) -> list[Style]:
    """One cell in several other styles."""
    return [Style(cell, words, code) for words, code in found.items()]


@dataclass(frozen=True)
class SourceCell:
    name: str
    kind: str  # "solution", "test" or "given"
    source: str
    points: float = 0


class Homework:
    """The graded cells of a homework's source notebook, in order."""

    def __init__(self, name: str):
        path = ROOT / "solutions" / name / f"{name}.ipynb"
        self.name = name
        self.cells = []
        for cell in nbformat.read(path, 4).cells:
            meta = cell.metadata.get("nbgrader")
            if meta:
                kind = "solution" if meta["solution"] else "given"
                kind = "test" if meta["grade"] else kind
                points = meta.get("points", 0)
                self.cells.append(
                    SourceCell(meta["grade_id"], kind, cell.source, points)
                )
        self.tests = [c.name for c in self.cells if c.kind == "test"]
        self.solutions = [c.name for c in self.cells if c.kind == "solution"]

    def source(self, cell: str) -> str:
        (source,) = [c.source for c in self.cells if c.name == cell]
        return source

    def edited(self, cell: str, code: Code) -> str:
        """The source of a solution cell with ``code`` in its place, or edited in."""
        if isinstance(code, str):
            return code
        source = self.source(cell)
        for old, new in code.items():
            assert source.count(old) == 1, f"{old!r} is in {cell} {source.count(old)}×"
            source = source.replace(old, new)
        return source

    def before(self, cell: str) -> set[str]:
        """The tests that come before a cell."""
        place = [c.name for c in self.cells].index(cell)
        return {c.name for c in self.cells[:place] if c.kind == "test"}

    def dependents(self, cell: str) -> set[str]:
        """The tests that use what a solution cell defines, directly or not."""
        bound, tests = set(), set()
        for other in self.cells:
            used, binds = names(other.source)
            if other.name == cell or (used & bound and other.kind != "test"):
                bound |= binds
            elif used & bound:
                tests.add(other.name)
        return tests

    def untouched(self, cell: str, source: str) -> set[str]:
        """The tests whose outcome is known where a cell has this source: they pass.

        They pass without the cell, as ``tests/test_homeworks.py`` makes sure, so they
        use nothing that it binds. And all that this source does is to bind the same
        names to other functions and classes; one that does more leaves no test
        untouched. When tests call these functions, the others could notice only by
        what all share: random numbers, which :meth:`grade` sets before each test, and
        PyTorch's settings, which it finds unchanged after each.
        """
        own = names(self.source(cell))[1]
        if not only_defines(source) or not names(source)[1] <= own:
            return set()
        return set(self.tests) - self.dependents(cell)

    def grade(
        self,
        solutions: dict[str, str] | None = None,
        skip: set[str] = frozenset(),
        door: bool = False,
        seed: int = 0,
    ) -> dict[str, Exception | None]:
        """What each test raised, None for nothing.

        Args:
            solutions: sources by cell, in place of the reference solutions.
            skip: tests to leave out.
            door: have the solutions and the tests in two rooms, as the grader has.
            seed: of PyTorch's random numbers, before each cell.

        Raises:
            AssertionError: a test, or a solution that it called, has left a setting
                of PyTorch changed.
        """
        room, results = {}, {}
        matplotlib.use("Agg")
        autograd, dtype, *_ = _settings()
        try:
            for cell in self.cells:
                torch.default_generator.manual_seed(seed)
                if cell.kind != "test":
                    source = (solutions or {}).get(cell.name, cell.source)
                    exec(compiled(source, cell.name), room)
                elif cell.name not in skip:
                    settings = _settings()
                    results[cell.name] = (_beyond if door else _within)(room, cell)
                    assert _settings() == settings, (
                        f"{cell.name} leaves PyTorch with other settings."
                    )
        finally:
            torch.set_grad_enabled(autograd)
            torch.set_default_dtype(dtype)
        return results


def secrets(name: str, kinds: str = "HIDDEN|SOLUTION") -> list[str]:
    """The lines of a homework that no student may see: solutions and hidden tests.

    Short ones tell nothing, and what tests say in words is meant to be read.
    """
    source = nbformat.read(ROOT / "solutions" / name / f"{name}.ipynb", 4)
    released = nbformat.read(ROOT / "assignments" / name / f"{name}.ipynb", 4)
    seen = "\n".join(cell.source for cell in released.cells)
    return [
        line.strip()
        for cell in source.cells
        for part in re.findall(rf"### BEGIN (?:{kinds}).*?### END", cell.source, re.S)
        for line in part.splitlines()
        if len(line.strip()) > 30
        and line.strip() not in seen
        and not re.fullmatch(r'f?".*"[,)]*', line.strip())
    ]


@cache
def compiled(source: str, name: str) -> CodeType:
    """A cell, ready to run."""
    return compile(plain_python(source), name, "exec")


def _within(room: dict, test: SourceCell) -> Exception | None:
    # each test for itself: none relies on the names of another
    return _raised(test, dict(room))


def _beyond(room: dict, test: SourceCell) -> Exception | None:
    door = Door(room)
    with torch.enable_grad():  # the homework may have switched it off in the room
        return _raised(test, door.begin(sorted(names(test.source)[0])))


def _raised(test: SourceCell, scope: dict) -> Exception | None:
    try:
        exec(compiled(test.source, test.name), scope)
    except Exception as error:
        return error
    return None


def _settings() -> tuple:
    """What code could leave changed in PyTorch for all that comes later."""
    return (
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.are_deterministic_algorithms_enabled(),
    )
