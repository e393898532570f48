"""The course: where its files lie, and nbgrader's converters set up to work on them."""

import logging
import os
import re
import warnings
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log
from sqlalchemy.exc import SAWarning
from traitlets.config.loader import Config, PyFileConfigLoader

ROOT = Path(__file__).resolve().parent.parent
# nbgrader's own sessions cause these; they concern nobody who grades
warnings.filterwarnings("ignore", category=SAWarning, module="nbgrader")


class CourseError(Exception):
    """Something that the instructor has to put right; the message says how."""


class Course:
    """The repository with its private course folder.

    Args:
        folder: the course folder, made if need be, readable by its owner only.
            Default: what `nbgrader_config.py` says.
    """

    def __init__(self, folder: Path | None = None):
        self.config = _load_config(folder)
        self.nbgrader = CourseDirectory(config=self.config)
        self.folder = Path(self.nbgrader.submitted_directory).parent
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        logging.getLogger("traitlets").setLevel(logging.ERROR)

    def homeworks(self) -> list[str]:
        return sorted(path.parent.name for path in ROOT.glob("solutions/*/*.ipynb"))

    def check(self, homework: str) -> str:
        """The name of a homework, given in full or by an unambiguous beginning."""
        known = self.homeworks()
        found = [name for name in known if name.startswith(homework)]
        if homework not in known and len(found) != 1:
            raise CourseError(
                f"There is no homework {homework!r}: choose from {', '.join(known)}."
            )
        return homework if homework in known else found[0]

    def notebook(self, step: str, student: str, homework: str) -> Path:
        """The notebook of one student at one step: submitted, autograded, …"""
        return self.folder / step / student / homework / f"{homework}.ipynb"

    def students(self, homework: str) -> list[str]:
        """Everyone with a submission."""
        found = self.folder.glob(f"submitted/*/{homework}/{homework}.ipynb")
        return sorted(path.parts[-3] for path in found)

    def gradebook(self) -> Gradebook:
        return Gradebook(self.nbgrader.db_url, self.nbgrader.course_id)

    def convert(self, converter: type, homework: str, student: str = ".") -> str | None:
        """Run one of nbgrader's converters on one student; what went wrong, or None."""
        self.nbgrader.assignment_id = homework
        self.nbgrader.student_id = student
        app = converter(coursedir=self.nbgrader, config=self.config)
        app.force = True
        result = capture_log(app)
        if result["success"]:
            return None
        # the first traceback is the cause; its last line says what it was
        text = result.get("log", "") + result["error"]
        if "DeadKernelError" in text:
            return "the kernel died while running it (a crash, or out of memory)"
        causes = re.findall(r"^\s*(?:\w+\.)*(\w+(?:Error|Exception)\b.*)$", text, re.M)
        return causes[0] if causes else text.strip().splitlines()[-1]


def _load_config(folder: Path | None) -> Config:
    loader = PyFileConfigLoader("nbgrader_config.py", path=str(ROOT))
    before = dict(os.environ)
    if folder:
        os.environ["BYHAND_COURSE"] = str(folder.resolve())
    try:
        return loader.load_config()
    finally:  # students' kernels need not know where the course is
        os.environ.pop("BYHAND_COURSE", None)
        if "BYHAND_COURSE" in before:
            os.environ["BYHAND_COURSE"] = before["BYHAND_COURSE"]
