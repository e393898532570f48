"""Every engine gives the same marks, whoever dies meanwhile and in whatever order."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from grader.errors import CourseError, SandboxError
from grader.judge import entry, local
from grader.judge.engines import ENGINES
from grader.judge.local import Local
from grader.notebook.sheet import Cell, Sheet
from grader.notebook.verdict import Verdict
from grader.wire.messages import Kit
from tests.support import copy_of_the_project as project
from tests.support.class_of_four import EXPECTED, as_before, copied, state
from tests.support.copy_of_the_project import TINY
from tests.support.course_folder import hand_in, marks

# The local engine, with workers that do as the cells of their submission say

SHEET = Sheet("hw", ())


def prepare(control, walls) -> None:
    """In place of `entry.prepare`: a worker needs no room."""


def judge(sheet: Sheet, student: str, cells: list[Cell]) -> Verdict:
    """In place of `entry.judge`."""
    tried = Path(cells[0].source)
    times = len(tried.read_text()) if tried.exists() else 0
    tried.write_text("x" * (times + 1))
    match student.partition("-")[0]:
        case "slow":
            time.sleep(0.5)
        case "wrong":
            raise ValueError("the grader is wrong")
        case "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        case "once":
            if not times:
                os.kill(os.getpid(), signal.SIGKILL)
        case "late":
            return Verdict(notes=[student], timed_out=not times, again=not times)
        case "without":
            raise SandboxError("There is no sandbox.")
    return Verdict(notes=[student])


class NoSandbox:
    """In place of `grader.judge.sandbox.Sandbox`."""

    def __init__(self, walls: bool):
        self.walls, self.control = walls, None
        self.kits: list[Kit] = []
        self.waited = self.closed = 0

    def furnish(self, kit: Kit) -> None:
        self.kits.append(kit)

    def wait(self) -> None:
        self.waited += 1

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def engine(monkeypatch) -> Iterator[Local]:
    """The local engine, with such workers and without a sandbox."""
    server = SimpleNamespace(ensure_running=lambda: None)
    monkeypatch.setattr(local, "get_context", lambda _: get_context("fork"))
    monkeypatch.setattr(local, "forkserver", server)
    monkeypatch.setattr(local, "Sandbox", NoSandbox)
    monkeypatch.setattr(entry, "prepare", prepare)
    monkeypatch.setattr(entry, "judge", judge)
    with Local() as engine:
        yield engine
    assert engine.sandbox.closed == 1


@pytest.fixture
def judged(engine, tmp_path):
    """Has students judged; what came of each, in the order in which it came."""

    def run(*students: str, jobs: int = 2) -> dict[str, str]:
        engine.prepare(SHEET, jobs)
        for student in students:
            engine.judge(student, [Cell(None, True, str(tmp_path / student))])
        found = {}
        for result in engine.results():
            good = result.verdict == Verdict(notes=[result.student])
            found[result.student] = "judged" if good else str(result.error)
        return found

    return run


def times(tmp_path: Path, student: str) -> int:
    """How often a submission has been judged."""
    return len((tmp_path / student).read_text())


def test_results_come_as_they_are_ready(judged):
    found = judged("slow-1", "a", "b", "c")
    assert list(found) == ["a", "b", "c", "slow-1"]
    assert set(found.values()) == {"judged"}


def test_the_graders_own_error_is_one_students(judged):
    assert judged("a", "wrong-1", "b", jobs=1) == {
        "a": "judged",
        "wrong-1": "the grader is wrong",
        "b": "judged",
    }


def test_a_worker_that_dies_once(judged, tmp_path):
    found = judged("once-1", "a", "once-2", "b")
    assert found == dict.fromkeys(["once-1", "once-2", "a", "b"], "judged")
    assert times(tmp_path, "once-1") == 2 and times(tmp_path, "a") == 1


def test_a_worker_that_dies_twice(judged, tmp_path):
    found = judged("dies-1", "a", "b")
    assert found.pop("dies-1") == "the grader's own process ended on it"
    assert found == {"a": "judged", "b": "judged"}
    assert times(tmp_path, "dies-1") == 2


def test_what_took_too_long_is_tried_again_when_all_else_is_done(judged, tmp_path):
    found = judged("late-1", "slow-1", "a", "b")
    assert found == dict.fromkeys(["late-1", "slow-1", "a", "b"], "judged")
    assert list(found)[-1] == "late-1" and times(tmp_path, "late-1") == 2


def test_a_worker_that_was_killed_while_it_had_nothing_to_do(engine, judged):
    assert judged("a", jobs=1) == {"a": "judged"}
    (pool,) = engine.pools
    (process,) = pool._processes.values()
    process.kill()
    process.join()
    time.sleep(0.2)  # until it is noticed
    engine.prepare = lambda *_: None
    assert judged("b") == {"b": "judged"}


def test_without_a_sandbox_nothing_is_judged(judged):
    with pytest.raises(SandboxError, match="There is no sandbox"):
        judged("without-1", "a", jobs=1)


def test_nothing_to_judge(engine, judged):
    assert judged() == {}
    assert engine.sandbox.waited == 1 and engine.sandbox.kits == [SHEET.kit]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("scheduler", [None, "tcp://127.0.0.1:9"])
def test_an_engine_says_whether_it_needs_a_scheduler(name, scheduler, monkeypatch):
    if (name == "local") == (scheduler is None):
        return  # as it must be
    with pytest.raises(CourseError, match="--scheduler"):
        ENGINES[name](True, scheduler)


# All of them, on the class of four


class Cluster(NamedTuple):
    """A Dask scheduler's address, and the scheduler and its workers."""

    address: str
    processes: list[subprocess.Popen]


@pytest.fixture(scope="module")
def cluster(project_copy, tmp_path_factory) -> Iterator[Cluster]:
    """A Dask scheduler and two workers, each a process of its own."""
    folder = tmp_path_factory.mktemp("dask")
    dask, place = Path(sys.executable).with_name("dask"), folder / "scheduler.json"
    env = project.environment(PYTHONPATH=str(project_copy))
    processes = []

    def start(*command):
        arguments = [str(dask), *command, "--scheduler-file", str(place)]
        with open(folder / "dask.log", "ab") as log:
            options = {"cwd": project_copy, "env": env, "stdout": log, "stderr": log}
            processes.append(subprocess.Popen(arguments, **options))

    start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    try:
        wait_for(place.exists)
        more = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
        for _ in range(2):
            start("worker", *more, "--local-directory", str(folder))
        yield Cluster(json.loads(place.read_text())["address"], processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def wait_for(condition, seconds: float = 120) -> None:
    over = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < over, "it did not happen"
        time.sleep(0.1)


@pytest.fixture
def options(request) -> tuple[str, ...]:
    """What an engine of that name needs on the command line."""
    if request.param == "local":
        return ()
    address = request.getfixturevalue("cluster").address
    return ("--engine", request.param, "--scheduler", address)


@pytest.mark.slow
@pytest.mark.parametrize("options", ENGINES, indirect=True)
def test_the_same_marks(options, copied_grader, undisturbed, tmp_path):
    course = copied(undisturbed, tmp_path / "course", verdicts=False)
    result = copied_grader(course, "grade", TINY, *options)
    assert result.returncode == 1, result.said  # dee's is no notebook
    as_before(course, undisturbed)


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker(project_copy, cluster, undisturbed, tmp_path):
    """All marks are there, as on this machine, and no room lives on."""
    course = copied(undisturbed, tmp_path / "course", verdicts=False)
    slow = f"import time\n\ntime.sleep(2)\n\n{project.SOLUTIONS['halve']}"
    more = {f"slow-{n}": 6 for n in range(6)}
    for student in more:
        hand_in(course, TINY, student, project.tiny(halve=slow))
    command = [sys.executable, "-m", "grader", "--course", course, "grade", TINY]
    command += ["--engine", "dask", "--scheduler", cluster.address]
    with open(tmp_path / "said", "w") as said:
        run = subprocess.Popen(
            [str(part) for part in command],
            cwd=project_copy,
            env=project.environment(),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    # both are at work when one of them is killed
    wait_for(lambda: (tmp_path / "said").read_text().count(" of 6") >= 2, 300)
    victim = cluster.processes[1]
    rooms = descendants(victim.pid)
    assert rooms
    victim.kill()
    victim.wait()
    status = run.wait(timeout=300)
    output = (tmp_path / "said").read_text()
    assert status == 1 and "NOT GRADED" in output, output  # dee's, and no other
    wait_for(lambda: not any(map(alive, rooms)))
    assert marks(course, TINY) == EXPECTED | more, output
    found, expected = state(course), state(undisturbed)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.slow
def test_no_cluster(copied_grader, undisturbed, tmp_path):
    course = copied(undisturbed, tmp_path / "course", verdicts=False)
    nowhere = ("--engine", "dask", "--scheduler", "tcp://127.0.0.1:9")
    result = copied_grader(course, "grade", TINY, *nowhere)
    assert result.returncode == 2 and "No Dask scheduler answers" in result.stderr
    assert "Traceback" not in result.stderr


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            found += [child, *descendants(child)]
    return found


def alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
