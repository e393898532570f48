"""Homework 1 as students hand it in: solved, in part, in other styles, with mistakes."""

import copy
from functools import cache

import nbformat
from nbformat import NotebookNode

from tests.homeworks import hw1_backprop as table
from tests.support.solutions import ROOT, Homework

HW = "hw1_backprop"
SOURCE = ROOT / "solutions" / HW / f"{HW}.ipynb"
RELEASED = ROOT / "assignments" / HW / f"{HW}.ipynb"


@cache
def homework() -> Homework:
    return Homework(HW)


@cache
def _released() -> NotebookNode:
    return nbformat.read(RELEASED, 4)


def released() -> NotebookNode:
    """What students get; to be changed at will."""
    return copy.deepcopy(_released())


def reference(cells: list[str] | None = None) -> dict[str, str]:
    """The reference solutions of these cells (default: of all)."""
    found = {c.name: c.source for c in homework().cells if c.kind == "solution"}
    return {cell: found[cell] for cell in (found if cells is None else cells)}


def style(number: int) -> dict[str, str]:
    """Right solutions of every cell, written in another way."""
    solutions = homework().solutions
    found = {c: [r for r in table.RIGHT if r.cell == c] for c in solutions}
    return {c: homework().edited(c, r[number % len(r)].code) for c, r in found.items()}


def mistake(cell: str, words: str) -> dict[str, str]:
    """A known-wrong solution, by its cell and its name in the table."""
    (wrong,) = [w for w in table.WRONG if (w.cell, w.mistake) == (cell, words)]
    return {cell: homework().edited(cell, wrong.code)}


def filled(solutions: dict[str, str]) -> NotebookNode:
    """The released notebook with solutions filled in, as a student hands it in."""
    notebook = released()
    for cell in notebook.cells:
        given = cell.source
        if cell.id == "train-use":  # half of the time, and no points
            given = "# I have tried other learning rates here"
        cell.source = solutions.get(cell.id, given)
    return notebook
