"""A class goes through release, collect, grade and return; each mark is known."""

import copy
import re
import zipfile
from functools import cache
from pathlib import Path

import nbformat
import pytest

from tests.support.course_folder import hashes, marks, rows
from tests.support.runs import grader
from tests.support.solutions import secrets
from tests.support.submissions import (
    HW,
    filled,
    homework,
    mistake,
    reference,
    style,
)


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


def first_three() -> dict:
    return reference(homework().solutions[:6])


@cache
def class_of_ten() -> dict:
    """By student: the notebook, its points, and what the feedback must say."""
    transposed = mistake("linear_backward", "weight gradient transposed")
    edges = mistake("relu", "derivative at 0 is 1")
    edges |= mistake("cross_entropy_forward", "largest logit not subtracted")
    uphill = reference() | mistake("train", "uphill")
    ended = "cell 9: The notebook's process ended here: exit code 1"
    looks = "dW has shape .* It looks transposed"
    return {
        "ada": (filled(reference()), 50, None),
        "bela": (filled(style(1)), 50, None),
        "chen": (messy(), 50, None),
        # 4 + 2 for the layer itself; 4 + 2 and 4 + 6 for the network built on it
        "dana": (filled(reference() | transposed), 50 - 22, looks),
        "eli": (filled(reference() | edges), 50 - 2 - 3, r"\(large logits\) is wrong"),
        "fay": (filled(uphill), 40, "goes uphill"),
        "gus": (filled(first_three()), 25, "NotImplementedError"),
        "hana": (filled({}), 0, "NotImplementedError"),
        "ivan": (crashing(), 50, ended),
        "judy": (None, 0, "could not be graded.*(?s:.*)not a notebook"),
    }


FAILED = {"judy"}


def hand_in(folder: Path) -> None:
    """The class's files, in all the forms that are taken."""
    for student, (notebook, _, _) in class_of_ten().items():
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


def expected() -> dict:
    return {student: points for student, (_, points, _) in class_of_ten().items()}


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


def test_every_mark(graded):
    course, _, result = graded
    assert marks(course, HW) == expected(), result.said
    found = rows(course)
    assert {row["max_score"] for row in found} == {"50.0"}
    assert {row["assignment"] for row in found} == {HW}


def test_the_instructor_is_told(graded):
    course, _, result = graded
    assert result.returncode == 1
    assert "9 of 10 graded" in result.stdout
    assert "1 NOT GRADED" in result.stderr
    for student, (_, points, _) in class_of_ten().items():
        outcome = rf"{points} of 50( \(.*\))?"
        outcome = "NOT GRADED: .*" if student in FAILED else outcome
        assert re.search(rf"^{student} +{outcome}$", result.stdout, re.M), student
    assert "Traceback" not in result.said
    assert str(course / "grades.csv") in result.stdout


def test_feedback_teaches_and_keeps_the_tests(graded):
    course, _, _ = graded
    hidden = secrets(HW, "HIDDEN")
    assert len(hidden) > 50
    for student, (_, points, words) in class_of_ten().items():
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
    path.write_text(nbformat.writes(filled(first_three())), "utf8")
    result = grader(course, "collect", "hw1", folder)
    assert result.returncode == 0
    assert re.search("^hana +replaced; the earlier one is kept in", result.stdout, re.M)
    assert result.stdout.count("unchanged") == len(class_of_ten()) - 1
    (kept,) = course.glob(f"earlier/hana/{HW}/*/{HW}.ipynb")
    assert kept.read_text("utf8") == nbformat.writes(filled({}))

    result = grader(course, "grade", "hw1")
    assert re.search(r"^hana +25 of 50$", result.stdout, re.M)
    assert len(re.findall(r"graded before\)$", result.stdout, re.M)) == 8
    assert marks(course, HW) == expected() | {"hana": 25}
