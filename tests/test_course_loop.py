"""A class goes through release, collect, grade and return; each mark is known."""

import copy
import csv
import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from tests.homeworks import hw1_backprop as table
from tests.support.solutions import ROOT, Homework, secrets

HW = "hw1_backprop"
RELEASED = ROOT / "assignments" / HW / f"{HW}.ipynb"
homework = Homework(HW)


def grader(course: Path, *command) -> subprocess.CompletedProcess:
    """Run a command of the instructor, as the instructor does."""
    command = [sys.executable, "-m", "grader", "--course", course, *command]
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True
    )


def reference(cells=homework.solutions) -> dict:
    return {cell: homework.source(cell) for cell in cells}


def style(number: int) -> dict:
    """Right solutions of every cell, written in another way."""
    found = {c: [r for r in table.RIGHT if r.cell == c] for c in homework.solutions}
    return {c: homework.edited(c, r[number % len(r)].code) for c, r in found.items()}


def mistake(cell: str, words: str) -> dict:
    (wrong,) = [w for w in table.WRONG if (w.cell, w.mistake) == (cell, words)]
    return {cell: homework.edited(cell, wrong.code)}


def filled(solutions: dict) -> nbformat.NotebookNode:
    """The released notebook with solutions filled in, as a student hands it in."""
    notebook = nbformat.read(RELEASED, 4)
    for cell in notebook.cells:
        given = cell.source
        if cell.id == "train-use":  # half of the time, and no points
            given = "# I have tried other learning rates here"
        cell.source = solutions.get(cell.id, given)
    return notebook


def messy() -> nbformat.NotebookNode:
    """Right, but a cell is copied, a test is deleted, and there is a warning."""
    notebook = filled(style(2))
    place = {cell.get("id"): n for n, cell in enumerate(notebook.cells)}
    notebook.cells[place["relu"]].source += (
        "\n\nimport warnings\n\nplain = relu_forward\n\n\ndef relu_forward(x):\n"
        "    warnings.warn('still slow', stacklevel=1)\n    return plain(x)\n"
    )
    copied = copy.deepcopy(notebook.cells[place["linear_forward"]])
    copied.id = "copied"
    notebook.cells.insert(place["linear_forward"] + 1, copied)
    notebook.cells = [c for c in notebook.cells if c.id != "sigmoid_test"]
    return notebook


def crashing() -> nbformat.NotebookNode:
    notebook = filled(reference())
    cell = nbformat.v4.new_code_cell("import os\n\nos._exit(1)", id="crash")
    notebook.cells.insert(8, cell)
    return notebook


TRANSPOSED = reference() | mistake("linear_backward", "weight gradient transposed")
EDGES = (
    reference()
    | mistake("relu", "derivative at 0 is 1")
    | mistake("cross_entropy_forward", "largest logit not subtracted")
)
FIRST_THREE = reference(homework.solutions[:6])

# student: (notebook, points, what the feedback must say)
CLASS = {
    "ada": (filled(reference()), 50, None),
    "bela": (filled(style(1)), 50, None),
    "chen": (messy(), 50, None),
    # 4 + 2 for the layer itself; 4 + 2 and 4 + 6 for the network that is built on it
    "dana": (filled(TRANSPOSED), 50 - 22, "dW has shape .* It looks transposed"),
    "eli": (filled(EDGES), 50 - 2 - 3, r"\(large logits\) is wrong"),
    "fay": (filled(reference() | mistake("train", "uphill")), 40, "goes uphill"),
    "gus": (filled(FIRST_THREE), 25, "NotImplementedError"),
    "hana": (filled({}), 0, "NotImplementedError"),
    "ivan": (crashing(), 50, "cell 9: The notebook's process ended here: exit code 1"),
    "judy": (None, 0, "could not be graded.*(?s:.*)not a notebook"),
}
FAILED = {"judy"}


def hand_in(folder: Path) -> None:
    """The class's files, in all the forms that are taken."""
    for student, (notebook, _, _) in CLASS.items():
        text = nbformat.writes(notebook) if notebook else '{"cells": [{"cell_type'
        if student == "bela":
            with zipfile.ZipFile(folder / f"{student}.zip", "w") as archive:
                archive.writestr(f"homework/{HW}.ipynb", text)
        elif student == "chen":
            (folder / student).mkdir()
            (folder / student / f"{HW} (1).ipynb").write_text(text, "utf8")
        elif student == "dana":
            (folder / f"{student}_{HW}.ipynb").write_text(text, "utf8")
        elif student == "judy":
            (folder / f"{student}.ipynb").write_text(text, "utf8")
        else:
            (folder / student / HW).mkdir(parents=True)
            (folder / student / HW / f"{HW}.ipynb").write_text(text, "utf8")


def hashes(folder: Path) -> dict:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: hashlib.md5(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """(course folder, folder of submissions, what grading said), after one run."""
    course = tmp_path_factory.mktemp("private") / "course"
    folder = tmp_path_factory.mktemp("handed-in")
    hand_in(folder)
    before = hashes(folder)
    result = grader(course, "grade", "hw1", "--from", folder)
    assert hashes(folder) == before, "submissions were changed"
    return course, folder, result


def marks(course: Path) -> dict:
    with open(course / "grades.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["max_score"] for row in rows} == {"50.0"}
    assert {row["assignment"] for row in rows} == {HW}
    return {row["student_id"]: float(row["score"]) for row in rows}


def test_every_mark(graded):
    course, _, result = graded
    expected = {student: points for student, (_, points, _) in CLASS.items()}
    assert marks(course) == expected, result.stdout + result.stderr


def test_the_instructor_is_told(graded):
    course, _, result = graded
    assert result.returncode == 1
    assert "9 of 10 graded" in result.stdout
    assert "1 NOT GRADED" in result.stderr
    for student, (_, points, _) in CLASS.items():
        outcome = rf"{points} of 50( \(put right: \d\))?"
        outcome = "NOT GRADED: .*" if student in FAILED else outcome
        assert re.search(rf"^{student} +{outcome}$", result.stdout, re.M), student
    assert "Traceback" not in result.stdout + result.stderr
    assert str(course / "grades.csv") in result.stdout


def test_feedback_teaches_and_keeps_the_tests(graded):
    course, _, _ = graded
    hidden = secrets(HW, "HIDDEN")
    assert len(hidden) > 50
    for student, (_, points, words) in CLASS.items():
        page = course / "feedback" / student / HW / f"{HW}.html"
        text = re.sub(r"<[^>]+>", "", page.read_text("utf8"))
        text = text.replace("&#39;", "'").replace("&quot;", '"').replace("&lt;", "<")
        assert not [line for line in hidden if line in text], student
        assert "HIDDEN" not in text
        if words:
            assert re.search(words, text), student
        if student not in FAILED:
            assert f"{points} of 50 points" in " ".join(text.split()), student


def test_the_course_is_private(graded):
    course, _, _ = graded
    assert course.stat().st_mode & 0o777 == 0o700


def test_handing_in_again(graded):
    """Only what is new is graded again, and the earlier work is kept."""
    course, folder, _ = graded
    path = folder / "hana" / HW / f"{HW}.ipynb"
    path.write_text(nbformat.writes(filled(FIRST_THREE)), "utf8")
    result = grader(course, "collect", "hw1", folder)
    assert result.returncode == 0
    assert re.search("^hana +replaced; the earlier one is kept in", result.stdout, re.M)
    assert result.stdout.count("unchanged") == len(CLASS) - 1
    (kept,) = course.glob(f"earlier/hana/{HW}/*/{HW}.ipynb")
    assert kept.read_text("utf8") == nbformat.writes(filled({}))

    result = grader(course, "grade", "hw1")
    assert re.search(r"^hana +25 of 50$", result.stdout, re.M)
    assert len(re.findall(r"graded before\)$", result.stdout, re.M)) == 8
    assert marks(course) == {s: p for s, (_, p, _) in CLASS.items()} | {"hana": 25}
