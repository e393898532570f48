"""Marks go back into the very file that a platform has given out."""

import pytest
from nbgrader.api import Gradebook

from grader.course.course import Course
from grader.course.download import register
from grader.course.people import People
from grader.errors import CourseError
from grader.records.marks import fill
from tests.platforms import DOWNLOADS

HW = "hw1_backprop"
TESTS = {"relu_test": 20.0, "linear_test": 30.0}


def graded(course: Course, marks: dict[str, tuple[float, float]]) -> None:
    """Record marks as a grading run does; a test's is None where a person marks it."""
    with course.gradebook() as gradebook:
        book(gradebook, marks)


def book(gradebook: Gradebook, marks: dict) -> None:
    gradebook.update_or_create_assignment(HW)
    gradebook.update_or_create_notebook(HW, HW)
    for name, most in TESTS.items():
        gradebook.update_or_create_grade_cell(
            name, HW, HW, max_score=most, cell_type="code"
        )
    for student, points in marks.items():
        gradebook.update_or_create_student(student)
        gradebook.add_submission(HW, student)
        for name, got in zip(TESTS, points, strict=True):
            grade = gradebook.find_grade(name, HW, HW, student)
            grade.auto_score, grade.needs_manual_grade = got, got is None
    gradebook.db.commit()


@pytest.fixture
def course(tmp_path) -> Course:
    return Course(tmp_path / "course")


def filled(course, tmp_path, name: str, marks, content: bytes | None = None, **options):
    path = tmp_path / "list.csv"
    path.write_bytes(content or DOWNLOADS[name].people.encode())
    graded(course, marks)
    return path, fill(course, HW, path, **options)


# name: the first one's and second one's marks, and lines of the file afterwards
CASES = {
    "Canvas": (
        {"70311": (20, 22.5), "70312": (0, 12.5)},
        [
            '"Noor, Minna",70311,minna@example.org,A,42.50,',
            '"O\'Neil, Åse",70312,ase@example.org,A,12.50,',
            '"Day, Eve",70314,eve@example.org,B,0,',
            '"Student, Test",70999,,A,,',
            ",,,,Manual Posting,(read only)",
            "    Points Possible,,,,50.00,(read only)",
        ],
    ),
    "Moodle": (
        {"minna@example.org": (20, 22.5)},
        [
            "Participant 51877,Minna Noor,minna@example.org,Submitted for grading,42.50,50.00,Yes,,-,",
            "Participant 51879,Bo Kim,bo@example.org,No submission,0,50.00,Yes,-,-,",
        ],
    ),
    "Moodle, flat, in German": (
        {"minna@example.org": (20, 22.5)},
        [
            "Teilnehmer/in 51877;Minna Noor;minna@example.org;Zur Bewertung;42,50;50,00;Ja"
        ],
    ),
    "Blackboard": (
        {"mnoor7": (20, 30)},
        ['"Noor","Minna","mnoor7","0017","2026-01-31","Yes","50"'],
    ),
    "Brightspace": (
        {"mnoor7": (20, 1.25)},
        ["#0017,#mnoor7,Noor,Minna,21.25,#"],
    ),
    "OpenOlat": ({"mnoor7": (20, 1)}, ["mnoor7\tminna@example.org\t21"]),
    "Gradescope": ({"0017": (20, 1)}, ["Minna,Noor,0017,minna@example.org,,21"]),
    "GitHub": ({"0017": (20, 1)}, ['"0017","mnoor7","1","Minna Noor","21"']),
}


@pytest.mark.parametrize("name", CASES)
def test_the_file_is_filled_and_else_the_same(name, course, tmp_path):
    marks, lines = CASES[name]
    path, done = filled(course, tmp_path, name, marks)
    before = path.read_bytes()
    after = done.path.read_bytes()
    assert before == DOWNLOADS[name].people.encode()  # the original stays
    for line in lines:
        assert line in after.decode().lstrip("\ufeff").splitlines()
    assert before.startswith(b"\xef\xbb\xbf") == after.startswith(b"\xef\xbb\xbf")
    assert before.count(b"\r\n") == after.count(b"\r\n")
    assert before.count(b"\n") == after.count(b"\n")


def test_utf16_with_tabs_as_some_blackboards_write_it(course, tmp_path):
    text = DOWNLOADS["Blackboard"].people.replace(",", "\t")
    _, done = filled(
        course, tmp_path, "", {"mnoor7": (20, 30)}, content=text.encode("utf-16")
    )
    found = done.path.read_bytes().decode("utf-16")
    assert '"mnoor7"\t"0017"\t"2026-01-31"\t"Yes"\t"50"' in found


def test_a_dry_run_writes_nothing_and_says_what_would_change(course, tmp_path):
    marks = {"70311": (20, 22.5), "70312": (0, 12.5)}
    path, done = filled(course, tmp_path, "Canvas", marks, dry=True)
    assert done.path is None
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [path.name]
    assert [(c.student, c.before, c.after, c.note) for c in done.changes] == [
        ("70311", "", "42.50", ""),
        ("70313", "", "0", "handed in nothing"),
        ("70314", "", "0", "handed in nothing"),
    ]
    assert done.kept == 1


def test_who_is_not_in_the_file_and_who_waits_for_a_person(course, tmp_path):
    marks = {"70311": (20, None), "somebody": (1, 1)}
    _, done = filled(course, tmp_path, "Canvas", marks)
    assert done.missing == ["somebody"]
    assert done.skipped == [("70311", "parts are still to be marked by hand")]
    assert "70311,minna@example.org,A,," in done.path.read_text("utf8")


def test_who_is_excused_and_who_is_not_graded_yet(course, tmp_path):
    place = course.notebook("submitted", "70314", HW)
    place.parent.mkdir(parents=True)
    place.write_text("{}")
    content = DOWNLOADS["Canvas"].people.replace("A,12.50", "A,EX").encode()
    _, done = filled(course, tmp_path, "", {"70311": (1, 2)}, content=content)
    assert done.skipped == [
        ("70312", "EX stands there"),
        ("70314", "handed in, and not graded yet"),
    ]
    assert [c.student for c in done.changes] == ["70311", "70313"]


def test_a_late_penalty_counts(course, tmp_path):
    graded(course, {"70311": (20, 30)})
    with course.gradebook() as gradebook:
        notebook = gradebook.find_submission_notebook(HW, HW, "70311")
        notebook.late_submission_penalty = 10
        gradebook.db.commit()
    path = tmp_path / "list.csv"
    path.write_text(DOWNLOADS["Canvas"].people)
    (change, *_) = fill(course, HW, path).changes
    assert change.after == "40"


def test_comments_and_tests(course, tmp_path):
    marks = {"minna@example.org": (5, 30), "ase@example.org": (20, 30)}
    _, done = filled(course, tmp_path, "Moodle", marks, comments=True, tests=True)
    text = done.path.read_text("utf-8-sig")
    said = "hw1_backprop: 35 of 50 points; not passed: relu_test 5 of 20"
    assert f'"{said}"' in text or said in text
    assert "hw1_backprop: 50 of 50 points" in text
    header = text.splitlines()[0]
    assert header.endswith(f"{HW} linear_test,{HW} relu_test") or header.endswith(
        f"{HW} relu_test,{HW} linear_test"
    )
    with pytest.raises(CourseError, match="no column of comments"):
        filled(course, tmp_path, "Canvas", {}, comments=True)


def test_a_column_that_is_worth_something_else(course, tmp_path):
    content = DOWNLOADS["Canvas"].people.replace("50.00", "100.00").encode()
    marks = {"70311": (20, 22.5)}
    with pytest.raises(CourseError, match="worth 100 points there and 50 here"):
        filled(course, tmp_path, "", marks, content=content)
    path = tmp_path / "list.csv"
    (change, *_) = fill(course, HW, path, scale=True).changes
    assert change.after == "85"


def test_which_column(course, tmp_path):
    header = "Homework 1 (5501),Homework 11 (5502),Quiz (5503)"
    content = DOWNLOADS["Canvas"].people.replace("Homework 1 (5501)", header).encode()
    _, done = filled(course, tmp_path, "", {}, content=content)
    assert done.column == "Homework 1 (5501)"
    path = tmp_path / "list.csv"
    assert fill(course, HW, path, column="quiz").column == "Quiz (5503)"
    with pytest.raises(CourseError, match=r"no column 'Essay'.*'Quiz'.*--column"):
        fill(course, HW, path, column="Essay")
    path.write_bytes(content.replace(b"Quiz", b"HW1 again"))
    with pytest.raises(CourseError, match="Several columns"):
        fill(course, HW, path)
    # one that is not meant is not taken because it is the only one
    content = DOWNLOADS["Canvas"].people.replace("Homework 1", "Quiz").encode()
    path.write_bytes(content)
    with pytest.raises(CourseError, match=r"no column of hw1_backprop.*'Quiz'"):
        fill(course, HW, path)


def test_who_is_known_in_the_course_by_another_name(course, tmp_path):
    """Canvas' user id now, and the login when the class was collected."""
    _, done = filled(course, tmp_path, "Canvas", {"minna@example.org": (20, 22.5)})
    assert not done.missing
    assert done.changes[0][:3] == ("70311", "", "42.50")


def test_nothing_is_graded_yet(course, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(DOWNLOADS["Canvas"].people)
    with pytest.raises(CourseError, match="grade it first"):
        fill(course, HW, path)


def test_marks_find_the_students_that_the_list_has_named(course, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(DOWNLOADS["Canvas"].people)
    register(course, People(path))
    graded(course, {"70311": (20, 22.5)})
    with course.gradebook() as gradebook:
        assert gradebook.find_student("70311").last_name == "Noor"
