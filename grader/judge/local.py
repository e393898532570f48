"""The engine of this machine: processes forked from one that has imported everything."""

import contextlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, get_context
from queue import SimpleQueue
from typing import NamedTuple

from grader.errors import SandboxError
from grader.judge import entry
from grader.judge.engine import Result
from grader.judge.sandbox import Sandbox, data_environment
from grader.notebook.sheet import Cell, Sheet
from grader.notebook.verdict import Verdict

RETRIES = 1  # for a submission whose worker has died, or that took too long
PATIENCE = 5  # seconds for a pool to notice that it was ended


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
        self.context.set_forkserver_preload(["grader.judge.worker"])
        with _environment(data_environment()):
            forkserver.ensure_running()
        self.pools: list[ProcessPoolExecutor] = []
        self.waiting: list[Task] = []
        self.alone: list[Task] = []  # to be judged again while nothing else is
        self.running: dict[Future[Verdict], tuple[Task, int]] = {}
        self.done: SimpleQueue[Future[Verdict]] = SimpleQueue()
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
            initializer=entry.prepare,
            initargs=(self.sandbox.control, self.sandbox.walls),
        )

    def judge(self, student: str, cells: list[Cell]) -> None:
        """Have a submission judged, as soon as results are asked for."""
        self.waiting.append(Task(student, cells))

    def results(self) -> Iterator[Result]:
        """Verdicts and errors, as they come.

        Raises:
            SandboxError: there is no sandbox to be had.
        """
        if self.sheet is None:
            raise RuntimeError("prepare() comes first")
        if not self.ready:
            self.sandbox.wait()
            self.ready = True
        self._start()
        while self.waiting or self.running or self.alone:
            future = self.done.get()
            task, place = self.running.pop(future)
            error: BaseException | None = future.exception()
            if isinstance(error, BrokenProcessPool):
                self._renew(place)
                if task.tried < RETRIES:
                    self.waiting.append(task._replace(tried=task.tried + 1))
                    self._start()
                    continue
                error = RuntimeError("the grader's own process ended on it")
            if isinstance(error, SandboxError):
                raise error
            if not error and future.result().again and task.tried < RETRIES:
                self.alone.append(task._replace(tried=task.tried + 1))
                self._start()
                continue
            self._start()  # before anything is done with the result
            yield Result.of(task.student, future, error)

    def _start(self) -> None:
        """Give each process that has nothing to do something."""
        if self.alone and not self.waiting and not self.running:
            self._submit(0, self.alone.pop(0))
            return
        busy = {place for _, place in self.running.values()}
        for place in range(len(self.pools)):
            if place not in busy and self.waiting:
                self._submit(place, self.waiting.pop(0))

    def _submit(self, place: int, task: Task) -> None:
        if self.sheet is None:
            raise RuntimeError("prepare() comes first")
        call = (self.sheet, task.student, task.cells)
        try:
            future = self.pools[place].submit(entry.judge, *call)
        except BrokenProcessPool:  # it was killed while it had nothing to do
            self._renew(place)
            future = self.pools[place].submit(entry.judge, *call)
        self.running[future] = (task, place)
        future.add_done_callback(self.done.put)

    def _renew(self, place: int) -> None:
        self.pools[place].shutdown(wait=False)
        self.pools[place] = self._pool()

    def close(self) -> None:
        # before the pools forget them
        processes = [p for pool in self.pools for p in (pool._processes or {}).values()]
        threads = [pool._executor_manager_thread for pool in self.pools]
        for pool in self.pools:
            pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for thread in threads:  # while one ends, Python cannot: it wakes them all
            if isinstance(thread, threading.Thread):
                thread.join(PATIENCE)
        self.pools = []
        self.sandbox.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
