"""A class of four that has handed in the tiny homework, and what a run leaves of it."""

import json
import shutil
from pathlib import Path

from nbgrader.api import Gradebook

from tests.support.copy_of_the_project import TINY, tiny
from tests.support.course_folder import hand_in

WRONG = "def double(x):\n    return 3 * x  # $5 <b>"
CLASS = {  # student: (arguments of tiny, or the file; points)
    "ada": ({}, 6),
    "bob": ({"double": WRONG}, 3),
    "cy": ({"double": "def double(x): import os; os._exit(1)"}, 3),
    "dee": ('{"cells": [', 0),
}
EXPECTED = {student: points for student, (_, points) in CLASS.items()}


def enrol(course: Path) -> Path:
    """A course folder in which the class has handed in."""
    for student, (work, _) in CLASS.items():
        content = tiny(**work) if isinstance(work, dict) else work
        path = hand_in(course, TINY, student, content)
        if student == "bob":
            path.with_name("timestamp.txt").write_text("2031-01-01 10:00:00 UTC")
    return course


def copied(graded: Path, course: Path, verdicts: bool = True) -> Path:
    """The class, with what was judged before, but nothing of it recorded.

    Its secret is the same: so are the numbers that its tests draw.
    """
    shutil.copytree(graded / "submitted", course / "submitted")
    shutil.copy(graded / "secret", course)
    if verdicts:
        place = course / "verdicts" / TINY
        place.mkdir(parents=True)
        for path in (graded / "verdicts" / TINY).glob("*.json"):
            shutil.copy(path, place)
    return course


def state(course: Path, url: str | None = None) -> dict:
    """All that a run leaves: every mark, the graded notebooks, the feedback."""
    found = {}
    url = url or f"sqlite:///{course / 'gradebook.db'}"
    with Gradebook(url, "deep-learning-by-hand") as gradebook:
        for submission in gradebook.find_assignment(TINY).submissions:
            for grade in submission.notebooks[0].grades:
                found[submission.student.id, grade.name] = (
                    *(grade.auto_score, grade.manual_score, grade.needs_manual_grade),
                )
    for path in course.glob(f"autograded/*/{TINY}/*"):
        text = path.read_text()
        if path.suffix == ".ipynb":  # how long it took is another time each time
            content = json.loads(text)
            content["metadata"]["byhand"].pop("seconds")
            text = json.dumps(content)
        found[str(path.relative_to(course))] = text
    for path in course.glob(f"feedback/*/{TINY}/*"):
        found[str(path.relative_to(course))] = path.read_text()
    return found


def as_before(course: Path, graded: Path, url: str | None = None) -> None:
    """Assert that a run has left what another has, and nothing unfinished."""
    found, expected = state(course, url), state(graded)
    assert found.keys() == expected.keys()
    different = [name for name in expected if found[name] != expected[name]]
    assert not different
    rest = [p for p in course.rglob(".*") if p.name != ".lock"]
    assert not rest, "unfinished work was left"
