"""This grader inside nbgrader: for `nbgrader autograde` and the formgrader's button.

`nbgrader_config.py` puts :class:`Repair` and :class:`Judge` in place of nbgrader's own
steps; all else of its pipeline works as it does.
"""

import atexit
import threading

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool

from grader import repair
from grader.cache import Cache
from grader.course import Course
from grader.engine import Local
from grader.feedback import explain
from grader.grade import NO_WALLS, NOT_RUN, current_sheet, with_outputs
from grader.sheet import Cell, Sheet

IDLE = 60  # seconds after which the processes that wait for more are ended


class Repair(NbGraderPreprocessor):
    """Put a submission's cells right (`grader.repair`), in place of OverwriteCells."""

    def preprocess(self, nb, resources):
        sheet = current_sheet(Course(), resources["nbgrader"]["assignment"])
        clean = repair.read(nbformat.writes(nb).encode(), outputs=not sheet.tests)
        notes = repair.repair(clean, sheet)
        clean.metadata["byhand"] = {"repaired": notes}
        return clean, resources


class Judge(NbGraderPreprocessor):
    """Run a submission in the two rooms, in place of Execute."""

    sandbox = Bool(
        True, help="Keep students' code in a sandbox. Without, it has your rights."
    ).tag(config=True)

    def preprocess(self, nb, resources):
        course, names = Course(), resources["nbgrader"]
        sheet = current_sheet(course, names["assignment"])
        verdict = None
        if sheet.tests:
            verdict = self._verdict(
                Cache(course, sheet, self.sandbox), names, nb, sheet
            )
        notes = nb.metadata.get("byhand", {}).get("repaired", [])
        notes += verdict["notes"] if verdict else [NOT_RUN]
        if not self.sandbox:
            notes.append(NO_WALLS)
        nb = with_outputs(nb, verdict)
        explain(nb, notes)
        return nb, resources

    def _verdict(self, cache: Cache, names: dict, nb, sheet: Sheet) -> dict:
        key = cache.key(names["student"], nb)
        verdict = cache.get(key)
        if not verdict:
            cells = repair.cells_of(nb)
            verdict = _Engine.judge(self.sandbox, sheet, names["student"], cells)
            cache.put(key, verdict)
        return verdict


class _Engine:
    """One engine for a batch of calls; ended when there has been none for a while."""

    lock = threading.RLock()
    local: Local | None = None
    timer: threading.Timer | None = None

    @classmethod
    def judge(cls, walls: bool, sheet: Sheet, student: str, cells: list[Cell]) -> dict:
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
                ((_, result),) = list(cls.local.results())
            except BaseException:
                cls.close()
                raise
            cls.timer = threading.Timer(IDLE, cls.close)
            cls.timer.daemon = True
            cls.timer.start()
            if isinstance(result, Exception):
                raise result
            return result

    @classmethod
    def close(cls) -> None:
        with cls.lock:
            if cls.timer:
                cls.timer.cancel()
            if cls.local:
                cls.local.close()
            cls.local = None


atexit.register(_Engine.close)
