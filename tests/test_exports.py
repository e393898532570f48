"""Marks are written in every format that there is, in full or not at all."""

import csv

import pytest

from grader.course.course import Course
from grader.errors import CourseError
from grader.records import exports
from grader.records.exports import WRITERS, export

# nbgrader's own sessions cause them
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
MARKS = {("ada", "hw1"): 7.5, ("bob", "hw1"): 0.0, ("ada", "hw2"): 3.0}


@pytest.fixture
def course(tmp_path) -> Course:
    """A course with the marks of two students."""
    course = Course(tmp_path / "course")
    with course.gradebook() as gradebook:
        for homework in ("hw1", "hw2"):
            gradebook.add_assignment(homework)
            gradebook.add_notebook(homework, homework)
            options = {"max_score": 10, "cell_type": "code"}
            gradebook.add_grade_cell("f_test", homework, homework, **options)
        for (student, homework), points in MARKS.items():
            gradebook.update_or_create_student(student)
            gradebook.add_submission(homework, student)
            mark = gradebook.find_grade("f_test", homework, homework, student)
            mark.auto_score = points
        gradebook.db.commit()
    return course


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_holds_the_marks(course, name):
    written = export(course)
    assert course.folder / name in written
    text = (course.folder / name).read_text("utf8")
    assert "ada" in text and "bob" in text and "7.5" in text
    assert {path.name for path in written} == set(WRITERS)
    assert not list(course.folder.glob(".unfinished*"))


@pytest.mark.parametrize("name", WRITERS)
def test_one_that_fails_leaves_the_last_one_whole(course, name, monkeypatch):
    export(course)
    before = (course.folder / name).read_bytes()

    def write(gradebook, path):
        path.write_text("half of")
        raise OSError("No space left on device")

    monkeypatch.setitem(WRITERS, name, write)
    with pytest.raises(OSError, match="No space left"):
        export(course)
    assert (course.folder / name).read_bytes() == before
    assert not list(course.folder.glob(".unfinished*"))


def test_nbgraders_columns(course):
    export(course)
    with open(course.folder / "grades.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    scores = {(r["student_id"], r["assignment"]): float(r["score"]) for r in rows}
    assert scores == MARKS | {("bob", "hw2"): 0.0}
    assert {row["max_score"] for row in rows} == {"10.0"}


def test_a_new_format_is_one_entry(course, monkeypatch):
    monkeypatch.setitem(
        exports.WRITERS, "marks.txt", lambda _, path: path.write_text("x")
    )
    assert course.folder / "marks.txt" in export(course)


def test_while_another_run_is_at_work(course):
    with course.alone(), pytest.raises(CourseError, match="Another run is at work"):
        export(course)
