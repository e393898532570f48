"""Where submissions are judged: processes of this machine, or a Dask cluster.

An engine has two methods: ``start(name, function, *args)`` and ``results()``, which
yields ``(name, result or exception)`` as they come, until nothing is left.
"""

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from grader.course import CourseError
from grader.remote import call, call_anywhere, prepare
from grader.sandbox import Sandbox, SandboxError

RETRIES = 1  # for a submission whose worker has died


def processors() -> int:
    """How many submissions this machine can judge at a time."""
    return len(os.sched_getaffinity(0))


class Local:
    """Processes of this machine, forked from one that has imported everything.

    Args:
        jobs: how many at a time.
        walls: whether students' code is kept in a sandbox.
    """

    def __init__(self, jobs: int | None = None, walls: bool = True):
        self.jobs = max(1, jobs or processors())
        self.sandbox = Sandbox(walls)  # imports while the workers' parent does, too
        self.context = get_context("forkserver")
        self.context.set_forkserver_preload(["grader.worker"])
        self.pools = [self._pool() for _ in range(self.jobs)]
        self.waiting: list[tuple] = []
        self.running: dict[Future, tuple] = {}
        self.ready = False

    def _pool(self) -> ProcessPoolExecutor:
        # a pool for each worker: when one dies, the others go on
        return ProcessPoolExecutor(
            1,
            mp_context=self.context,
            initializer=prepare,
            initargs=(self.sandbox.control, self.sandbox.walls),
        )

    def start(self, name: str, function: str, *args, tried: int = 0) -> None:
        """Have a function of `grader.worker` called; its result will carry the name."""
        self.waiting.append((name, function, args, tried))

    def results(self) -> Iterator[tuple[str, object]]:
        """Results and exceptions, as they come; new work may be started meanwhile."""
        if not self.ready:
            self.sandbox.ready()
            self.ready = True
        while self.waiting or self.running:
            busy = {task[-1] for task in self.running.values()}
            for place in range(self.jobs):
                if place not in busy and self.waiting:
                    self._submit(place, self.waiting.pop(0))
            done, _ = wait(self.running, return_when=FIRST_COMPLETED)
            for future in done:
                name, function, args, tried, place = self.running.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    self.pools[place].shutdown(wait=False)
                    self.pools[place] = self._pool()
                    if tried < RETRIES:
                        self.start(name, function, *args, tried=tried + 1)
                        continue
                    error = RuntimeError("the grader's own process ended on it")
                if isinstance(error, SandboxError):
                    raise error
                yield name, error or future.result()

    def _submit(self, place: int, task: tuple) -> None:
        name, function, args, tried = task
        future = self.pools[place].submit(call, function, *args)
        self.running[future] = (name, function, args, tried, place)

    def close(self) -> None:
        for pool in self.pools:
            pool.shutdown(wait=False, cancel_futures=True)
        for pool in self.pools:
            for process in list((pool._processes or {}).values()):
                process.kill()
        self.sandbox.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Dask:
    """A Dask cluster, each of whose workers runs one thread.

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
        self.walls = walls
        self.futures: dict = {}
        self.finished: list[tuple] = []
        self.jobs = max(1, len(self.client.scheduler_info()["workers"]))

    def start(self, name: str, function: str, *args) -> None:
        if function == "make_feedback":  # that needs the course folder, which is here
            self.finished.append((name, call(function, *args)))
            return
        future = self.client.submit(
            call_anywhere, self.walls, function, *args, pure=False, retries=2
        )
        self.futures[future] = name

    def results(self) -> Iterator[tuple[str, object]]:
        from distributed import as_completed

        while self.futures or self.finished:
            yield from self._finished()
            for future in as_completed(list(self.futures)):
                name, error = self.futures.pop(future), future.exception()
                yield name, error or future.result()
                yield from self._finished()

    def _finished(self) -> Iterator[tuple[str, object]]:
        while self.finished:
            yield self.finished.pop(0)

    def close(self) -> None:
        self.client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
