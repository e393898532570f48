"""What learning platforms give out is taken in: by itself, and with their lists."""

import json
import zipfile
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from grader.course.course import Course
from grader.course.folder import collect
from grader.course.people import People, read_table
from grader.errors import CourseError
from grader.outcome import Status
from tests.platforms import DOWNLOADS, OLD, ONE, TWO, Made

HW = "hw1_backprop"
BOOKS = {
    text: json.dumps(new_notebook(cells=[new_code_cell(f"x = {text!r}")]))
    for text in (ONE, TWO, OLD)
}


@pytest.fixture
def course(tmp_path) -> Course:
    return Course(tmp_path / "course")


def as_zip(made: Made, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/._x", "")
        for name, content in made.files.items():
            archive.writestr(name, BOOKS.get(content, content))
    return path


def as_folder(made: Made, path: Path) -> Path:
    for name, content in made.files.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(BOOKS.get(content, content), "utf8")
    return path


def handed_in(course: Course) -> dict[str, str]:
    """Whose notebook is whose, by what is in it."""
    found = {}
    for path in course.folder.glob(f"submitted/*/{HW}/{HW}.ipynb"):
        (text,) = [t for t, book in BOOKS.items() if path.read_text("utf8") == book]
        found[path.parts[-3]] = text
    return found


FORMS = {"zip": as_zip, "folder": as_folder}
# clones are folders
CASES = [(n, f) for n in DOWNLOADS for f in FORMS if (n, f) != ("GitHub", "zip")]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_with_the_list(name, form, course, tmp_path):
    made, said = DOWNLOADS[name], []
    people = tmp_path / "list.csv"
    people.write_text(made.people, "utf8", newline="")
    source = FORMS[form](made, tmp_path / "download")
    outcomes = collect(course, HW, source, people, said.append)
    assert handed_in(course) == {s: t for s, t in made.students.items() if t}, outcomes
    absent = {o.student for o in outcomes if o.status == Status.ABSENT}
    refused = [o for o in outcomes if o.status == Status.NOT_COLLECTED]
    with_reason = {o.student for o in refused} & made.students.keys()
    assert absent | with_reason == {s for s, t in made.students.items() if not t}
    assert len(refused) - len(with_reason) == made.unknown
    late = {o.student for o in outcomes if "late, by the platform" in o.note}
    assert late == set(made.late)
    platform = name.partition(",")[0]
    if name != "people's own names":
        assert platform in said[1]
    with course.gradebook() as gradebook:
        assert {s.id for s in gradebook.students} == made.students.keys()
        for student, names in made.names.items():
            found = gradebook.find_student(student)
            assert (found.first_name, found.last_name, found.email) == names


@pytest.mark.parametrize("name", DOWNLOADS)
def test_without_the_list(name, course, tmp_path):
    made = DOWNLOADS[name]
    form = "folder" if name == "GitHub" else "zip"
    source = FORMS[form](made, tmp_path / "download")
    if made.without is None:
        with pytest.raises(CourseError, match="--list FILE"):
            collect(course, HW, source)
        assert not handed_in(course)
    else:
        collect(course, HW, source)
        assert handed_in(course) == made.without


def test_the_same_again_changes_nothing(course, tmp_path):
    source = as_zip(DOWNLOADS["Canvas"], tmp_path / "canvas.zip")
    collect(course, HW, source)
    again = collect(course, HW, source)
    assert {o.status for o in again if o.ok} == {Status.UNCHANGED}


def test_a_platforms_zip_left_in_a_folder(course, tmp_path):
    """It was one student, with one of three people's notebooks."""
    (tmp_path / "in").mkdir()
    as_zip(DOWNLOADS["Canvas"], tmp_path / "in" / "hw1_submissions.zip")
    collect(course, HW, tmp_path / "in")
    assert handed_in(course) == DOWNLOADS["Canvas"].without


def test_a_platforms_zip_beside_others_is_named(course, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "eve.ipynb").write_text(BOOKS[ONE])
    as_zip(DOWNLOADS["Canvas"], tmp_path / "in" / "hw1_submissions.zip")
    outcomes = collect(course, HW, tmp_path / "in")
    (refused,) = [o for o in outcomes if not o.ok]
    assert "the work of 4 people" in refused.reason
    assert handed_in(course) == {"eve": ONE}


def test_two_notebooks_of_one_person_are_not_reduced_to_one(course, tmp_path):
    files = {
        "noorminna_70311_880123_a.ipynb": ONE,
        "noorminna_70311_880124_b.ipynb": TWO,
        "oneil_70312_880125_hw1_backprop.ipynb": TWO,
    }
    source = as_zip(Made(files, "", {}), tmp_path / "c.zip")
    outcomes = collect(course, HW, source)
    (refused,) = [o for o in outcomes if not o.ok]
    assert refused.student == "70311" and "several notebooks" in refused.reason
    assert handed_in(course) == {"70312": TWO}


def test_files_that_are_not_named_as_the_platform_does_are_reported(course, tmp_path):
    made = DOWNLOADS["Canvas"]
    more = Made({**made.files, "scratch.ipynb": OLD}, "", {})
    outcomes = collect(course, HW, as_zip(more, tmp_path / "c.zip"))
    (unknown,) = [o for o in outcomes if o.student == "scratch.ipynb"]
    assert not unknown.ok and "whose is it?" in unknown.reason
    assert "scratch" not in str(handed_in(course))


def test_a_students_own_file_names_make_no_platform(course, tmp_path):
    """Nor do they hand in for somebody else."""
    mine = {
        f"eve/deep/Noor_Minna_mnoor{n}_7031{n}/hw1_backprop.ipynb": OLD
        for n in range(9)
    }
    files = {
        **mine,
        "mnoor7/hw1_backprop.ipynb": ONE,
        "ase/hw1_backprop.ipynb": TWO,
        "eve/submission_metadata.yml": "ase:\n  :submitters:\n  - :name: Eve\n",
    }
    for form in FORMS.values():
        place = Course(tmp_path / form.__name__)
        source = form(Made(files, "", {}), tmp_path / f"in-{form.__name__}")
        collect(place, HW, source)
        assert {s: t for s, t in handed_in(place).items() if s != "eve"} == {
            "mnoor7": ONE,
            "ase": TWO,
        }


def test_a_file_name_like_another_ones_attempt(course, tmp_path):
    """What stands first is the platform's; the rest is the student's own."""
    more = "_mnoor7_attempt_2027-01-01-00-00-00_hw1.ipynb"
    files = DOWNLOADS["Blackboard"].files | {
        f"Homework 1_eve_attempt_2026-01-31-11-20-30_x{more}": OLD
    }
    collect(course, HW, as_zip(Made(files, "", {}), tmp_path / "b.zip"))
    expected = {**(DOWNLOADS["Blackboard"].without or {}), "eve": OLD}
    assert handed_in(course) == expected


@pytest.mark.parametrize(
    "metadata",
    [
        "a: [",
        "[]",
        "submission_1: 3\nsubmission_2:\n  :submitters: 5",
        "submission_1:\n  :submitters:\n  - 4\n  - :phone: 7\n  :created_at: soon",
        "submission_1:\n  :submitters:\n  - :sid: 0017\n  :created_at: 2026-13-50",
    ],
)
def test_odd_metadata_of_gradescope(metadata, course, tmp_path):
    files = {
        "submission_metadata.yml": metadata,
        "submission_1/hw1_backprop.ipynb": ONE,
        "submission_2/hw1_backprop.ipynb": TWO,
    }
    collect(course, HW, as_zip(Made(files, "", {}), tmp_path / "g.zip"))


def test_studip_does_not_say_whose_a_file_is(course, tmp_path):
    files = {"[0]_hw1.ipynb": ONE, "[1]_hw1.ipynb": TWO, "archive_filelist.csv": ""}
    source = as_zip(Made(files, "", {}), tmp_path / "s.zip")
    with pytest.raises(CourseError, match=r"Stud\.IP"):
        collect(course, HW, source)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 an Excel file", "save it as CSV"),
        (b"", "is no list of people"),
        (b"just text\nwithout columns\n", "is no list of people"),
        (b"colour,taste\nred,sweet\n", "its columns are colour, taste"),
        (b"username,email\n", "Nobody stands on"),
        (b"username,email\n../up,a@example.org\n", "line 2"),
    ],
)
def test_what_is_no_list(content, words, course, tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    source = as_zip(DOWNLOADS["Canvas"], tmp_path / "c.zip")
    with pytest.raises(CourseError, match=words):
        collect(course, HW, source, path)
    with pytest.raises(CourseError, match="cannot be read"):
        collect(course, HW, source, tmp_path / "nowhere.csv")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_damaged_or_empty_download(content, course, tmp_path):
    path = tmp_path / "d.zip"
    path.write_bytes(content)
    with pytest.raises(CourseError, match=r"no zip archive|nothing in"):
        collect(course, HW, path)
    with pytest.raises(CourseError, match="There is no folder"):
        collect(course, HW, tmp_path / "nowhere.zip")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_list_is_written_as_it_was(encoding, end, delimiter, tmp_path):
    lines = ["username,email,note", "åse,ase@example.org,", "bo,bo@example.org,x y"]
    text = end.join(line.replace(",", delimiter) for line in [*lines, ""])
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode(encoding))
    assert read_table(path).to_bytes() == path.read_bytes()
    assert [p.student for p in People(path).people] == ["åse", "bo"]


def test_quotes_stay(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(DOWNLOADS["Blackboard"].people.encode())
    assert read_table(path).to_bytes() == path.read_bytes()
