"""What learning platforms give out is taken in: by itself, and with their lists."""

import json
import os
import zipfile
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from grader.course import download
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


@pytest.mark.parametrize("people", [None, DOWNLOADS["people's own names"].people])
def test_studip_does_not_say_whose_a_file_is(people, course, tmp_path):
    files = {"[0]_hw1.ipynb": ONE, "[1]_hw1.ipynb": TWO, "archive_filelist.csv": ""}
    source = as_zip(Made(files, "", {}), tmp_path / "s.zip")
    path = tmp_path / "list.csv"
    path.write_text(people or "")
    outcomes = collect(course, HW, source, path if people else None)
    refused = {o.student for o in outcomes if "does not say whose it is" in o.reason}
    assert refused == {"[0]_hw1.ipynb", "[1]_hw1.ipynb"}
    assert not handed_in(course)


def test_a_teams_number_may_be_a_participants(course, tmp_path):
    files = {
        "Team Red_51879_assignsubmission_file/hw1_backprop.ipynb": ONE,
        "Eve Day_51880_assignsubmission_file/hw1_backprop.ipynb": TWO,
    }
    people = (
        "Identifier,Full name,Email address,Group,Grade\n"
        "Participant 51877,Minna Noor,minna@example.org,Team Red,\n"
        "Participant 51879,Bo Kim,bo@example.org,,\n"
        "Participant 51880,Eve Day,eve@example.org\n"
    )
    path = tmp_path / "list.csv"
    path.write_text(people)
    collect(course, HW, as_zip(Made(files, "", {}), tmp_path / "m.zip"), path)
    assert handed_in(course) == {"minna@example.org": ONE, "eve@example.org": TWO}


def test_blind_marking_has_no_names_and_says_so(course, tmp_path):
    files = {"Participant_51877_assignsubmission_file/hw1_backprop.ipynb": ONE}
    path, said = tmp_path / "list.csv", []
    path.write_text("Identifier,Status,Grade\nParticipant 51877,Submitted,\n")
    source = as_zip(Made(files, "", {}), tmp_path / "m.zip")
    collect(course, HW, source, path, said.append)
    assert handed_in(course) == {"participant-51877": ONE}
    assert "in each assignment otherwise" in said[1]


def damaged(path: Path, name: str) -> Path:
    """The same archive, with other bytes where this member's content lies."""
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(name)
        start = member.header_offset + 30 + len(member.filename.encode())
    content = bytearray(path.read_bytes())
    content[start : start + 5] = b"\xff" * 5
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("Blackboard", "Homework 1_ase_1_attempt_2026-01-31-11-20-30.txt"),
        ("Blackboard", "Homework 1_ase_1_attempt_2026-01-31-11-20-30_hw1.ipynb"),
        ("Canvas", "noorminna_70311_880123_hw1_backprop.ipynb"),
    ],
)
def test_a_damaged_file_stops_nobody_else(name, member, course, tmp_path):
    made = DOWNLOADS[name]
    outcomes = collect(course, HW, damaged(as_zip(made, tmp_path / "d.zip"), member))
    expected = dict(made.without or {})
    found = handed_in(course)
    spoilt = expected.keys() - found.keys()
    assert len(spoilt) <= 1 and found.items() >= {
        (s, t) for s, t in expected.items() if s not in spoilt and s != "ase_1"
    }
    if member.endswith(".ipynb"):
        assert spoilt == {o.student for o in outcomes if not o.ok} & expected.keys()
        assert len(spoilt) == 1


def test_two_files_of_one_name_in_an_archive(course, tmp_path):
    path = tmp_path / "c.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning):
        for content in (ONE, TWO):
            archive.writestr("noor_70311_1_hw1_backprop.ipynb", BOOKS[content])
        archive.writestr("kim_70313_2_hw1_backprop.ipynb", BOOKS[TWO])
    outcomes = collect(course, HW, path)
    (refused,) = [o for o in outcomes if not o.ok]
    assert (refused.student, "two files of that name" in refused.reason) == (
        "70311",
        True,
    )
    assert handed_in(course) == {"70313": TWO}


def test_names_that_are_the_same_on_some_computers(course, tmp_path):
    files = {"ada/hw1_backprop.ipynb": ONE, "Ada/hw1_backprop.ipynb": TWO}
    outcomes = collect(course, HW, as_zip(Made(files, "", {}), tmp_path / "p.zip"))
    assert "Ada, ada" in outcomes[0].reason and not handed_in(course)


def test_an_archive_of_more_files_than_a_class_has(course, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MAX_MEMBERS", 3)
    for name, form in FORMS.items():
        with pytest.raises(CourseError, match="more than 3 files"):
            collect(course, HW, form(DOWNLOADS["Canvas"], tmp_path / name))


def test_who_has_handed_in_before_is_not_absent(course, tmp_path):
    made, people = DOWNLOADS["Canvas"], tmp_path / "list.csv"
    people.write_text(f'{made.people}"Lee, Sam",70315,sam@example.org,B,,\n')
    collect(course, HW, as_zip(made, tmp_path / "one.zip"), people)
    late = {"dayeve_LATE_70314_880200_hw1_backprop.ipynb": TWO}
    source = as_zip(Made(late, "", {}), tmp_path / "two.zip")
    outcomes = collect(course, HW, source, people)
    assert [o.student for o in outcomes if o.status == Status.ABSENT] == ["70315"]


def test_times(course, tmp_path):
    """A folder of one's own has its files' times, a platform's download has none."""
    people = tmp_path / "list.csv"
    people.write_text(DOWNLOADS["people's own names"].people)
    source = as_folder(DOWNLOADS["people's own names"], tmp_path / "in")
    for path in source.glob("**/*.ipynb"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    collect(course, HW, source, people)
    time, _ = course.submitted("mnoor7", HW)
    assert time and time.year == 2023
    collect(course, HW, as_zip(DOWNLOADS["Canvas"], tmp_path / "c.zip"))
    assert course.submitted("70311", HW) == (None, "")
    collect(course, HW, as_zip(DOWNLOADS["Gradescope"], tmp_path / "g.zip"))
    time, _ = course.submitted("0017", HW)
    assert str(time) == "2026-01-31 10:20:30"


def test_one_students_own_clone_makes_no_github(course, tmp_path):
    files = {
        "mary-ann/hw1_backprop.ipynb": ONE,
        "mary-ann/.git/config": "",
        "mary-jo/hw1_backprop.ipynb": TWO,
    }
    collect(course, HW, as_folder(Made(files, "", {}), tmp_path / "in"))
    assert handed_in(course) == {"mary-ann": ONE, "mary-jo": TWO}


@pytest.mark.parametrize(
    ("text", "students"),
    [
        ("username,email\na+b,a@example.org\n", ["a@example.org"]),
        ("email,name\nada+ml@example.org,Ada\n", ["ada_ml@example.org"]),
        ("Homework 1\n\nid,first_name\nada,Ada\nbo\n", ["ada", "bo"]),
        ("id,first_name\nada,Ada,,,\n", ["ada"]),
    ],
)
def test_lists_as_people_have_them(text, students, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(text)
    assert [person.student for person in People(path).people] == students


def test_nothing_that_is_known_of_a_student_is_forgotten(course, tmp_path):
    with course.gradebook() as gradebook:
        gradebook.update_or_create_student("ada", last_name="Byron", email="a@b.org")
    path = tmp_path / "list.csv"
    path.write_text("username,first name\nada,Ada\n")
    download.register(course, People(path))
    with course.gradebook() as gradebook:
        found = gradebook.find_student("ada")
        assert (found.first_name, found.last_name, found.email) == (
            "Ada",
            "Byron",
            "a@b.org",
        )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 an Excel file", "save it as CSV"),
        (b"", "is no list of people"),
        (b"just text\nwithout columns\n", "is no list of people"),
        (b"colour,taste\nred,sweet\n", "its columns are colour, taste"),
        (b"username,email\n", "Nobody stands on"),
        (b"username,note\n../up,x\n", "line 2"),
        (b"username,note\nada,x\nbo,y\nAda,z\n", "lines 2 and 4: both are Ada"),
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


@pytest.mark.parametrize(
    "content",
    [
        b"username,email\nada,a@example.org",  # no end of the last line
        b"username,note\nada,\x81\x8d \x80\n",  # bytes that are no character
        b"\xff\xfe" + "username\temail\nåse\ta@example.org\n".encode("utf-16-le"),
    ],
)
def test_odd_bytes_stay(content, tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    assert read_table(path).to_bytes() == content


def test_quotes_stay(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(DOWNLOADS["Blackboard"].people.encode())
    assert read_table(path).to_bytes() == path.read_bytes()
