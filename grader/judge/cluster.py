"""The engine of a cluster: Dask's workers, each with a sandbox of its own."""

from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

from grader.errors import CourseError, SandboxError
from grader.judge import entry
from grader.judge.engine import Result
from grader.notebook.sheet import Cell, Sheet

PATIENCE = 60  # seconds to wait for a cluster that has lost all its workers


class Dask:
    """A Dask cluster, each of whose workers judges one submission at a time.

    Args:
        scheduler: its address, e.g. ``tcp://10.0.0.1:8786``; or ``tls://…``, for which
            Dask's own configuration names the certificates.
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
        except (TypeError, RuntimeError) as error:  # without certificates, say
            raise CourseError(
                f"Dask cannot talk to {scheduler}: {error}. For tls:// it has to know its "
                "certificates (DASK_DISTRIBUTED__COMM__TLS__CA_FILE, …): see the guide."
            ) from None
        self.scheduler, self.walls = scheduler, walls
        self.students: dict[Any, str] = {}  # by future
        self.done: SimpleQueue[Any] = SimpleQueue()
        self.sheet: Sheet | None = None

    def prepare(self, sheet: Sheet, jobs: int) -> None:
        """Say what is judged; how many at a time, the cluster knows itself."""
        self.sheet = sheet

    def judge(self, student: str, cells: list[Cell]) -> None:
        """Have a submission judged."""
        task = (self.walls, self.sheet, student, cells)
        future = self.client.submit(entry.judge_anywhere, *task, pure=False)
        self.students[future] = student
        future.add_done_callback(self.done.put)

    def results(self) -> Iterator[Result]:
        """Verdicts and errors, as they come.

        Raises:
            CourseError: the cluster has gone, or has no workers.
            SandboxError: a worker has no sandbox.
        """
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
            yield Result.of(student, future, error)

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
