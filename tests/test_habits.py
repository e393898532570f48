"""Nothing harmless that students write or do beside their work costs a point."""

import csv

import nbformat
import pytest

from tests.habits import CELLS, CHANGES, FEW, HABITS, LINES
from tests.support.runs import grader
from tests.support.solutions import ROOT


def solved(homework: str) -> nbformat.NotebookNode:
    """What is handed in by somebody who has solved it all."""
    released = ROOT / "assignments" / homework / f"{homework}.ipynb"
    solutions = ROOT / "solutions" / homework / f"{homework}.ipynb"
    by_id = {c.id: c.source for c in nbformat.read(solutions, 4).cells}
    notebook = nbformat.read(released, 4)
    for cell in notebook.cells:
        entry = cell.metadata.get("nbgrader")
        if entry and entry["solution"]:
            lines = by_id[cell.id].split("\n")
            kept = [t for t in lines if not t.strip().startswith("### ")]
            cell.source = "\n".join(kept)
        elif cell.cell_type == "code" and not entry:
            cell.source = "# I have tried other numbers here"
    return notebook


def marks(
    tmp_path, homework: str, habits: list[str], each: int
) -> dict[str, tuple[float, float]]:
    """For each habit: points, and how many there are. A student has so many habits."""
    folder, course = tmp_path / "in", tmp_path / "course"
    folder.mkdir()
    groups = [habits[n : n + each] for n in range(0, len(habits), each)]
    students = {f"s{n:03}": group for n, group in enumerate(groups)}
    for student, group in {**students, "reference": []}.items():
        notebook = solved(homework)
        for habit in group:
            HABITS[habit](notebook)
        text = nbformat.writes(notebook)
        (folder / f"{student}.ipynb").write_text(text, "utf8")
    result = grader(course, "grade", homework, "--from", folder)
    with open(course / "grades.csv", newline="") as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {*students, "reference"}, result.stderr
    found = {}
    for student, group in {**students, "reference": ["the reference"]}.items():
        row = rows[student]
        found[", ".join(group)] = float(row["score"]), float(row["max_score"])
    return found


def test_there_are_enough():
    assert len(HABITS) >= 150
    assert len(HABITS) == len(LINES) + len(CELLS) + len(CHANGES)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("homework", "habits", "each"),
    # networks take their time: there a student has seven habits
    [("hw1_backprop", list(HABITS), 1), ("hw2_cnn", FEW, 7), ("hw3_training", FEW, 7)],
    ids=["hw1", "hw2", "hw3"],
)
def test_no_habit_costs_a_point(tmp_path, homework, habits, each):
    found = marks(tmp_path, homework, habits, each)
    lost = {
        habit: f"{got:g} of {most:g}"
        for habit, (got, most) in found.items()
        if got != most
    }
    assert not lost
