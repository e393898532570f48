"""Whatever is handed in and whatever breaks, each right part has its marks, and all else
is reported."""

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
from datetime import datetime
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook

from tests.support import copy_of_the_project as project
from tests.support.class_of_four import EXPECTED, as_before, copied, enrol
from tests.support.copy_of_the_project import TINY
from tests.support.course_folder import hand_in, hashes, marks
from tests.support.damage import MENDED
from tests.support.runs import GRADER, Grader, Ran, grader, python
from tests.support.submissions import HW, filled, homework, reference

SOLVED = ["linear_forward", "linear_backward", "relu", "sigmoid"]
FULL, LOST = 15, 11  # points of all that is solved, and without relu


@cache
def points() -> dict[str, float]:
    """Of each test."""
    return {c.name: c.points for c in homework().cells if c.kind == "test"}


def worth(cells: list[str]) -> float:
    """The points of one who has solved these exercises."""
    tests = {test for cell in cells for test in homework().dependents(cell)}
    rest = set(homework().solutions) - set(cells)
    tests -= {test for cell in rest for test in homework().dependents(cell)}
    return sum(points()[test] for test in tests)


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


@cache
def runs() -> dict[str, tuple[str | bytes, float]]:
    """By student: what is handed in, and its points."""
    return {
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
        "d-loop": (
            relu_cell("while True: pass"),
            FULL,
        ),  # what stands above it is there
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
                *(
                    "metadata lost",
                    "metadata and ids lost",
                    "entries empty",
                    "nbformat 3",
                ),
                *("all tests deleted", "solution copied", "cells of no sense"),
                *("foreign kernel", "two cells of one name"),
            )
        },
    }


@cache
def unreadable() -> dict[str, tuple[bytes, str]]:
    """By student: a file that is no notebook, and what is said of it."""
    return {
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
def graded(project_copy, tmp_path_factory):
    """(course, what is said of unreadable ones, the result), after one run."""
    course = tmp_path_factory.mktemp("faults") / "course"
    for student, (content, _) in (runs() | unreadable()).items():
        hand_in(course, HW, student, content)
    stamps = {"plain": b"\xff\xfe", "loop": b"yesterday, or so", "bom": b""}
    for student, stamp in stamps.items():
        (course / "submitted" / student / HW / "timestamp.txt").write_bytes(stamp)
    said = {student: words for student, (_, words) in unreadable().items()}
    said |= odd_files(course)
    before = hashes(course / "submitted")
    here = {"cwd": project_copy, "env": project.environment()}
    result = grader(course, "grade", "hw1", **here)
    assert hashes(course / "submitted") == before, "submissions were changed"
    return course, said, result


def test_there_are_enough():
    assert len(runs()) + len(unreadable()) >= 70
    assert worth(SOLVED) == FULL
    assert worth([cell for cell in SOLVED if cell != "relu"]) == LOST


def test_each_right_part_has_its_marks(graded):
    course, said, result = graded
    expected = {student: points for student, (_, points) in runs().items()}
    expected |= dict.fromkeys(said, 0)
    assert marks(course, HW) == expected, result.said


def test_what_cannot_be_graded_is_reported(graded):
    course, said, result = graded
    assert result.returncode == 1
    assert f"{len(runs())} of {len(runs()) + len(said)} graded" in result.stdout
    assert f"{len(said)} NOT GRADED" in result.stderr
    assert "Traceback" not in result.said
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
            assert len(grades) == len(points())
            assert all(grade.auto_score is not None for grade in grades)
            unread = submission.student.id in said
            assert {grade.needs_manual_grade for grade in grades} == {unread}


# What breaks while a run is on its way, with a homework that is quickly done.


# what the second kind of runs leaves out: an engine that is started to no purpose
RECORDING = f"from grader import __main__ as main\nmain._early_engine = print\n{GRADER}"


@pytest.mark.parametrize(
    ("moments", "cached"), [(10, False), (40, True)], ids=["judging", "recording"]
)
def test_killed_at_any_moment(project_copy, undisturbed, tmp_path, moments, cached):
    """kill -9, again and again, until a run gets to its end: nothing is lost."""
    chance = random.Random(moments)
    template = copied(undisturbed, tmp_path / "template", verdicts=cached)
    code = RECORDING if cached else GRADER
    with Grader(project_copy, project.environment(), reap=True) as forked:
        forked(template, "release", TINY)  # there is a gradebook

        def run(course: Path, **kill) -> Ran:
            command = ("--course", course, "grade", TINY, "--jobs", "2")
            ran = forked.run(code, *command, **kill)
            assert "Traceback" not in ran.said
            return ran

        killed = finished = 0
        course = shutil.copytree(template, tmp_path / "course-0")
        whole = run(course).seconds
        as_before(course, undisturbed)
        course = shutil.copytree(template, tmp_path / "course-1")
        while killed < moments:
            after = chance.uniform(0, whole)
            ran = run(course, after=after, group=chance.random() < 0.5)
            if ran.returncode == -9:
                killed += 1
            else:
                assert ran.returncode == 1, ran.said
                as_before(course, undisturbed)
                finished += 1
                course = shutil.copytree(template, tmp_path / f"course-{1 + finished}")
        assert run(course).returncode == 1
        as_before(course, undisturbed)


def _mounted(folder: Path, size: int) -> bool:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}k,mode=700", "tmpfs", folder]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a disk")
def test_full_disk(copied_grader, undisturbed, tmp_path):
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
            result = copied_grader(course, "grade", TINY)
            said = result.said
            assert result.returncode in (1, 2), said
            assert "Traceback" not in said
            told = re.search("No space left|disk is full|disk I/O error", said)
            assert told or free > 80, said  # beyond, it may be just enough
            filler.write_bytes(b"")
        result = copied_grader(course, "grade", TINY)
        assert result.returncode == 1, result.said
        filler.unlink()
        as_before(course, undisturbed)
        # a regrade on a full disk: the marks that are there stay
        with open(filler, "wb") as file, contextlib.suppress(OSError):
            file.write(bytes(50_000_000))
        result = copied_grader(course, "grade", TINY, "--force")
        assert "No space left" in result.said
        filler.unlink()
        as_before(course, undisturbed)
    finally:
        subprocess.run(["umount", "-l", course], check=True)


NO_MORE = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
{GRADER}
"""


def test_files_may_not_grow(copied_grader, undisturbed, tmp_path):
    """As on a full disk, for those who cannot mount one: no file over 100 kB."""
    course = copied(undisturbed, tmp_path / "course")

    result = copied_grader.run(NO_MORE, "--course", course, "grade", TINY)
    said = result.said
    assert result.returncode == 2 and "Traceback" not in said
    assert re.search("File too large|disk is full|disk I/O error", said), said
    result = copied_grader(course, "grade", TINY)
    assert result.returncode == 1, result.said
    as_before(course, undisturbed)


def test_earlier_results_stay(copied_grader, undisturbed, tmp_path):
    """A regrade that fails takes nothing away; an unreadable new submission does."""
    course = shutil.copytree(undisturbed, tmp_path / "course", symlinks=True)
    path = course / "submitted" / "ada" / TINY / f"{TINY}.ipynb"
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
    result = copied_grader.run(script, env={"BYHAND_COURSE": str(course)})
    assert re.search("^ada NOT GRADED: .*the earlier marks stay$", result.stdout, re.M)
    as_before(course, undisturbed)
    path.write_text("this is no notebook")
    result = copied_grader(course, "grade", TINY)
    assert marks(course, TINY) == EXPECTED | {"ada": 0}
    # the first one again: its verdict is known, its zero is not taken for its mark
    path.write_bytes(first)
    result = copied_grader(course, "grade", TINY)
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


def test_postgresql(copied_grader, undisturbed, postgres, tmp_path):
    """The same marks as in the file; and when the server is down, nothing is lost."""
    server, url = postgres
    course = copied(undisturbed, tmp_path / "course")
    env = {"BYHAND_GRADEBOOK": url}

    def run(*options):
        return copied_grader(course, "grade", TINY, *options, env=env)

    result = run()
    assert result.returncode == 1, result.said
    assert not (course / "gradebook.db").exists()
    as_before(course, undisturbed, url)
    hand_in(course, TINY, "eli", project.tiny())
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
    assert marks(course, TINY) == EXPECTED | {"eli": 6}


def test_no_such_database(copied_grader, tmp_path):
    course = enrol(tmp_path / "course")
    for url in ("postgres://host/db", "nonsense", "postgresql+psycopg://127.0.0.1:1/x"):
        env = {"BYHAND_GRADEBOOK": url}
        result = copied_grader(course, "grade", TINY, env=env)
        assert result.returncode == 2 and "cannot be used" in result.stderr
        assert "Traceback" not in result.stderr


FORMGRADER = f"""
import sys
from traitlets.config.loader import PyFileConfigLoader
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
config = PyFileConfigLoader("nbgrader_config.py", path=".").load_config()
api = NbGraderAPI(CourseDirectory(config=config), config=config)
for student in sys.argv[1:]:
    result = api.autograde("{HW}", student)
    assert result["success"], result
"""


@pytest.fixture
def late_work_is_worth_nothing(project_copy):
    path = project_copy / "nbgrader_config.py"
    before = path.read_text()
    path.write_text(f'{before}\nc.LateSubmissionPlugin.penalty_method = "zero"\n')
    yield
    path.write_text(before)


def test_three_ways_to_the_same_marks(
    project_copy, copied_grader, late_work_is_worth_nothing, tmp_path
):
    """`grader grade`, `nbgrader autograde` and the formgrader's button, late work too."""
    handed_in = {  # student: (notebook, submitted, points before penalties)
        "ada": (nbformat.writes(work()), "2031-01-01 10:00:00 UTC", FULL),
        "bob": (relu("import os\nos._exit(0)"), "2031-01-01 10:00:00 UTC", LOST),
        "cy": (mended("metadata lost"), "2031-01-01 10:00:00 UTC", FULL),
        "late": (nbformat.writes(work()), "2031-01-02 10:00:00 UTC", FULL),
    }

    def by_nbgrader(course: Path) -> Ran:
        env = project.environment(BYHAND_COURSE=str(course))
        return python("-m", "nbgrader", "autograde", HW, cwd=project_copy, env=env)

    def by_formgrader(course: Path) -> Ran:
        env = {"BYHAND_COURSE": str(course)}
        return copied_grader.run(FORMGRADER, *handed_in, env=env)

    ways = {
        "grader": lambda course: copied_grader(course, "grade", "hw1"),
        "nbgrader": by_nbgrader,
        "formgrader": by_formgrader,
    }
    found = {}
    for way, graded_by in ways.items():
        course = tmp_path / way
        for student, (content, stamp, _) in handed_in.items():
            path = hand_in(course, HW, student, content)
            path.with_name("timestamp.txt").write_text(stamp)
        assert copied_grader(course, "release", "hw1").returncode == 0
        url = f"sqlite:///{course / 'gradebook.db'}"
        due = datetime(2031, 1, 1, 12)
        with Gradebook(url, "deep-learning-by-hand") as gradebook:
            gradebook.update_or_create_assignment(HW, duedate=due)
        result = graded_by(course)
        assert result.returncode == 0, result.said
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
    assert len(found["grader"]) == len(handed_in) * len(points())
    assert found["grader"] == found["nbgrader"] == found["formgrader"]


def test_a_class_in_one_run():
    """The benchmark of 1,000 (`benchmarks.bench_class1000`), with fewer."""
    command = ("-m", "benchmarks.bench_class1000", "--students", "25")
    result = python(*command, env=project.environment())
    assert result.returncode == 0, result.said
    assert "each as expected" in result.stdout
