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
from grader.grade import NO_WALLS, current_sheet

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
        student = names["student"]
        sheet = current_sheet(course, names["assignment"])
        cache = Cache(course, sheet, self.sandbox)
        key = cache.key(student, nb)
        verdict = cache.get(key)
        if not verdict:
            task = (sheet, student, nbformat.writes(nb))
            verdict = _Engine.judge(self.sandbox, *task)
            cache.put(key, verdict)
        notes = nb.metadata.get("byhand", {}).get("repaired", []) + verdict["notes"]
        if not self.sandbox:
            notes.append(NO_WALLS)
        nb = nbformat.reads(verdict["notebook"], as_version=4)
        explain(nb, notes)
        return nb, resources


class _Engine:
    """One engine for a batch of calls; ended when there has been none for a while."""

    lock = threading.RLock()
    local: Local | None = None
    timer: threading.Timer | None = None

    @classmethod
    def judge(cls, walls: bool, *task) -> dict:
        with cls.lock:
            if cls.timer:
                cls.timer.cancel()
            if cls.local and cls.local.sandbox.walls != walls:
                cls.close()
            cls.local = cls.local or Local(1, walls)
            try:
                cls.local.judge("", *task)
                ((*_, result),) = list(cls.local.results())
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
