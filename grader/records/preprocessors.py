"""This grader inside nbgrader: for `nbgrader autograde` and the formgrader's button.

`nbgrader_config.py` puts :class:`Repair` and :class:`Judge` in place of nbgrader's own
steps; all else of its pipeline works as it does.
"""

import atexit
import threading

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool

from grader.course.cache import Cache
from grader.course.course import Course
from grader.judge.local import Local
from grader.judge.sandbox import check_unseen
from grader.notebook.reading import cells_of, read, remarks
from grader.notebook.repair import repair
from grader.notebook.sheet import Cell, Sheet
from grader.notebook.verdict import Verdict
from grader.records.feedback import account, with_outputs
from grader.records.sheets import current_sheet

IDLE = 60  # seconds after which the processes that wait for more are ended


class Repair(NbGraderPreprocessor):
    """Put a submission's cells right (`grader.notebook.repair`), in place of OverwriteCells."""

    def preprocess(self, nb, resources):
        sheet = current_sheet(Course(), resources["nbgrader"]["assignment"])
        clean = read(nbformat.writes(nb).encode(), outputs=not sheet.tests)
        notes = [*remarks(clean), *repair(clean, sheet)]
        clean.metadata["byhand"] = {"repaired": notes}
        return clean, resources


class Judge(NbGraderPreprocessor):
    """Run a submission in the two rooms, in place of Execute."""

    sandbox = Bool(
        True, help="Keep students' code in a sandbox. Without, it has your rights."
    ).tag(config=True)

    def preprocess(self, nb, resources):
        course, names = Course(), resources["nbgrader"]
        if self.sandbox:
            check_unseen(course.private())
        sheet = current_sheet(course, names["assignment"])
        verdict = None
        if sheet.tests:
            cache = Cache(course, sheet, self.sandbox)
            verdict = self._verdict(cache, names["student"], nb, sheet)
        repaired = nb.metadata.get("byhand", {}).get("repaired", [])
        nb = with_outputs(nb, verdict)
        account(nb, repaired, verdict, self.sandbox)
        return nb, resources

    def _verdict(
        self, cache: Cache, student: str, nb: NotebookNode, sheet: Sheet
    ) -> Verdict:
        key = cache.key(student, nb)
        verdict = cache.get(key)
        if not verdict:
            verdict = _Engine.judge(self.sandbox, sheet, student, cells_of(nb))
            if not verdict.timed_out:  # it may have been the machine's fault
                cache.put(key, verdict)
        return verdict


class _Engine:
    """One engine for a batch of calls; ended when there has been none for a while."""

    lock = threading.RLock()
    local: Local | None = None
    timer: threading.Timer | None = None

    @classmethod
    def judge(
        cls, walls: bool, sheet: Sheet, student: str, cells: list[Cell]
    ) -> Verdict:
        with cls.lock:
            if cls.timer:
                cls.timer.cancel()
            local = cls.local
            if local and (local.sandbox.walls, local.sheet) != (walls, sheet):
                cls.close()
            try:
                if not cls.local:
                    cls.local = Local(walls)
                    cls.local.prepare(sheet, jobs=1)
                cls.local.judge(student, cells)
                (result,) = list(cls.local.results())
            except BaseException:
                cls.close()
                raise
            cls.timer = threading.Timer(IDLE, cls.close)
            cls.timer.daemon = True
            cls.timer.start()
            if result.verdict is None:
                raise result.error or RuntimeError("there is no verdict")
            return result.verdict

    @classmethod
    def close(cls) -> None:
        with cls.lock:
            if cls.timer:
                cls.timer.cancel()
            if cls.local:
                cls.local.close()
            cls.local = None


atexit.register(_Engine.close)
