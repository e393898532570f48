"""What students get back: what is wrong, in words, and not the tests themselves."""

import html
import re
from functools import lru_cache, wraps
from pathlib import Path
from typing import ClassVar

import bleach
from jinja2 import BytecodeCache
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import Highlight2HTML, markdown2html_mistune
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode, from_dict
from nbgrader.converters import GenerateFeedback
from nbgrader.preprocessors import ClearHiddenTests, GetGrades, NbGraderPreprocessor
from nbgrader.utils import is_grade, is_locked, is_solution, is_task
from traitlets import Bool

from grader import files
from grader.course import Course
from grader.ledger import Recorded

MAX_LINE = 500  # characters
KEPT = 500  # cells whose HTML is kept: most of them are the same for all students
MAX_KEPT = 20_000  # characters of one
TAGS = {
    *bleach.ALLOWED_TAGS,
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "br", "div", "span", "pre"),
    *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "del"),
}
ATTRIBUTES = {
    "a": lambda tag, name, value: (
        name in ("href", "title") or (name, value) == ("class", "anchor-link")
    ),
    "span": ["class"],  # of code in colours
    "div": lambda tag, name, value: (name, value) == ("class", "highlight"),
}
ATTRIBUTES |= {f"h{level}": ["id"] for level in range(1, 7)}


class HideTests(ClearHiddenTests):
    """Take hidden tests out of the feedback, unless they are to be shown by now.

    What a failed test says stays: the judge's words, which hold neither the test's
    lines nor expected values.
    """

    reveal = Bool(
        False, help="Show hidden tests in the feedback, once the deadline has passed."
    ).tag(config=True)

    def preprocess(self, nb, resources):
        return (nb, resources) if self.reveal else super().preprocess(nb, resources)

    def preprocess_cell(self, cell, resources, cell_index):
        if not is_locked(cell):  # what students write there hides nothing
            return cell, resources
        return super().preprocess_cell(cell, resources, cell_index)


def markdown_cell(source: str, name: str) -> NotebookNode:
    """A text cell; nbformat's own check of one takes longer than all else here."""
    return from_dict(
        {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}
    )


def kept(function):
    """Keep what a function of a text returned last, for texts of the usual size."""
    known = lru_cache(KEPT)(function)

    @wraps(function)
    def call(text: str, *args):
        return (known if len(text) < MAX_KEPT else function)(text, *args)

    return call


@kept
def safe_markdown(source: str) -> str:
    """A text cell as HTML in which nothing of a student's runs, loads or covers the page.

    For nbconvert, in place of its own filter: also in the formgrader, where a script
    would have the rights of the instructor's server.
    """
    return bleach.clean(
        markdown2html_mistune(source),
        tags=TAGS,
        attributes=ATTRIBUTES,
        protocols={"http", "https", "mailto"},
    )


class ShortLines(Preprocessor):
    """Cut very long lines: colouring them takes time that grows as their square."""

    def preprocess_cell(self, cell, resources, index):
        lines = cell.source.split("\n")
        if max(map(len, lines)) > MAX_LINE:
            short = [n if len(n) <= MAX_LINE else f"{n[:MAX_LINE]} …" for n in lines]
            cell.source = "\n".join(short)
        return cell, resources


class Marks(GetGrades):
    """Put points and comments on a notebook's cells.

    From the gradebook, as nbgrader does; but when a whole class is graded, what has just
    been recorded is at hand (``resources["recorded"]``), and nothing need be looked up.
    """

    def preprocess(self, nb, resources):
        recorded: Recorded | None = resources.get("recorded")
        if recorded is None:
            return super().preprocess(nb, resources)
        for cell in nb.cells:
            entry = cell.metadata.get("nbgrader", {})
            mark = recorded.marks.get(entry.get("grade_id"))
            if mark and (is_solution(cell) or is_task(cell)):
                entry["comment"] = mark.comment
            if mark and (is_grade(cell) or is_task(cell)):
                entry["score"], entry["points"] = mark.points, mark.most
        resources["nbgrader"] |= {
            "score": recorded.points - recorded.late_penalty,
            "max_score": recorded.most,
            "late_penalty": recorded.late_penalty,
        }
        return nb, resources


class Summarise(NbGraderPreprocessor):
    """Say first of all how each test went, and what is wrong where one failed."""

    def preprocess(self, nb, resources):
        rows = ["| test | points | |", "|---|---|---|"]
        for cell in nb.cells:
            entry = cell.metadata.get("nbgrader", {})
            if entry.get("grade"):
                points = f"{entry.get('score') or 0:g} of {entry.get('points', 0):g}"
                said = [
                    o.traceback for o in cell.get("outputs", ()) if "traceback" in o
                ]
                words = " · ".join(line for lines in said for line in lines)
                rows.append(f"| {entry['grade_id']} | {points} | {_plain(words)} |")
        title = "## How the tests went\n\n"
        nb.cells.insert(0, markdown_cell(title + "\n".join(rows), "summary"))
        return nb, resources


def _plain(words: str) -> str:
    """Words for a Markdown table that nothing in them can turn into something else."""
    return re.sub(
        r"[^\w\s.,:;()=·]", lambda sign: f"&#{ord(sign[0])};", " ".join(words.split())
    )


class _Templates(BytecodeCache):
    """Compiled templates, kept for the next page."""

    known: ClassVar[dict[str, bytes]] = {}

    def load_bytecode(self, bucket):
        if bucket.key in self.known:
            bucket.bytecode_from_string(self.known[bucket.key])

    def dump_bytecode(self, bucket):
        self.known[bucket.key] = bucket.bytecode_to_string()


class Page(HTMLExporter):
    """nbconvert's page of a notebook in a tenth of the time.

    Its own way compiles the templates for each page anew, checks the notebook after each
    preprocessor, has BeautifulSoup take the page apart to find pictures without a text
    alternative, and colours the same tests for each student.
    """

    def __init__(self, **options):
        super().__init__(**options)
        self._colour = kept(Highlight2HTML(parent=self).__call__)

    def _create_environment(self):
        environment = super()._create_environment()
        environment.bytecode_cache = _Templates()
        environment.filters["highlight_code"] = self._highlight
        return environment

    def _highlight(self, text: str, language=None, metadata=None, **options) -> str:
        return self._colour(text, language)

    def from_notebook_node(self, nb, resources=None, **options):
        for cell in nb.cells:
            cell.metadata.setdefault("alt", "A picture that this cell has shown.")
        resources = self._init_resources(resources)
        return super(HTMLExporter, self).from_notebook_node(nb, resources, **options)

    def _preprocess(self, nb, resources):
        for preprocessor in self._preprocessors:
            nb, resources = preprocessor(nb, resources)
        return nb, resources


class Pages:
    """Writes the pages that students get back, as `nbgrader generate_feedback` does.

    Args:
        course, homework: where, and of what.
    """

    def __init__(self, course: Course, homework: str):
        self.course, self.homework = course, homework
        settings = GenerateFeedback(coursedir=course.nbgrader, config=course.config)
        self.exporter = settings.exporter_class(parent=settings, config=settings.config)
        for preprocessor in settings.preprocessors:
            self.exporter.register_preprocessor(preprocessor)

    def write(self, student: str, graded: NotebookNode, recorded: Recorded) -> None:
        """Write a student's page; an earlier one stays until then.

        Args:
            graded: the notebook, which this changes.
            recorded: its points and comments.
        """
        resources = {
            "recorded": recorded,
            "nbgrader": {
                "assignment": self.homework,
                "notebook": self.homework,
                "student": student,
                "db_url": self.course.nbgrader.db_url,
            },
            "unique_key": self.homework,
            "output_files_dir": f"{self.homework}_files",
        }
        html, _ = self.exporter.from_notebook_node(graded, resources)
        path = self.course.notebook("feedback", student, self.homework)
        files.write(path.with_suffix(".html"), html)


def explain(notebook: NotebookNode, notes: list[str]) -> None:
    """Say at the top of a graded notebook what the grader did to it."""
    if notes:
        items = "".join(f"\n- {html.escape(note)}" for note in notes)
        words = f"**From the grader**\n{items}"
        notebook.cells.insert(0, markdown_cell(words, "from-the-grader"))


def write_failure(path: Path, homework: str, reason: str) -> None:
    """Feedback for a submission that could not be graded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{html.escape(homework)}: could not be graded</title>\n"
        f"<h1>{html.escape(homework)} could not be graded</h1>\n"
        f"<p>Reason: {html.escape(reason)}.</p>\n"
        "<p>No points are recorded for it so far. Open your notebook, run it from the "
        "top, save it, and hand it in again; or ask your instructor, who sees the "
        "same message.</p>\n</html>\n",
        "utf8",
    )
