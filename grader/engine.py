"""Where submissions are judged: processes of this machine, or a Dask cluster.

An engine is told once which homework it is (``prepare``); then ``judge(student, cells)``
starts something, and ``results()`` yields ``(student, verdict or exception)`` as they
come, until nothing is left.
"""

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, get_context
from queue import Empty, SimpleQueue
from typing import NamedTuple

from grader import remote
from grader.errors import CourseError, SandboxError
from grader.sandbox import Sandbox, data_environment
from grader.sheet import Cell, Sheet

RETRIES = 1  # for a submission whose worker has died
PATIENCE = 60  # seconds to wait for a cluster that has lost all its workers


class Task(NamedTuple):
    student: str
    cells: list[Cell]
    tried: int = 0


@contextlib.contextmanager
def _environment(more: dict[str, str]) -> Iterator[None]:
    """Variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def processors() -> int:
    """How many submissions this machine can judge at a time."""
    return len(os.sched_getaffinity(0))


class Local:
    """Processes of this machine, forked from one that has imported everything.

    That begins at once, while the submissions are read.

    Args:
        walls: whether students' code is kept in a sandbox.
    """

    def __init__(self, walls: bool = True):
        self.walls = walls
        self.sandbox = Sandbox(walls)
        self.context = get_context("forkserver")
        self.context.set_forkserver_preload(["grader.worker"])
        with _environment(data_environment()):
            forkserver.ensure_running()
        self.pools: list[ProcessPoolExecutor] = []
        self.waiting: list[Task] = []
        self.running: dict[Future, tuple[Task, int]] = {}
        self.done: SimpleQueue[Future] = SimpleQueue()
        self.sheet: Sheet | None = None
        self.ready = False  # the sandbox

    def prepare(self, sheet: Sheet, jobs: int) -> None:
        """Say what is judged, and how many at a time."""
        self.sheet = sheet
        self.pools = [self._pool() for _ in range(jobs)]
        self.sandbox.furnish(sheet.kit)

    def _pool(self) -> ProcessPoolExecutor:
        # a pool for each worker: when one dies, the others go on
        return ProcessPoolExecutor(
            1,
            mp_context=self.context,
            initializer=remote.prepare,
            initargs=(self.sandbox.control, self.sandbox.walls),
        )

    def judge(self, student: str, cells: list[Cell]) -> None:
        """Have a submission judged, as soon as results are asked for."""
        self.waiting.append(Task(student, cells))

    def results(self) -> Iterator[tuple[str, object]]:
        """Verdicts and exceptions, as they come.

        Raises:
            SandboxError: there is no sandbox to be had.
        """
        if not self.ready:
            self.sandbox.wait()
            self.ready = True
        self._start()
        while self.waiting or self.running:
            future = self.done.get()
            task, place = self.running.pop(future)
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                self._renew(place)
                if task.tried < RETRIES:
                    self.waiting.append(task._replace(tried=task.tried + 1))
                    self._start()
                    continue
                error = RuntimeError("the grader's own process ended on it")
            if isinstance(error, SandboxError):
                raise error
            self._start()  # before anything is done with the result
            yield task.student, error or future.result()

    def _start(self) -> None:
        """Give each process that has nothing to do something."""
        busy = {place for _, place in self.running.values()}
        for place in range(len(self.pools)):
            if place not in busy and self.waiting:
                self._submit(place, self.waiting.pop(0))

    def _submit(self, place: int, task: Task) -> None:
        call = (remote.judge, self.sheet, task.student, task.cells)
        try:
            future = self.pools[place].submit(*call)
        except BrokenProcessPool:  # it was killed while it had nothing to do
            self._renew(place)
            future = self.pools[place].submit(*call)
        self.running[future] = (task, place)
        future.add_done_callback(self.done.put)

    def _renew(self, place: int) -> None:
        self.pools[place].shutdown(wait=False)
        self.pools[place] = self._pool()

    def close(self) -> None:
        for pool in self.pools:
            pool.shutdown(wait=False, cancel_futures=True)
        for pool in self.pools:
            for process in list((pool._processes or {}).values()):
                process.kill()
        self.pools = []
        self.sandbox.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Dask:
    """A Dask cluster, each of whose workers judges one submission at a time.

    Args:
        scheduler: its address, e.g. ``tcp://10.0.0.1:8786``.
        walls: whether students' code is kept in a sandbox.

    Raises:
        CourseError: no scheduler answers there, or Dask is not installed.
    """

    def __init__(self, scheduler: str, walls: bool = True):
        try:
            from distributed import Client
        except ImportError:
            raise CourseError(
                "Dask is not installed: pip install 'byhand[cluster]'"
            ) from None
        try:
            self.client = Client(scheduler, timeout="10s")
        except (OSError, ValueError) as error:
            raise CourseError(
                f"No Dask scheduler answers at {scheduler}: {error}"
            ) from None
        self.scheduler, self.walls = scheduler, walls
        self.students: dict = {}  # by future
        self.done: SimpleQueue = SimpleQueue()
        self.sheet: Sheet | None = None

    def prepare(self, sheet: Sheet, jobs: int) -> None:
        """Say what is judged; how many at a time, the cluster knows itself."""
        self.sheet = sheet

    def judge(self, student: str, cells: list[Cell]) -> None:
        """Have a submission judged."""
        task = (self.walls, self.sheet, student, cells)
        future = self.client.submit(remote.judge_anywhere, *task, pure=False)
        self.students[future] = student
        future.add_done_callback(self.done.put)

    def results(self) -> Iterator[tuple[str, object]]:
        """Verdicts and exceptions, as they come."""
        while self.students:
            try:
                future = self.done.get(timeout=PATIENCE)
            except Empty:
                if self._workers():
                    continue
                raise self._lost("has no workers") from None
            student = self.students.pop(future)
            if future.cancelled():
                raise self._lost("has gone")
            error = future.exception()
            if isinstance(error, SandboxError):
                raise error
            yield student, error or future.result()

    def _workers(self) -> int:
        try:
            return len(self.client.scheduler_info()["workers"])
        except (OSError, KeyError):
            return 0

    def _lost(self, what: str) -> CourseError:
        return CourseError(
            f"The Dask cluster at {self.scheduler} {what}. What is recorded stays: run "
            "the same command again when it is back."
        )

    def close(self) -> None:
        self.client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
