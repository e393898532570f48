"""Where submissions are judged: processes of this machine, or a Dask cluster.

An engine has three methods: ``judge(student, *args)`` and ``feedback(student, *args)``
start something, and ``results()`` yields ``(step, student, result or exception)`` as
they come, until nothing is left. Feedback is written on this machine.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, get_context
from queue import Empty, SimpleQueue
from typing import NamedTuple

from grader import remote
from grader.course import CourseError
from grader.sandbox import Sandbox, SandboxError

RETRIES = 1  # for a submission whose worker has died
PATIENCE = 60  # seconds to wait for a cluster that has lost all its workers


class Task(NamedTuple):
    step: str
    student: str
    function: Callable
    args: tuple
    tried: int = 0


def processors() -> int:
    """How many submissions this machine can judge at a time."""
    return len(os.sched_getaffinity(0))


class Local:
    """Processes of this machine, forked from one that has imported everything.

    Args:
        jobs: how many at a time.
        walls: whether students' code is kept in a sandbox.
        judging: whether there is anything to judge; otherwise only feedback.
    """

    def __init__(
        self, jobs: int | None = None, walls: bool = True, judging: bool = True
    ):
        self.jobs = max(1, jobs or processors())
        self.context = get_context("forkserver")
        preload = ["grader.feedback"] + ["grader.worker"] * judging
        self.context.set_forkserver_preload(preload)
        forkserver.ensure_running()  # it imports while the sandbox does, too
        self.sandbox = Sandbox(walls) if judging else None
        self.pools = [self._pool() for _ in range(self.jobs)]
        self.waiting: list[Task] = []
        self.running: dict[Future, tuple[Task, int]] = {}
        self.done: SimpleQueue[Future] = SimpleQueue()
        self.ready = not judging

    def _pool(self) -> ProcessPoolExecutor:
        # a pool for each worker: when one dies, the others go on
        box = self.sandbox
        return ProcessPoolExecutor(
            1,
            mp_context=self.context,
            initializer=remote.prepare,
            initargs=(box.control, box.walls) if box else (None, True),
        )

    def judge(self, student: str, *args) -> None:
        """Have a submission judged: the arguments of `worker.judge_submission`."""
        task = ("judge_submission", *args)
        self.waiting.append(Task("judge", student, remote.call, task))

    def feedback(self, student: str, *args) -> None:
        """Have a page of feedback written: the arguments of `remote.make_feedback`."""
        # first of all: what is judged is to be done with
        self.waiting.insert(0, Task("feedback", student, remote.make_feedback, args))

    def results(self) -> Iterator[tuple[str, str, object]]:
        """Results and exceptions, as they come; more may be started meanwhile."""
        if not self.ready:
            self.sandbox.ready()
            self.ready = True
        while self.waiting or self.running:
            busy = {place for _, place in self.running.values()}
            for place in range(self.jobs):
                if place not in busy and self.waiting:
                    self._submit(place, self.waiting.pop(0))
            future = self.done.get()
            task, place = self.running.pop(future)
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                self._renew(place)
                if task.tried < RETRIES:
                    self.waiting.append(task._replace(tried=task.tried + 1))
                    continue
                error = RuntimeError("the grader's own process ended on it")
            if isinstance(error, SandboxError):
                raise error
            yield task.step, task.student, error or future.result()

    def _submit(self, place: int, task: Task) -> None:
        try:
            future = self.pools[place].submit(task.function, *task.args)
        except BrokenProcessPool:  # it was killed while it had nothing to do
            self._renew(place)
            future = self.pools[place].submit(task.function, *task.args)
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
        if self.sandbox:
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
        self.tasks: dict = {}  # by future: step, student
        self.done: SimpleQueue = SimpleQueue()
        context = get_context("forkserver")
        context.set_forkserver_preload(["grader.feedback"])
        self.pages = ProcessPoolExecutor(
            *(processors(), context),
            initializer=remote.prepare,
            initargs=(None, True),
        )

    def judge(self, student: str, *args) -> None:
        task = (self.walls, "judge_submission", *args)
        future = self.client.submit(remote.call_anywhere, *task, pure=False)
        self._wait_for(future, "judge", student)

    def feedback(self, student: str, *args) -> None:
        future = self.pages.submit(remote.make_feedback, *args)
        self._wait_for(future, "feedback", student)

    def _wait_for(self, future, *name: str) -> None:
        self.tasks[future] = name
        future.add_done_callback(self.done.put)

    def results(self) -> Iterator[tuple[str, str, object]]:
        while self.tasks:
            try:
                future = self.done.get(timeout=PATIENCE)
            except Empty:
                if self._workers():
                    continue
                raise self._lost("has no workers") from None
            step, student = self.tasks.pop(future)
            if future.cancelled():
                raise self._lost("has gone")
            error = future.exception()
            if isinstance(error, SandboxError):
                raise error
            yield step, student, error or future.result()

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
        self.pages.shutdown(wait=False, cancel_futures=True)
        self.client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
