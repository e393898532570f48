"""The course: where its files lie, and nbgrader's converters set up to work on them."""

import contextlib
import fcntl
import logging
import os
import re
import secrets
import shutil
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log, parse_utc
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from traitlets.config.loader import Config, PyFileConfigLoader

from grader import startup
from grader.course import files, root
from grader.course.starter import Starter
from grader.errors import CourseError, Refused

EXCHANGE = "/usr/local/share/nbgrader/exchange"  # nbgrader's own default
# nbgrader's own sessions cause these; they concern nobody who grades
warnings.filterwarnings("ignore", category=SAWarning, module="nbgrader")
startup.with_own_alembic()


class Course:
    """A course's root (`grader.course.root`) with its private course folder.

    Files of unfinished work there begin with a dot, and are removed by the next run.

    Args:
        folder: the course folder, made if need be, readable by its owner only.
            Default: what `nbgrader_config.py` says.
    """

    REFUSED = "not_collected.txt"  # in place of a notebook: why there is none
    SECRET = "submission_secret.txt"  # the exchange's, by which feedback finds its way

    def __init__(self, folder: Path | None = None):
        self.root = root.find(folder)
        self.config = _load_config(self.root, folder)
        self.nbgrader = CourseDirectory(config=self.config)
        self.folder = Path(self.nbgrader.submitted_directory).parent
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        logging.getLogger("traitlets").setLevel(logging.ERROR)

    def homeworks(self) -> list[str]:
        return sorted(
            path.parent.name for path in self.root.glob("solutions/*/*.ipynb")
        )

    def check(self, homework: str) -> str:
        """The name of a homework, given in full or by an unambiguous beginning.

        Raises:
            CourseError: there is none, or there are several; the message lists them.
        """
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

    def source(self, homework: str) -> Path:
        """The notebook with the solutions and all tests."""
        return self.root / "solutions" / homework / f"{homework}.ipynb"

    def starter(self, homework: str) -> Starter:
        """The homework as it was given out."""
        return Starter(self.root, homework)

    def students(self, homework: str) -> list[str]:
        """Everyone who has handed in something, be it readable or not."""
        found = self.folder.glob(f"submitted/*/{homework}")
        return sorted(path.parts[-2] for path in found)

    def submitted(self, student: str, homework: str) -> tuple[datetime | None, str]:
        """When a submission was handed in (UTC), as its timestamp.txt says; a remark."""
        path = self.notebook("submitted", student, homework)
        try:
            content, _ = files.read(path.with_name("timestamp.txt"))
            return parse_utc(content.decode("ascii").strip()), ""
        except FileNotFoundError:
            return None, ""
        except (Refused, OSError, ValueError, OverflowError, TypeError):
            return None, "timestamp.txt holds no time: not counted as late"

    def graded(self, student: str, homework: str) -> Path:
        """Where it is noted which submission has been graded in full."""
        return self.folder / "verdicts" / homework / "graded" / student

    def refusal(self, student: str, homework: str) -> Path:
        """Where it is noted why a submission could not be graded."""
        return self.folder / "verdicts" / homework / "refused" / student

    def gradebook(self) -> Gradebook:
        """The marks: in a file of the course folder, or on a server.

        Raises:
            CourseError: it cannot be opened.
        """
        try:
            return Gradebook(self.nbgrader.db_url, self.nbgrader.course_id)
        except (SQLAlchemyError, ImportError) as error:
            raise self.no_gradebook(error) from None

    def no_gradebook(self, error: Exception) -> CourseError:
        """What to say when the database fails."""
        try:
            place = make_url(self.nbgrader.db_url).render_as_string()  # no password
        except SQLAlchemyError:
            place = "what BYHAND_GRADEBOOK says"
        reason = str(getattr(error, "orig", None) or error).strip()
        return CourseError(
            f"The gradebook, {place}, cannot be used:\n{reason}\n"
            "All that was recorded is kept. When the database works again, run the "
            "same command: it goes on from there."
        )

    def private(self) -> list[Path]:
        """What no student's code may see: the course folder, solutions, the exchange."""
        exchange = Path(self.config.get("Exchange", {}).get("root", EXCHANGE))
        there = [exchange] if exchange.exists() else []
        return [self.folder, self.root / "solutions", *there]

    def secret(self) -> str:
        """What nobody outside this course folder knows; made when it is first needed.

        Tests draw their numbers from it. With another one all is judged anew.
        """
        path = self.folder / "secret"
        with contextlib.suppress(FileExistsError):
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(number, "w") as file:
                file.write(secrets.token_hex(16))
        return path.read_text().strip()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One run at a time changes the course; what a killed one left is removed.

        Raises:
            CourseError: another run is at work.
        """
        with open(self.folder / ".lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CourseError(
                    f"Another run is at work in {self.folder}: wait until it is done."
                ) from None
            for path in self.folder.glob(".unfinished-*"):
                shutil.rmtree(path, ignore_errors=True)
            for pattern in ("verdicts/*/.*.part", "*/*/*/.*.part", "reports/.*.part"):
                for path in self.folder.glob(pattern):
                    if not Path("/proc", path.suffixes[-2][1:]).exists():
                        path.unlink(missing_ok=True)
            yield

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


def _load_config(place: Path, folder: Path | None) -> Config:
    loader = PyFileConfigLoader(root.CONFIG, path=str(place))
    before = dict(os.environ)
    if folder:
        os.environ["BYHAND_COURSE"] = str(folder.resolve())
    try:
        return loader.load_config()
    finally:  # students' kernels need not know where the course is
        os.environ.pop("BYHAND_COURSE", None)
        if "BYHAND_COURSE" in before:
            os.environ["BYHAND_COURSE"] = before["BYHAND_COURSE"]
