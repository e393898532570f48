"""Run a homework's tests on other solutions, in this process: no kernel, no waiting.

The tables of a homework, in ``tests/homeworks/<name>/``, list what students get wrong
(:func:`mistakes`) and what they get right in other ways (:func:`styles`);
``tests/test_homeworks.py`` runs them.
"""

import ast
import re
import types
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import nbformat
import torch
from IPython.core.inputtransformer2 import TransformerManager

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

    @property
    def tree(self) -> ast.Module:
        return _parse(self.source)

    def defines(self) -> set[str]:
        found = (ast.FunctionDef, ast.ClassDef)
        return {node.name for node in self.tree.body if isinstance(node, found)}

    def uses(self) -> set[str]:
        return {n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name)}


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

    def dependents(self, cell: str) -> set[str]:
        """The tests that use what a solution cell defines, directly or not."""
        names, tests = set(), set()
        for other in self.cells:
            if other.name == cell:
                names |= other.defines()
            elif other.uses() & names:
                names |= other.defines() if other.kind == "solution" else set()
                tests |= {other.name} if other.kind == "test" else set()
        return tests

    def grade(
        self,
        solutions: dict[str, str] | None = None,
        skip: set[str] = frozenset(),
        door: bool = False,
    ) -> dict[str, Exception | None]:
        """What each test raised, None for nothing.

        Args:
            solutions: sources by cell, in place of the reference solutions.
            skip: tests to leave out.
            door: let only plain data pass between the solutions and the tests, as a
                grader does that keeps them in two processes.
        """
        room, results = {}, {}
        matplotlib.use("Agg")
        before = torch.is_grad_enabled()
        try:
            for cell in self.cells:
                if cell.kind != "test":
                    source = (solutions or {}).get(cell.name, cell.source)
                    exec(_compile(source, cell.name), room)
                elif cell.name not in skip:
                    # each test for itself: none relies on the names of another
                    names = _outside(room) if door else dict(room)
                    # a homework may have switched autograd off, a judge has it on
                    inside = torch.is_grad_enabled()
                    torch.set_grad_enabled(inside or door)
                    results[cell.name] = _raised(cell, names)
                    torch.set_grad_enabled(inside)
        finally:
            torch.set_grad_enabled(before)
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


def _raised(cell: SourceCell, names: dict) -> Exception | None:
    try:
        exec(_compile(cell.source, cell.name), names)
    except Exception as error:
        return error
    return None


@cache
def _parse(source: str) -> ast.Module:
    return ast.parse(TransformerManager().transform_cell(source))


@cache
def _compile(source: str, name: str) -> types.CodeType:
    return compile(_parse(source), name, "exec")


# The door between two rooms, in miniature: what crosses is copied plain data; all else
# stays where it is, and the other side gets a handle to call and to read from.


class Handle:
    def __init__(self, thing, grad: bool):
        """``grad``: whether autograd is on in the room."""
        self.__dict__.update(_thing=thing, _grad=grad)

    def __call__(self, *args, **kwargs):
        args = [_into(a) for a in args]
        kwargs = {k: _into(v) for k, v in kwargs.items()}
        with torch.set_grad_enabled(self._grad):
            return _out(self._thing(*args, **kwargs), self._grad)

    def __getattr__(self, name):
        return _out(getattr(self._thing, name), self._grad)

    def __setattr__(self, name, value):
        raise TypeError("tests read from the student's objects, they do not write")


def _outside(room: dict) -> dict:
    own = {k: v for k, v in room.items() if not k.startswith("_")}
    own = {k: v for k, v in own.items() if not isinstance(v, types.ModuleType)}
    return {k: _out(v, torch.is_grad_enabled()) for k, v in own.items()}


def _plain(value, other):
    """Copies of plain data; of anything else, what ``other`` makes of it."""
    if type(value) in (torch.Tensor, torch.nn.Parameter):
        return value.detach().clone(memory_format=torch.contiguous_format)
    if type(value) in (type(None), bool, int, float, str):
        return value
    if type(value) in (tuple, list):
        return type(value)(_plain(v, other) for v in value)
    if type(value) in (dict, OrderedDict):
        return {_plain(k, other): _plain(v, other) for k, v in value.items()}
    return other(value)


def _out(value, grad: bool):
    return _plain(value, lambda thing: Handle(thing, grad))


def _into(value):
    def other(value):
        if isinstance(value, Handle):
            return value._thing
        raise TypeError(f"a {type(value).__name__} cannot cross the door")

    return _plain(value, other)
