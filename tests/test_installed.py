"""The grader installed for everybody on a machine, and courses in any folder."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support import copy_of_the_project as project
from tests.support.copy_of_the_project import TINY
from tests.support.course_folder import hand_in, marks
from tests.support.solutions import ROOT

SEEN = """\
import os

import byhand

names = os.listdir(os.path.join(os.path.dirname(byhand.__file__), "..", "grader"))
raise RuntimeError(" ".join(sorted(names)))
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory) -> Path:
    """The folder of `grader` and `nbgrader`, from a wheel, in an environment of its own.

    Other packages are those of this one.
    """
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"  # a build leaves its files beside what it builds
    source.mkdir()
    for part in ("byhand", "grader"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, source / part, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True
    )
    python = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    alone = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([*pip, *alone, source], check=True)
    (python.with_name("nbgrader")).write_text(
        f"#!{python}\nfrom nbgrader.apps.nbgraderapp import main\nmain()\n"
    )
    (python.with_name("nbgrader")).chmod(0o755)
    return python.parent


@pytest.fixture
def course(tmp_path) -> Path:
    """A course's root, in which there is no code."""
    root = project.make(tmp_path / "course-2031", project.LIMITS)
    for part in ("byhand", "grader"):
        shutil.rmtree(root / part)
    return root


def run(programs: Path, *command, cwd: Path, **variables: str):
    return subprocess.run(
        [programs / command[0], *map(str, command[1:])],
        cwd=cwd,
        env=project.environment(**variables),
        capture_output=True,
        text=True,
    )


def test_the_loop_in_a_course_of_its_own(programs, course, tmp_path):
    done = run(programs, "grader", "release", cwd=course)
    assert done.returncode == 0, done.stderr
    assert (course / "assignments" / TINY / f"{TINY}.ipynb").exists()
    hand_in(course / "course", TINY, "ada", project.tiny())
    odd = project.tiny(
        halve=f"def halve(x):\n    {SEEN.replace(chr(10), chr(10) + '    ')}"
    )
    hand_in(course / "course", TINY, "eve", odd)

    below = (
        course / "solutions" / TINY
    )  # as git does, it looks above the current folder
    done = run(programs, "grader", "grade", TINY, cwd=below)
    assert done.returncode == 0, done.stdout + done.stderr
    assert marks(course / "course", TINY) == {"ada": 6, "eve": 3}
    page = course / "course" / "feedback" / "eve" / TINY / f"{TINY}.html"
    assert "__init__.py inside wire" in page.read_text("utf8")

    done = run(
        programs, "nbgrader", "autograde", TINY, "--force", "--student=eve", cwd=course
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert marks(course / "course", TINY) == {"ada": 6, "eve": 3}


def test_the_root_is_named(programs, course, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    private = course / "private"
    done = run(programs, "grader", "--course", private, "release", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert (private / "gradebook.db").exists()

    done = run(
        programs, "grader", "release", TINY, cwd=elsewhere, BYHAND_ROOT=str(course)
    )
    assert done.returncode == 0, done.stderr
    assert (course / "course" / "gradebook.db").exists()
    assert not list(elsewhere.iterdir())


def test_where_there_is_no_course(programs, course, tmp_path):
    done = run(programs, "grader", "grade", TINY, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"There is no course here: no nbgrader_config.py in {tmp_path} or a folder above "
        "it. Go to the course's folder, or name it: BYHAND_ROOT=folder.\n"
    )
    done = run(programs, "grader", "grade", TINY, cwd=course, BYHAND_ROOT=str(tmp_path))
    assert done.returncode == 2
    assert f"BYHAND_ROOT is {tmp_path}, and there is no" in done.stderr


def test_the_package_brings_its_files(programs):
    (packages,) = programs.parent.glob("lib/python*/site-packages")
    wanted = {
        path.relative_to(ROOT)
        for part in ("byhand", "grader")
        for path in (ROOT / part).rglob("*")
        if path.is_file() and path.suffix not in {".pyc", ".md"}
    }
    assert {path for path in wanted if not (packages / path).exists()} == set()
    assert len(wanted) > 50
