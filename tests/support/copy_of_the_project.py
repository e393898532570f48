"""A copy of this project to grade in, with short limits and a homework of two minutes.

Tests of the grader as a whole run in such a copy: nothing of theirs ends up in the
repository, and a loop without an end costs seconds.
"""

import os
import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.support.solutions import ROOT

TINY = "tiny"
LIMITS = {"cell": 5, "total": 60, "memory": 400}
STATEMENTS = {
    "double": "def double(x):\n    {}",
    "halve": "def halve(x):\n    {}",
}
SOLUTIONS = {
    "double": STATEMENTS["double"].format("return 2 * x"),
    "halve": STATEMENTS["halve"].format("return x / 2"),
}
TESTS = {  # cell: (points, source)
    "double_test": (2, "assert double(3) == 6, 'double(3) is wrong.'"),
    "double_more_test": (
        1,
        "### BEGIN HIDDEN TESTS\nimport torch\n\nx = torch.rand(5)\n"
        "assert torch.equal(double(x), 2 * x), 'A tensor is not doubled.'\n"
        "### END HIDDEN TESTS",
    ),
    "halve_test": (3, "assert halve(3) == 1.5, 'halve(3) is wrong.'"),
}


def make(
    folder: Path,
    limits: dict,
    homeworks: tuple[str, ...] = (),
    forbid: bool = False,
) -> Path:
    """Copy what grading needs into a folder, with some homeworks and the tiny one.

    Args:
        limits: of all homeworks.
        forbid: whether homeworks forbid what they do; where calls are what is tried, it
            may be refused before it could crash.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("grader", "byhand"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, folder / part, ignore=ignored)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    for name in homeworks:
        source = nbformat.read(ROOT / "solutions" / name / f"{name}.ipynb", 4)
        rules = source.metadata["byhand"] if forbid else {}
        _write(folder, name, source, rules | {"limits": limits})
    _write(folder, TINY, _tiny(), {"limits": limits})
    return folder


def _write(folder: Path, name: str, notebook, rules: dict) -> None:
    notebook.metadata["byhand"] = rules
    path = folder / "solutions" / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def _tiny():
    def cell(name, source, grade=False, solution=False, **more):
        entry = {"grade_id": name, "grade": grade, "solution": solution, "task": False}
        entry |= {"locked": not solution, "schema_version": 3} | more
        return new_code_cell(source, id=name, metadata={"nbgrader": entry})

    def solution(name):
        source = SOLUTIONS[name].replace(
            "    return", "    ### BEGIN SOLUTION\n    return"
        )
        return cell(name, f"{source}\n    ### END SOLUTION", solution=True)

    def test(name):
        points, source = TESTS[name]
        return cell(name, source, grade=True, points=points)

    return new_notebook(
        cells=[
            new_markdown_cell("# Two functions", id="title"),
            cell("setup", "import torch"),
            *(solution("double"), test("double_test"), test("double_more_test")),
            *(solution("halve"), test("halve_test")),
        ]
    )


def tiny(double: str = SOLUTIONS["double"], halve: str = SOLUTIONS["halve"]) -> str:
    """The tiny homework as a student hands it in."""
    notebook = _tiny()
    for cell in notebook.cells:
        cell.source = {"double": double, "halve": halve}.get(cell.id, cell.source)
    return nbformat.writes(notebook)


def environment(**more: str) -> dict:
    """The environment of a run: the offline digits, and nothing of another course."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BYHAND")}
    return kept | {"BYHAND_OFFLINE": "1"} | more
