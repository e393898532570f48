"""Submissions are taken in as they are; what cannot be is reported, one by one."""

import os
import zipfile

import pytest

from grader.collect import collect
from grader.course import Course, CourseError

HW = "hw1_backprop"
NAME = f"{HW}.ipynb"


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path / "course")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "handed-in"
    path.mkdir()
    return path


def outcomes(course, folder):
    return {o.student: (o.ok, o.words) for o in collect(course, HW, folder)}


def test_forms_that_are_taken(course, folder):
    (folder / "ada" / "deep" / HW).mkdir(parents=True)
    (folder / "ada" / "deep" / HW / NAME).write_text("a")
    (folder / "ada" / "notes.ipynb").write_text("not this one")
    (folder / "bo-b.ipynb").write_text("b")
    (folder / f"cy@uni.edu_{NAME}").write_text("c")
    with zipfile.ZipFile(folder / "dan.zip", "w") as archive:
        archive.writestr("my homework.ipynb", "d")
        archive.writestr("__MACOSX/._my homework.ipynb", "x")
    (folder / ".DS_Store").write_text("")
    expected = {"ada": "a", "bo-b": "b", "cy@uni.edu": "c", "dan": "d"}
    found = outcomes(course, folder)
    assert {s: ok for s, (ok, _) in found.items()} == dict.fromkeys(expected, True)
    assert found["dan"][1] == "collected (it was named my homework.ipynb)"
    for student, text in expected.items():
        path = course.notebook("submitted", student, HW)
        assert path.read_text() == text
        assert (path.parent / "timestamp.txt").read_text().endswith("UTC\n")
    assert course.students(HW) == sorted(expected)


def test_one_bad_submission_does_not_stop_the_rest(course, folder, tmp_path):
    secret = tmp_path / "solution.ipynb"
    secret.write_text("secret")
    (folder / "link").mkdir()
    (folder / "link" / NAME).symlink_to(secret)
    (folder / "linked.ipynb").symlink_to(secret)
    (folder / "empty").mkdir()
    (folder / "two").mkdir()
    (folder / "two" / "a.ipynb").write_text("")
    (folder / "two" / "b.ipynb").write_text("")
    (folder / "twice.ipynb").write_text("")
    (folder / "twice.zip").write_bytes(b"PK, but no archive")
    (folder / "torn.zip").write_bytes(b"PK, but no archive")
    (folder / "essay.docx").write_text("")
    (folder / "a b.ipynb").write_text("")
    (folder / "big.ipynb").touch()
    os.truncate(folder / "big.ipynb", 60_000_000)
    (folder / "zoe.ipynb").write_text("z")
    found = outcomes(course, folder)
    reasons = {
        "link": "no notebook in it",
        "linked": "it is a link",
        "empty": "no notebook in it",
        "two": r"several notebooks (a.ipynb, b.ipynb)",
        "twice": "handed in several times (twice.ipynb, twice.zip)",
        "torn": "not a zip file",
        "essay": "expected a folder, a notebook",
        "a b": "no student's name",
        "big": "60 MB",
    }
    for student, words in reasons.items():
        ok, said = found.pop(student)
        assert not ok
        assert said.startswith("NOT COLLECTED: ") and words in said
    assert found == {"zoe": (True, "collected")}
    assert course.students(HW) == ["zoe"]


def test_nothing_to_collect(course, folder):
    with pytest.raises(CourseError, match="is empty"):
        collect(course, HW, folder)
    with pytest.raises(CourseError, match="no folder"):
        collect(course, HW, folder / "nowhere")
    with pytest.raises(CourseError, match="choose from"):
        course.check("hw99")
    assert course.check("hw1") == course.check(HW) == HW
