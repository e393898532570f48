"""What students get holds no solution and no hidden test, and is up to date."""

import ast
import re

import nbformat
import pytest

from grader.course.course import Course
from grader.course.release import release
from tests.support.solutions import ROOT

NAMES = sorted(path.parent.name for path in ROOT.glob("solutions/*/*.ipynb"))


def source(name):
    return nbformat.read(ROOT / "solutions" / name / f"{name}.ipynb", 4)


def released(name):
    return nbformat.read(ROOT / "assignments" / name / f"{name}.ipynb", 4)


def is_test(cell) -> bool:
    meta = cell.metadata.get("nbgrader", {})
    return bool(meta.get("grade")) and not meta["solution"]


def marked(name: str, mark: str) -> list[str]:
    """The parts of the source's cells between BEGIN and END marks."""
    pattern = rf"### BEGIN {mark}\n(.*?)\n *### END {mark}"
    cells = source(name).cells
    return [part for c in cells for part in re.findall(pattern, c.source, re.S)]


@pytest.mark.parametrize("name", NAMES)
def test_released_version_is_up_to_date(name, tmp_path):
    course = Course(tmp_path / "course")
    for _ in range(2):  # and does not change by releasing again
        path = release(course, name, tmp_path / "assignments")
        committed = ROOT / "assignments" / name / f"{name}.ipynb"
        assert path.read_bytes() == committed.read_bytes(), "run: make release"


@pytest.mark.parametrize("name", NAMES)
def test_no_solution_and_no_hidden_test_is_released(name):
    text = (ROOT / "assignments" / name / f"{name}.ipynb").read_text("utf8")
    assert not re.search("BEGIN|END SOLUTION|HIDDEN TESTS", text)
    visible = "\n".join(cell.source for cell in released(name).cells)
    solutions = marked(name, "SOLUTION")
    hidden = marked(name, "HIDDEN TESTS")
    tests = [c for c in source(name).cells if is_test(c)]
    assert solutions and bool(hidden) == bool(tests)
    for part in hidden:
        assert part not in visible
    lines = {line.strip() for part in solutions for line in part.splitlines()}
    assert not [line for line in lines if len(line) > 20 and line in visible]
    for cell in released(name).cells:
        assert not cell.get("outputs")
        assert set(cell.metadata) <= {"nbgrader", "deletable", "editable"}
        if cell.metadata.get("nbgrader", {}).get("solution"):
            code = cell.cell_type == "code"
            stub = "raise NotImplementedError()" if code else "YOUR ANSWER HERE"
            assert stub in cell.source


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_sound(name):
    cells = [c for c in source(name).cells if "nbgrader" in c.metadata]
    ids = [c.metadata.nbgrader.grade_id for c in cells]
    assert len(set(ids)) == len(ids)
    assert ids == [c.id for c in cells]
    for cell in cells:
        meta = cell.metadata.nbgrader
        assert meta.schema_version == 3
        if meta.grade:  # what is graded says what it is worth
            assert re.search(
                rf"\({meta.points} points?\)", cell.source.split("\n\n")[0]
            )
        if is_test(cell):  # and brings what it needs
            imported = {
                alias.asname or alias.name
                for node in ast.walk(ast.parse(cell.source))
                if isinstance(node, (ast.Import, ast.ImportFrom))
                for alias in node.names
            }
            assert {"torch", "check"} <= imported


@pytest.mark.parametrize("name", NAMES)
def test_points_are_as_the_table_says(name):
    first = source(name).cells[0].source
    total = int(re.search(r"\*\*Points\*\* \| (\d+)", first)[1])
    rows = re.findall(r"^\| \d.*\| (\d+) \|$", first, re.M)
    graded = [
        c.metadata.nbgrader for c in source(name).cells if "nbgrader" in c.metadata
    ]
    points = sum(meta.points for meta in graded if meta.grade)
    assert sum(map(int, rows)) == total == points
