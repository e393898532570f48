"""Verdicts of earlier runs: what has not changed need not be judged again."""

import hashlib
import json
import os
import sys
from functools import cache
from importlib.metadata import version

from nbformat import NotebookNode

from grader.course.course import Course
from grader.course.files import write
from grader.course.root import HERE
from grader.notebook.reading import cells_of
from grader.notebook.sheet import Sheet
from grader.notebook.verdict import Verdict

# the code that a verdict depends on (tests/test_architecture.py works out that it is all)
CODE = ("byhand", "grader/wire", "grader/inside", "grader/judge", "grader/notebook")


class Cache:
    """Verdicts in the course folder, by the hash of all that they depend on.

    That is: the student's cells and name, the tests and rules, the code that judges, the
    versions of Python, PyTorch and NumPy, the data set, and whether there was a sandbox.
    """

    def __init__(self, course: Course, sheet: Sheet, walls: bool):
        self.folder = course.folder / "verdicts" / sheet.homework
        content = json.dumps([sheet.as_dict(), environment(), walls], sort_keys=True)
        self.rules = hashlib.sha256(content.encode()).hexdigest()

    def submission(self, student: str, data: bytes) -> str:
        """The hash of a submission as it was handed in."""
        return hashlib.sha256(f"{self.rules}/{student}/".encode() + data).hexdigest()

    def key(self, student: str, notebook: NotebookNode) -> str:
        """The hash of a repaired notebook."""
        return self.submission(student, json.dumps(cells_of(notebook)).encode())

    def get(self, key: str) -> Verdict | None:
        """The verdict that is known, if one is."""
        path = self.folder / f"{key}.json"
        try:
            return Verdict.from_dict(json.loads(path.read_text("utf8")))
        except (OSError, ValueError, TypeError):
            return None

    def put(self, key: str, verdict: Verdict) -> None:
        """Remember a verdict."""
        write(self.folder / f"{key}.json", json.dumps(verdict.as_dict()), sure=False)


@cache
def environment() -> str:
    """What a verdict depends on besides the homework and the submission."""
    code = hashlib.sha256()
    for folder in CODE:
        for path in sorted((HERE / folder).rglob("*.py")):
            code.update(path.read_bytes())
    parts = [code.hexdigest(), sys.version, version("torch"), version("numpy")]
    parts += [os.environ.get(n, "") for n in ("BYHAND_DATA", "BYHAND_OFFLINE")]
    return "/".join(parts)
