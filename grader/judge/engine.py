"""What an engine is: somewhere where submissions are judged.

A new engine is a module beside this one and an entry of `grader.judge.engines`;
`tests/test_engines.py` has the same class judged by each.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from grader.notebook.sheet import Cell, Sheet
from grader.notebook.verdict import Verdict


@dataclass(frozen=True)
class Result:
    """A submission's verdict, or the error that the grader itself made on it."""

    student: str
    verdict: Verdict | None
    error: BaseException | None = None

    @classmethod
    def of(
        cls, student: str, future: Future[Verdict], error: BaseException | None
    ) -> "Result":
        return cls(student, None if error else future.result(), error)


class Engine(Protocol):
    """Told once which homework it is; then judges submissions, in any order."""

    def prepare(self, sheet: Sheet, jobs: int) -> None:
        """Say what is judged, and how many at a time."""

    def judge(self, student: str, cells: list[Cell]) -> None:
        """Have a submission judged."""

    def results(self) -> Iterator[Result]:
        """Verdicts and errors as they come, until nothing is left.

        Raises:
            SandboxError: there is no sandbox to be had.
            CourseError: the engine itself has gone.
        """

    def close(self) -> None:
        """End it, whatever it is doing."""


def processors() -> int:
    """How many submissions this machine can judge at a time."""
    return len(os.sched_getaffinity(0))
