"""Submissions are taken in as they are; what cannot be is reported, one by one."""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.commands import sentence
from grader.course.course import Course
from grader.course.exchange import collect_exchange
from grader.course.folder import NAMES, READERS, collect, student_of
from grader.course.starter import Starter
from grader.errors import CourseError
from tests.support import copy_of_the_project as project
from tests.support.copy_of_the_project import TINY
from tests.support.solutions import ROOT
from tests.support.submissions import HW

NAME = f"{HW}.ipynb"
COURSE = "deep-learning-by-hand"


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path / "course")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "handed-in"
    path.mkdir()
    return path


def outcomes(course, folder):
    return {o.student: (o.ok, sentence(o)) for o in collect(course, HW, folder)}


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


@pytest.mark.parametrize("naming", NAMES, ids=lambda naming: naming.whose)
def test_every_way_to_name_a_submission(naming, course, folder):
    """Each entry's example is the student ada's, as a folder, a notebook, an archive."""
    example = naming.example
    assert student_of(folder / f"{example}.ipynb", HW) == (
        "ada" if naming.files else example
    )
    if naming.files:
        (folder / f"{example}.ipynb").write_text("{}")
    if naming.folders:
        (folder / example).mkdir()
        (folder / example / NAME).write_text("{}")
        assert student_of(folder / example, HW) == "ada"
    if naming.files and naming.folders:  # one student's, and one of them is enough
        (folder / f"{example}.ipynb").unlink()
    assert {o.student: o.ok for o in collect(course, HW, folder)} == {"ada": True}


def as_notebook(path):
    path.write_text("{}")


def as_folder(path):
    path.mkdir()
    (path / NAME).write_text("{}")


def as_archive(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(NAME, "{}")


MADE = {  # by what a reader says that it takes: the ending, and how to make one
    "a folder": ("", as_folder),
    "a notebook (.ipynb)": (".ipynb", as_notebook),
    "an archive (.zip)": (".zip", as_archive),
}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.what)
def test_every_kind_of_submission(reader, course, folder):
    ending, make = MADE[reader.what]
    path = folder / f"ada{ending}"
    make(path)
    assert [r.what for r in READERS if r.takes(path)] == [reader.what]
    found = reader.read(path, Starter(ROOT, HW))
    assert found.content == b"{}"
    assert abs(found.time - datetime.now(UTC)) < timedelta(days=1, hours=1)
    assert [(o.student, o.ok) for o in collect(course, HW, folder)] == [("ada", True)]


def test_what_no_reader_takes_is_said_with_what_they_take(course, folder):
    (folder / "ada.pdf").write_text("%PDF")
    (outcome,) = collect(course, HW, folder)
    kinds = [reader.what for reader in READERS]
    assert outcome.reason == f"expected {', '.join(kinds[:-1])} or {kinds[-1]}"


@given(st.text(min_size=1), st.text(), st.booleans())
def test_every_name_is_somebodys(name, homework, folder):
    """Whatever a file is called, and whatever the homework."""
    path = Path(f"/nowhere/{name}")
    with contextlib.nullcontext() if not folder else patched(Path, "is_dir"):
        assert isinstance(student_of(path, homework), str)


@contextlib.contextmanager
def patched(owner, name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, lambda *_: True)
        yield


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
    (folder / "a;b.ipynb").write_text("")
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
        "a;b": "no student's name",
        "big": "60 MB",
    }
    for student, words in reasons.items():
        ok, said = found.pop(student)
        assert not ok
        assert said.startswith("NOT COLLECTED: ") and words in said
    assert found == {"zoe": (True, "collected")}
    # all of them will have a mark, be it zero; but for what is no submission at all
    expected = {*reasons, "zoe"} - {"essay", "a;b"}
    assert course.students(HW) == sorted(expected)
    place = course.notebook("submitted", "empty", HW).parent
    assert "no notebook in it" in (place / course.REFUSED).read_text()


def test_nothing_of_what_was_collected_is_lost(course, folder):
    """Neither by a later submission that is no good, nor by one that is."""
    (folder / "ada.ipynb").write_text("first")
    collect(course, HW, folder)
    (folder / "ada.ipynb").unlink()
    (folder / "ada.zip").write_text("no archive")
    ok, said = outcomes(course, folder)["ada"]
    assert not ok and said.endswith("; what was collected before still counts")
    assert course.notebook("submitted", "ada", HW).read_text() == "first"
    with zipfile.ZipFile(folder / "ada.zip", "w") as archive:
        archive.writestr("ada.ipynb", "second")
    assert outcomes(course, folder)["ada"][0]
    assert course.notebook("submitted", "ada", HW).read_text() == "second"
    (kept,) = course.folder.glob(f"earlier/ada/{HW}/*/{NAME}")
    assert kept.read_text() == "first"


def test_hostile_folders(course, folder, tmp_path):
    """Links, pipes, endless folders and lying archives do no more than be refused."""
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / NAME).write_text("secret")
    (folder / "link").mkdir()
    (folder / "link" / "work").symlink_to(tmp_path / "solutions")
    (folder / "whole").symlink_to(tmp_path / "solutions")
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / NAME)
    os.mkfifo(folder / "pipes.ipynb")
    deep = folder / "deep"
    here = os.getcwd()
    deep.mkdir()
    try:
        os.chdir(deep)
        for _ in range(1500):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
    (folder / "many").mkdir()
    for number in range(10_001):
        (folder / "many" / f"{number}.txt").touch()
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(NAME, bytes(60_000_000))
    with zipfile.ZipFile(folder / "locked.zip", "w") as archive:
        archive.writestr(NAME, "x")
    locked = bytearray((folder / "locked.zip").read_bytes())
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):  # the flag "encrypted"
        locked[locked.index(mark) + (6 if mark[2] == 3 else 8)] |= 1
    (folder / "locked.zip").write_bytes(locked)
    found = outcomes(course, folder)
    reasons = {
        "link": "no notebook in it",
        "whole": "it is a link",
        "pipe": "no notebook in it",
        "pipes": "a device or pipe",
        "deep": "",
        "many": "more than 10,000 files",
        "bomb": "60 MB",
        "locked": "encrypted",
    }
    assert found.keys() == reasons.keys()
    for student, words in reasons.items():
        assert not found[student][0] and words in found[student][1], student
    subprocess.run(["rm", "-r", deep], check=True)  # shutil gives up, as pytest would


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_exchange(course, tmp_path):
    """A submission counts only for the account that owns it."""
    root = tmp_path / "exchange"
    inbound = root / course.nbgrader.course_id / "inbound"
    inbound.mkdir(parents=True)
    # three accounts that every Linux has
    ada, bob, eve = "daemon", "bin", "nobody"
    now = datetime.now(UTC)

    def submit(student, owner, text, minutes, stamp=None, file_owner=None):
        stamp = stamp or f"{now - timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S.%f UTC}"
        path = inbound / f"{student}+{HW}+{stamp}+x{len(text)}"
        path.mkdir()
        if text == "link":
            (path / "work").symlink_to(tmp_path / "solutions")
        elif text == "large":
            (path / NAME).touch()
            os.truncate(path / NAME, 60_000_000)
        else:
            (path / NAME).write_text(text)
        (path / course.SECRET).write_text(secrets.token_hex(64))
        for place in [path, path / course.SECRET, *path.glob(NAME)]:
            shutil.chown(place, owner)
        if file_owner:
            shutil.chown(path / NAME, file_owner)

    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / NAME).write_text("secret")
    submit(ada, ada, "her first", 20)
    submit(ada, ada, "her own", 10)
    submit(ada, eve, "forged", 5)
    submit(ada, ada, "forged inside", 4, file_owner=eve)
    (inbound / f"{ada}+{HW}+2099-01-01 00:00:00 UTC").symlink_to(tmp_path / "solutions")
    submit(bob, bob, "large", 1)
    submit(bob, bob, "small", 2)
    submit(eve, eve, "link", 1)
    submit("www-data", "www-data", "when?", 1, stamp="yesterday")
    submit("nobody-at-all", eve, "who?", 1)
    (inbound / f"{ada}+hw2_cnn+2099-01-01 00:00:00 UTC").mkdir()
    (inbound / "stray").touch()

    told = [(o.student, o.ok, sentence(o)) for o in collect_exchange(course, HW, root)]
    taken = {student: words for student, ok, words in told if ok}
    assert taken.keys() == {ada, bob, "www-data"}
    assert taken[ada] == taken[bob] == "collected"
    assert "its time is malformed" in taken["www-data"]
    for student, text in {ada: "her own", bob: "small", "www-data": "when?"}.items():
        assert course.notebook("submitted", student, HW).read_text() == text
    refused = [(student, words) for student, ok, words in told if not ok]
    expected = [
        *[(ada, "it belongs to nobody")] * 2,
        *[(ada, "it belongs to root"), (bob, "60 MB"), (eve, "no notebook in it")],
        ("nobody-at-all", "there is no account nobody-at-all here"),
    ]
    assert len(refused) == len(expected)
    for student, words in expected:
        assert any(s == student and words in said for s, said in refused), words
    # those who handed in something have a mark; whom others name do not
    assert course.students(HW) == sorted([ada, bob, eve, "www-data"])
    stamp = course.submitted(ada, HW)[0].replace(tzinfo=UTC)
    assert abs(stamp - (now - timedelta(minutes=10))) < timedelta(seconds=2)
    submit(ada, ada, "her own", 8)  # the same again: feedback is to find that, too
    submit(bob, bob, "small", 0)
    latest = max(inbound.glob(f"{bob}+{HW}+*"), key=lambda path: path.name)
    shutil.chown(latest / course.SECRET, eve)
    again = {o.student: sentence(o) for o in collect_exchange(course, HW, root) if o.ok}
    assert again.keys() == taken.keys()
    assert all(words.startswith("unchanged") for words in again.values())

    def secret(student):
        return course.notebook("submitted", student, HW).with_name(course.SECRET)

    handed_in = inbound.glob(f"{ada}+{HW}+*/{course.SECRET}")
    assert secret(ada).read_text() in {path.read_text() for path in handed_in}
    assert secret(bob).read_text() != (latest / course.SECRET).read_text()


@pytest.mark.slow
def test_the_exchange_and_back(project_copy, copied_grader, tmp_path):
    """By nbgrader's own commands: fetch, submit; after grading, the feedback is there."""
    course, exchange = tmp_path / "course", tmp_path / "exchange"
    home = tmp_path / "home"
    exchange.mkdir(mode=0o777)
    home.mkdir()
    env = {"HOME": str(home), "JUPYTER_DATA_DIR": str(home / "data")}
    env["BYHAND_COURSE"] = str(course)

    def nbgrader(folder, *command):
        config = [
            f"--Exchange.root={exchange}",
            f"--CourseDirectory.course_id={COURSE}",
        ]
        result = copied_grader.nbgrader(*command, *config, cwd=folder, env=env)
        assert result.returncode == 0, result.said

    student = pwd.getpwuid(os.getuid()).pw_name
    copied_grader(course, "release", TINY)
    nbgrader(project_copy, "release_assignment", TINY)
    nbgrader(home, "fetch_assignment", TINY)
    path = home / TINY / f"{TINY}.ipynb"
    path.write_text(project.tiny())
    nbgrader(home, "submit", TINY)
    result = copied_grader(course, "grade", TINY, "--from-exchange", exchange)
    assert re.search(rf"^{student} +6 of 6", result.stdout, re.M), result
    nbgrader(project_copy, "release_feedback", TINY)
    nbgrader(home, "fetch_feedback", TINY)
    pages = list(home.glob(f"{TINY}/feedback/*/{TINY}.html"))
    assert pages and "double_test" in pages[0].read_text("utf8")


def test_no_exchange(course, tmp_path):
    with pytest.raises(CourseError, match="no exchange"):
        collect_exchange(course, HW, tmp_path)
    (tmp_path / course.nbgrader.course_id / "inbound").mkdir(parents=True)
    with pytest.raises(CourseError, match="Nobody has submitted"):
        collect_exchange(course, HW, tmp_path)


def test_nothing_to_collect(course, folder):
    with pytest.raises(CourseError, match="is empty"):
        collect(course, HW, folder)
    with pytest.raises(CourseError, match="no folder"):
        collect(course, HW, folder / "nowhere")
    with pytest.raises(CourseError, match="choose from"):
        course.check("hw99")
    assert course.check("hw1") == course.check(HW) == HW
