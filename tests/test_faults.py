"""Whatever is handed in and whatever breaks, each right part has its marks, and all else
is reported."""

import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook

from tests import project
from tests.homework import Homework
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
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "not text in UTF-8"),
    "zipped": (b"PK\x03\x04\x14\x00", "not a notebook"),
    "login": (b"<!doctype html><h1>Please log in</h1>", "not a notebook"),
    "script": (b"print('my homework')\n", "not a notebook"),
    "null": (b"null", "no cells"),
    "number": (b"1e999", "no cells"),
    "no-cells": (b'{"cells": []}', "no cells"),
    "nested": (b"[" * 200_000, "not a notebook"),
    "endless": (b'{"cells": [' + b"{}," * 5_000 + b"{}]}", "5,001 cells"),
    "fat-cell": (
        b'{"cells": [{"cell_type": "code", "source": "' + b"x" * 600_000 + b'"}]}',
        "600,000 characters",
    ),
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
