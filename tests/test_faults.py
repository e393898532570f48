"""Whatever is handed in and whatever breaks, each right part has its marks, and all else
is reported."""

import contextlib
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook

from tests.support import copy_of_the_project as project
from tests.support.solutions import ROOT, Homework
from tests.test_course_loop import HW, filled, hashes, reference
from tests.test_repair import MENDED

LIMITS = {"cell": 5, "total": 60, "memory": 400}
SOLVED = ["linear_forward", "linear_backward", "relu", "sigmoid"]
homework = Homework(HW)
POINTS = {cell.name: cell.points for cell in homework.cells if cell.kind == "test"}
TESTS = {test for cell in SOLVED for test in homework.dependents(cell)}
OTHERS = set(homework.solutions) - set(SOLVED)
TESTS -= {test for cell in OTHERS for test in homework.dependents(cell)}
FULL = sum(POINTS[test] for test in TESTS)


def without(cell: str) -> float:
    """The points of one whose work on this cell is worth nothing."""
    return FULL - sum(POINTS[t] for t in homework.dependents(cell) & TESTS)


def work():
    return filled(reference(SOLVED))


def also(source: str) -> str:
    """Handed in: all is right, and there is one more cell, early on."""
    notebook = work()
    notebook.cells.insert(3, new_code_cell(source, id="more"))
    return nbformat.writes(notebook)


def relu(body: str) -> str:
    """Handed in: all is right but for relu_forward, which does this."""
    notebook = work()
    (cell,) = [c for c in notebook.cells if c.get("id") == "relu"]
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    cell.source += f"\n\n\ndef relu_forward(x):\n{lines}"
    return nbformat.writes(notebook)


def relu_cell(line: str) -> str:
    """Handed in: the cell of relu ends with this line."""
    notebook = work()
    (cell,) = [c for c in notebook.cells if c.get("id") == "relu"]
    cell.source += f"\n\n{line}"
    return nbformat.writes(notebook)


def many_cells() -> str:
    notebook = work()
    notebook.cells += [new_code_cell("1", id=f"more-{n}") for n in range(300)]
    return nbformat.writes(notebook)


def mended(fault: str) -> str:
    content = json.loads(nbformat.writes(work()))
    MENDED[fault](content)
    return json.dumps(content)


SEGFAULT = "import ctypes\nctypes.string_at(0)"
STUBBORN = """
import time
while True:
    try:
        time.sleep(0.1)
    except BaseException:
        pass
"""
EATER = "eaten = []\nwhile True:\n    eaten.append(bytearray(10_000_000))"
LOST = without("relu")

RUNS = {  # student: (notebook, points)
    "plain": (nbformat.writes(work()), FULL),
    # a cell that crashes or hangs costs nothing that comes after it
    "segfault": (also(SEGFAULT), FULL),
    "os-exit": (also("import os\nos._exit(3)"), FULL),
    "killed": (also("import os\nos.kill(os.getpid(), 9)"), FULL),
    "stopped": (also("import os\nos.kill(os.getpid(), 19)"), FULL),
    "closed": (also("import os\nos.closerange(0, 200)"), FULL),
    "abort": (also("import os\nos.abort()"), FULL),
    "loop": (also("while True:\n    pass"), FULL),
    "stubborn": (also(STUBBORN), FULL),
    "sleeper": (also("import time\ntime.sleep(10**6)"), FULL),
    "eater": (also(EATER), FULL),
    "hoarder": (also("kept = bytearray(b'x') * 300_000_000"), FULL),
    "eater-that-was-spared": (
        also(
            f"try:\n    {EATER.replace(chr(10), chr(10) + '    ')}\nexcept MemoryError:\n    pass"
        ),
        FULL,
    ),
    "too-large": (also("bytearray(10**13)"), FULL),
    "thread": (
        also(
            "import threading\n\ndef endless():\n    while True:\n        pass\n\n"
            "threading.Thread(target=endless).start()"
        ),
        FULL,
    ),
    "child": (also("import subprocess\nsubprocess.Popen(['sleep', '1000'])"), FULL),
    "sys-exit": (also("import sys\nsys.exit('enough')"), FULL),
    "interrupt": (also("raise KeyboardInterrupt"), FULL),
    "exit": (also("exit()"), FULL),
    "bad-exec": (also("exec('def (')"), FULL),
    "syntax": (also("def broken(:\n    return"), FULL),
    "null-byte": (also("x = 1\x00"), FULL),
    "input": (also("name = input('Who are you? ')"), FULL),
    "shell": (also("!ls /\n%pip list\n%matplotlib qt\n%no_such_magic"), FULL),
    "await": (also("import asyncio\nawait asyncio.sleep(0.01)"), FULL),
    "stderr": (also("import sys\nprint('oh', file=sys.stderr)"), FULL),
    "printer": (also("for _ in range(500):\n    print('x' * 100_000)"), FULL),
    "shower": (also("for n in range(3_000):\n    display('x' * 10_000)"), FULL),
    "painter": (
        also(
            "import matplotlib.pyplot as plt\nfor _ in range(60):\n"
            "    plt.figure(figsize=(1, 1))\n    plt.plot([1, 2])"
        ),
        FULL,
    ),
    "many-cells": (many_cells(), FULL),
    # so does a function that crashes or hangs, but for the tests of it
    "f-segfault": (relu(SEGFAULT), LOST),
    "f-os-exit": (relu("import os\nos._exit(0)"), LOST),
    "f-loop": (relu("while True:\n    pass"), LOST),
    "f-stubborn": (relu(STUBBORN.strip()), LOST),
    "f-recursion": (relu("return relu_forward(x)"), LOST),
    "f-stack": (
        relu("import sys\nsys.setrecursionlimit(10**9)\nreturn relu_forward(x)"),
        LOST,
    ),
    "f-memory": (relu("raise MemoryError"), LOST),
    "f-eater": (relu(EATER), LOST),
    "f-sys-exit": (relu("import sys\nsys.exit()"), LOST),
    "f-interrupt": (relu("raise KeyboardInterrupt"), LOST),
    "f-stop": (relu("raise StopIteration"), LOST),
    "f-mute": (
        relu(
            "class Mute(Exception):\n    def __str__(self):\n        raise self\n"
            "raise Mute"
        ),
        LOST,
    ),
    "f-generator": (relu("yield x"), LOST),
    "f-none": (relu("pass"), LOST),
    "f-module": (relu("import torch\nreturn torch"), LOST),
    "f-list": (relu("return list(range(20_000_000))"), LOST),
    "f-endless-list": (relu("x = []\nx.append(x)\nreturn x, x"), LOST),
    "f-huge": (relu("return x.new_zeros(1).expand(10**12), x"), LOST),
    "f-sparse": (relu("return x.to_sparse(), x"), LOST),
    "f-meta": (relu("return x.to('meta'), x"), LOST),
    # a crash where a function is defined: it is not there, and the rest is
    "d-os-exit": (relu_cell("import os\nos._exit(1)"), LOST),
    "d-loop": (relu_cell("while True: pass"), FULL),  # what stands above it is there
    "d-syntax": (relu_cell("return return"), LOST),
    "d-warning": (
        relu_cell("import warnings\n\nwarnings.warn('careful')"),
        FULL,
    ),
    # what tools do to the file
    "bom": (b"\xef\xbb\xbf" + nbformat.writes(work()).encode(), FULL),
    "utf-16": (nbformat.writes(work()).encode("utf-16"), FULL),
    **{
        "m-" + re.sub(r"\W+", "-", fault): (mended(fault), FULL)
        for fault in (
            *("schema of tomorrow", "a test made a solution", "test made text"),
            *("metadata lost", "metadata and ids lost", "entries empty", "nbformat 3"),
            *("all tests deleted", "solution copied", "cells of no sense"),
            *("foreign kernel", "two cells of one name"),
        )
    },
}

UNREADABLE = {  # student: (the file, what is said)
    "empty": (b"", "is empty"),
    "torn": (nbformat.writes(work()).encode()[:5000], "not a notebook"),
    "latin": (b'{"cells": [{"source": "na\xefve"}]}', "not text in UTF-8"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "a picture, not a notebook"),
    "zipped": (b"PK\x03\x04\x14\x00", "not a notebook"),
    "login": (b"<!doctype html><h1>Please log in</h1>", "not a notebook"),
    "script": (b"print('my homework')\n", "not a notebook"),
    "null": (b"null", "no cells"),
    "number": (b"1e999", "no cells"),
    "no-cells": (b'{"cells": []}', "no cells"),
    "nested": (b"[" * 200_000, "not a notebook"),
    "endless": (b'{"cells": [' + b"{}," * 5_000 + b"{}]}", "5,001 cells"),
}


def odd_files(course: Path) -> dict[str, str]:
    """Submissions whose file is none; what is said of each."""

    def place(student):
        path = course / "submitted" / student / HW
        path.mkdir(parents=True)
        return path / f"{HW}.ipynb"

    secret = course.parent / "secret.ipynb"
    secret.write_text(nbformat.writes(work()))
    place("nothing")
    place("other-name").with_name("homework.ipynb").write_text("{}")
    place("folder").mkdir()
    place("linked").symlink_to(secret)
    place("circle").symlink_to(f"{HW}.ipynb")
    os.mkfifo(place("pipe"))
    place("giant").touch()
    os.truncate(course / "submitted" / "giant" / HW / f"{HW}.ipynb", 60_000_000)
    place("refused").with_name("not_collected.txt").write_text("a damaged archive\n")
    said = {
        "nothing": f"there is no {HW}.ipynb",
        "other-name": f"there is no {HW}.ipynb",
        "folder": "a folder, not a file",
        "linked": "it is a link",
        "circle": "it is a link",
        "pipe": "a device or pipe",
        "giant": "60 MB",
        "refused": "a damaged archive",
    }
    if os.getuid() != 0:
        place("locked").write_text(nbformat.writes(work()))
        place("locked").chmod(0)
        said["locked"] = "cannot be read"
    return said


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """(course, what is said of unreadable ones, the result), after one run."""
    top = tmp_path_factory.mktemp("faults")
    copy = project.make(top / "project", LIMITS, (HW,))
    course = top / "course"
    for student, (content, _) in (RUNS | UNREADABLE).items():
        project.hand_in(course, HW, student, content)
    stamps = {"plain": b"\xff\xfe", "loop": b"yesterday, or so", "bom": b""}
    for student, stamp in stamps.items():
        (course / "submitted" / student / HW / "timestamp.txt").write_bytes(stamp)
    said = {student: words for student, (_, words) in UNREADABLE.items()}
    said |= odd_files(course)
    before = hashes(course / "submitted")
    result = project.grader(copy, course, "grade", "hw1")
    assert hashes(course / "submitted") == before, "submissions were changed"
    return course, said, result


def test_there_are_enough():
    assert len(RUNS) + len(UNREADABLE) >= 70
    assert FULL == 15 and LOST == 11


def test_each_right_part_has_its_marks(graded):
    course, said, result = graded
    expected = {student: points for student, (_, points) in RUNS.items()}
    expected |= dict.fromkeys(said, 0)
    assert project.marks(course, HW) == expected, result.stdout + result.stderr


def test_what_cannot_be_graded_is_reported(graded):
    course, said, result = graded
    assert result.returncode == 1
    assert f"{len(RUNS)} of {len(RUNS) + len(said)} graded" in result.stdout
    assert f"{len(said)} NOT GRADED" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    lines = dict(line.split(None, 1) for line in result.stdout.splitlines() if line)
    for student, words in said.items():
        assert lines[student].startswith("NOT GRADED") and words in lines[student]
        page = course / "feedback" / student / HW / f"{HW}.html"
        assert "could not be graded" in page.read_text()


def test_zeros_are_to_be_seen(graded):
    """A zero is a zero for each test, marked for the instructor's eyes; never a gap."""
    course, said, _ = graded
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for submission in gradebook.find_assignment(HW).submissions:
            grades = submission.notebooks[0].grades
            assert len(grades) == len(POINTS)
            assert all(grade.auto_score is not None for grade in grades)
            unread = submission.student.id in said
            assert {grade.needs_manual_grade for grade in grades} == {unread}


# What breaks while a run is on its way, with a homework that is quickly done.

WRONG = project.SOLUTIONS["double"].replace("2 * x", "3 * x")
CLASS = {  # student: (notebook, points)
    "ada": (project.tiny(), 6),
    "bob": (project.tiny(double=WRONG), 3),
    "cy": (project.tiny(double="def double(x): import os; os._exit(1)"), 3),
    "dee": ('{"cells": [', 0),
}
EXPECTED = {student: points for student, (_, points) in CLASS.items()}


def enrol(course: Path) -> Path:
    """A course folder in which the class has handed in."""
    for student, (content, _) in CLASS.items():
        project.hand_in(course, project.TINY, student, content)
    return course


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project."""
    return project.make(tmp_path_factory.mktemp("copy"), LIMITS, (HW,))


@pytest.fixture(scope="module")
def undisturbed(copy, tmp_path_factory):
    """The course folder after a run in which nothing broke."""
    course = enrol(tmp_path_factory.mktemp("undisturbed") / "course")
    result = project.grader(copy, course, "grade", project.TINY)
    assert project.marks(course, project.TINY) == EXPECTED, (
        result.stdout + result.stderr
    )
    return course


def state(course: Path, url: str | None = None) -> dict:
    """All that a run leaves: every mark, the graded notebooks, the feedback."""
    found = {}
    url = url or f"sqlite:///{course / 'gradebook.db'}"
    with Gradebook(url, "deep-learning-by-hand") as gradebook:
        for submission in gradebook.find_assignment(project.TINY).submissions:
            for grade in submission.notebooks[0].grades:
                found[submission.student.id, grade.name] = (
                    *(grade.auto_score, grade.manual_score, grade.needs_manual_grade),
                )
    for path in course.glob(f"autograded/*/{project.TINY}/*"):
        text = path.read_text()
        if path.suffix == ".ipynb":  # how long it took is another time each time
            content = json.loads(text)
            content["metadata"]["byhand"].pop("seconds")
            text = json.dumps(content)
        found[str(path.relative_to(course))] = text
    for path in course.glob(f"feedback/*/{project.TINY}/*"):
        found[str(path.relative_to(course))] = path.read_text()
    return found


def as_before(course: Path, undisturbed: Path, url: str | None = None) -> None:
    found, expected = state(course, url), state(undisturbed)
    assert found.keys() == expected.keys()
    different = [name for name in expected if found[name] != expected[name]]
    assert not different
    rest = [p for p in course.rglob(".*") if p.name != ".lock"]
    assert not rest, "unfinished work was left"


class Killer:
    """Runs of the grader that can be killed (`tests.killer`)."""

    def __init__(self, copy: Path, log: Path):
        self.log = log
        script = Path(__file__).with_name("killer.py")
        self.process = subprocess.Popen(
            [sys.executable, "-c", script.read_text()],
            cwd=copy,
            env=project.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, course: Path, after: float | None = None, group: bool = False
    ) -> dict:
        argv = ["--course", str(course), "grade", project.TINY, "--jobs", "2"]
        order = {"argv": argv, "after": after, "group": group, "log": str(self.log)}
        print(json.dumps(order), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        assert answer["left"] == [], "processes outlived their run"
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


@pytest.mark.parametrize(
    ("moments", "cached"), [(10, False), (40, True)], ids=["judging", "recording"]
)
def test_killed_at_any_moment(copy, undisturbed, tmp_path, moments, cached):
    """kill -9, again and again, until a run gets to its end: nothing is lost."""
    chance = random.Random(moments)
    template = tmp_path / "template"
    shutil.copytree(undisturbed / "submitted", template / "submitted")
    project.grader(copy, template, "release", project.TINY)  # there is a gradebook
    if cached:  # what is killed is the recording and the feedback
        verdicts = undisturbed / "verdicts" / project.TINY
        for path in verdicts.glob("*.json"):
            (template / "verdicts" / project.TINY).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, template / "verdicts" / project.TINY)
    killed = finished = 0
    with Killer(copy, tmp_path / "log") as killer:
        course = shutil.copytree(template, tmp_path / "course-0")
        whole = killer.run(course)["seconds"]
        as_before(course, undisturbed)
        course = shutil.copytree(template, tmp_path / "course-1")
        while killed < moments:
            after = chance.uniform(0, whole)
            answer = killer.run(course, after, group=chance.random() < 0.5)
            if answer["status"] == -9:
                killed += 1
            else:
                assert answer["status"] == 1, (tmp_path / "log").read_text()
                as_before(course, undisturbed)
                finished += 1
                course = shutil.copytree(template, tmp_path / f"course-{1 + finished}")
        assert killer.run(course)["status"] == 1
        as_before(course, undisturbed)
    assert "Traceback" not in (tmp_path / "log").read_text()


def copied(undisturbed: Path, course: Path, verdicts: bool = True) -> Path:
    """The class, with what was judged before, but nothing of it recorded."""
    shutil.copytree(undisturbed / "submitted", course / "submitted")
    if verdicts:
        place = course / "verdicts" / project.TINY
        place.mkdir(parents=True)
        for path in (undisturbed / "verdicts" / project.TINY).glob("*.json"):
            shutil.copy(path, place)
    return course


def _mounted(folder: Path, size: int) -> bool:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}k,mode=700", "tmpfs", folder]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a disk")
def test_full_disk(copy, undisturbed, tmp_path):
    """Wherever it gets full: it is said, nothing is lost, and the next run goes on."""
    course = tmp_path / "disk"
    if not _mounted(course, 40_000):
        pytest.skip("disks cannot be mounted here")
    try:
        copied(undisturbed, course)
        filler = course / "filler"
        for free in (0, 16, 80, 120, 300):  # kB
            left = shutil.disk_usage(course).free // 1024 - free
            with open(filler, "ab") as file:
                file.write(bytes(1024 * max(left, 0)))
            result = project.grader(copy, course, "grade", project.TINY)
            said = result.stdout + result.stderr
            assert result.returncode in (1, 2), said
            assert "Traceback" not in said
            told = re.search("No space left|disk is full|disk I/O error", said)
            assert told or free > 80, said  # beyond, it may be just enough
            filler.write_bytes(b"")
        result = project.grader(copy, course, "grade", project.TINY)
        assert result.returncode == 1, result.stdout + result.stderr
        filler.unlink()
        as_before(course, undisturbed)
        # a regrade on a full disk: the marks that are there stay
        with open(filler, "wb") as file, contextlib.suppress(OSError):
            file.write(bytes(50_000_000))
        result = project.grader(copy, course, "grade", project.TINY, "--force")
        assert "No space left" in result.stdout + result.stderr
        filler.unlink()
        as_before(course, undisturbed)
    finally:
        subprocess.run(["umount", "-l", course], check=True)


def test_files_may_not_grow(copy, undisturbed, tmp_path):
    """As on a full disk, for those who cannot mount one: no file over 100 kB."""
    course = copied(undisturbed, tmp_path / "course")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    result = project.grader(copy, course, "grade", project.TINY, preexec_fn=limit)
    said = result.stdout + result.stderr
    assert result.returncode == 2 and "Traceback" not in said
    assert re.search("File too large|disk is full|disk I/O error", said), said
    result = project.grader(copy, course, "grade", project.TINY)
    assert result.returncode == 1, result.stdout + result.stderr
    as_before(course, undisturbed)


def test_earlier_results_stay(copy, undisturbed, tmp_path):
    """A regrade that fails takes nothing away; an unreadable new submission does."""
    course = shutil.copytree(undisturbed, tmp_path / "course", symlinks=True)
    path = course / "submitted" / "ada" / project.TINY / f"{project.TINY}.ipynb"
    first = path.read_bytes()
    script = """
import os, sys
from grader import commands, grade
from grader.course import files
from grader.course.course import Course

real = files.read
def read(path, folder=None):
    if path.parts[-3] == "ada" and path.suffix == ".ipynb":
        raise PermissionError(13, "Permission denied")
    return real(path, folder)
files.read = read
for outcome in grade.grade(Course(), "tiny", force=False):
    print(outcome.student, commands.sentence(outcome))
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=copy,
        env=project.environment(BYHAND_COURSE=str(course)),
        capture_output=True,
        text=True,
    )
    assert re.search("^ada NOT GRADED: .*the earlier marks stay$", result.stdout, re.M)
    as_before(course, undisturbed)
    path.write_text("this is no notebook")
    result = project.grader(copy, course, "grade", project.TINY)
    assert project.marks(course, project.TINY) == EXPECTED | {"ada": 0}
    # the first one again: its verdict is known, its zero is not taken for its mark
    path.write_bytes(first)
    result = project.grader(copy, course, "grade", project.TINY)
    assert re.search(r"^ada +6 of 6$", result.stdout, re.M)
    as_before(course, undisturbed)


# Other engines, other gradebooks, other ways to the same marks.


@pytest.fixture(scope="module")
def postgres():
    """Starts and stops a PostgreSQL server; its address."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="byhand-pg-", dir="/tmp"))
    user = {"user": "nobody", "cwd": "/"} if os.getuid() == 0 else {}
    if user:
        shutil.chown(folder, "nobody")

    def program(name, *args):
        command = [programs[-1].with_name(name), *args]
        with open(folder.with_suffix(".log"), "ab") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log, **user)

    data, options = folder / "data", f"-k {folder} -c listen_addresses= -F"

    def server(*command):
        program("pg_ctl", "-D", data, "-w", "-o", options, *command)

    program("initdb", "-D", data, "-A", "trust", "-U", "grader", "--no-sync")
    server("start")
    program("createdb", "-h", folder, "-U", "grader", "marks")
    yield server, f"postgresql+psycopg://grader:secret@/marks?host={folder}"
    server("-m", "immediate", "stop")
    shutil.rmtree(folder)
    folder.with_suffix(".log").unlink()


def test_postgresql(copy, undisturbed, postgres, tmp_path):
    """The same marks as in the file; and when the server is down, nothing is lost."""
    server, url = postgres
    course = copied(undisturbed, tmp_path / "course")
    env = {"BYHAND_GRADEBOOK": url}

    def run(*options):
        return project.grader(copy, course, "grade", project.TINY, *options, env=env)

    result = run()
    assert result.returncode == 1, result.stdout + result.stderr
    assert not (course / "gradebook.db").exists()
    as_before(course, undisturbed, url)
    project.hand_in(course, project.TINY, "eli", project.tiny())
    server("-m", "immediate", "stop")
    try:
        for options in ((), ("--force",)):
            result = run(*options)
            assert result.returncode == 2
            assert "cannot be used" in result.stderr and "***@/marks" in result.stderr
            assert "secret" not in result.stderr and "Traceback" not in result.stderr
    finally:
        server("start")
    as_before(course, undisturbed, url)
    result = run()
    assert project.marks(course, project.TINY) == EXPECTED | {"eli": 6}


def test_no_such_database(copy, tmp_path):
    course = enrol(tmp_path / "course")
    for url in ("postgres://host/db", "nonsense", "postgresql+psycopg://127.0.0.1:1/x"):
        env = {"BYHAND_GRADEBOOK": url}
        result = project.grader(copy, course, "grade", project.TINY, env=env)
        assert result.returncode == 2 and "cannot be used" in result.stderr
        assert "Traceback" not in result.stderr


@contextlib.contextmanager
def cluster(copy: Path, folder: Path, workers: int):
    """A Dask scheduler and its workers, each a process of its own."""
    dask = Path(sys.executable).with_name("dask")
    place = folder / "scheduler.json"
    env = project.environment(PYTHONPATH=str(copy))
    processes = []

    def start(*command):
        with open(folder / "dask.log", "ab") as log:
            arguments = [str(dask), *command, "--scheduler-file", str(place)]
            processes.append(
                subprocess.Popen(arguments, cwd=copy, env=env, stdout=log, stderr=log)
            )

    start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    try:
        wait_for(place.exists)
        more = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
        for _ in range(workers):
            start("worker", *more, "--local-directory", str(folder))
        yield json.loads(place.read_text())["address"], processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def wait_for(condition, seconds: float = 120):
    over = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < over, "it did not happen"
        time.sleep(0.1)


def test_dask(copy, undisturbed, tmp_path):
    """On a cluster that loses a worker: all marks are there, as on this machine."""
    course = copied(undisturbed, tmp_path / "course", verdicts=False)
    slow = f"import time\n\ntime.sleep(2)\n\n{project.SOLUTIONS['halve']}"
    more = {f"slow-{n}": 6 for n in range(6)}
    for student in more:
        project.hand_in(course, project.TINY, student, project.tiny(halve=slow))
    with cluster(copy, tmp_path, 2) as (address, processes):
        command = [sys.executable, "-m", "grader", "--course", course, "grade"]
        command += [project.TINY, "--engine", "dask", "--scheduler", address]
        with open(tmp_path / "said", "w") as said:
            run = subprocess.Popen(
                [str(part) for part in command],
                cwd=copy,
                env=project.environment(),
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        # both are at work when one of them is killed
        wait_for(lambda: (tmp_path / "said").read_text().count(" of 6") >= 2, 300)
        victim = processes[1]
        rooms = descendants(victim.pid)
        assert rooms
        victim.kill()
        victim.wait()
        status = run.wait(timeout=300)
        output = (tmp_path / "said").read_text()
        assert status == 1 and "NOT GRADED" in output, output  # dee's, and no other
        wait_for(lambda: not any(map(alive, rooms)))
    assert project.marks(course, project.TINY) == EXPECTED | more, output
    for student in more:
        for step in ("submitted", "autograded", "feedback"):
            shutil.rmtree(course / step / student)
    found, expected = state(course), state(undisturbed)
    assert {k: found[k] for k in expected} == expected


def test_no_cluster(copy, undisturbed, tmp_path):
    course = copied(undisturbed, tmp_path / "course", verdicts=False)
    result = project.grader(
        *(copy, course, "grade", project.TINY),
        *("--engine", "dask", "--scheduler", "tcp://127.0.0.1:9"),
    )
    assert result.returncode == 2 and "No Dask scheduler answers" in result.stderr
    assert "Traceback" not in result.stderr


def descendants(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children")
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            text = (task / "children").read_text()
            for child in map(int, text.split()):
                found += [child, *descendants(child)]
    return found


def alive(pid: int) -> bool:
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except OSError:
        return False


def test_three_ways_to_the_same_marks(copy, tmp_path):
    """`grader grade`, `nbgrader autograde` and the formgrader's button, late work too."""
    with open(copy / "nbgrader_config.py", "a") as file:
        file.write('\nc.LateSubmissionPlugin.penalty_method = "zero"\n')
    handed_in = {  # student: (notebook, submitted, points before penalties)
        "ada": (nbformat.writes(work()), "2031-01-01 10:00:00 UTC", FULL),
        "bob": (relu("import os\nos._exit(0)"), "2031-01-01 10:00:00 UTC", LOST),
        "cy": (mended("metadata lost"), "2031-01-01 10:00:00 UTC", FULL),
        "late": (nbformat.writes(work()), "2031-01-02 10:00:00 UTC", FULL),
    }
    formgrader = """
import json, sys
from traitlets.config.loader import PyFileConfigLoader
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
config = PyFileConfigLoader("nbgrader_config.py", path=".").load_config()
api = NbGraderAPI(CourseDirectory(config=config), config=config)
for student in sys.argv[1:]:
    result = api.autograde("hw1_backprop", student)
    assert result["success"], result
"""
    ways = {
        "grader": ["-m", "grader", "grade", "hw1"],
        "nbgrader": ["-m", "nbgrader", "autograde", HW],
        "formgrader": ["-c", formgrader, *handed_in],
    }
    found = {}
    for way, command in ways.items():
        course = tmp_path / way
        for student, (content, stamp, _) in handed_in.items():
            path = project.hand_in(course, HW, student, content)
            path.with_name("timestamp.txt").write_text(stamp)
        assert project.grader(copy, course, "release", "hw1").returncode == 0
        url = f"sqlite:///{course / 'gradebook.db'}"
        due = datetime(2031, 1, 1, 12)
        with Gradebook(url, "deep-learning-by-hand") as gradebook:
            gradebook.update_or_create_assignment(HW, duedate=due)
        result = subprocess.run(
            [sys.executable, *command],
            cwd=copy,
            env=project.environment(BYHAND_COURSE=str(course)),
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        found[way] = {}
        with Gradebook(url, "deep-learning-by-hand") as gradebook:
            for submission in gradebook.find_assignment(HW).submissions:
                student = submission.student.id
                penalty = submission.late_submission_penalty
                assert penalty == (FULL if student == "late" else 0)
                assert submission.score == handed_in[student][2]
                for grade in submission.notebooks[0].grades:
                    found[way][student, grade.name] = (
                        *(grade.auto_score, grade.needs_manual_grade),
                    )
    assert len(found["grader"]) == len(handed_in) * len(POINTS)
    assert found["grader"] == found["nbgrader"] == found["formgrader"]


def test_a_class_in_one_run():
    """The benchmark of 1,000 (`benchmarks.bench_class1000`), with fewer."""
    command = [sys.executable, "-m", "benchmarks.bench_class1000", "--students", "25"]
    result = subprocess.run(
        command, cwd=ROOT, env=project.environment(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "each as expected" in result.stdout
