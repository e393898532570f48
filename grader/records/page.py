"""The page that a student gets back: nothing of anybody's runs in it, or is loaded.

Formulas become MathML, which browsers set by themselves; text cells may hold HTML, of
which only what is harmless is kept.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import lru_cache, wraps
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar
from xml.etree import ElementTree

import bleach
from bleach.html5lib_shim import Filter
from jinja2 import BytecodeCache
from latex2mathml.converter import convert
from mistune.plugins.table import render_table_cell
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import Highlight2HTML, markdown2html_mistune
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.converters import GenerateFeedback
from nbgrader.preprocessors import NbGraderPreprocessor

from grader.course import files
from grader.course.course import Course
from grader.records.ledger import Recorded

TEMPLATES = Path(__file__).with_name("templates")
MAX_LINE = 500  # characters
MAX_FORMULA = 2_000
REMEMBERED = 500  # cells whose HTML is kept: most of them are the same for all students
MAX_REMEMBERED = 20_000  # characters of one
TAGS = {
    *bleach.ALLOWED_TAGS,
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "br", "div", "span", "pre"),
    *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "del"),
}
PROTOCOLS = {"http", "https", "mailto"}
ATTRIBUTES = {
    "a": lambda tag, name, value: (
        name in ("href", "title") or (name, value) == ("class", "anchor-link")
    ),
    "span": ["class"],  # of code in colours
    "div": lambda tag, name, value: (name, value) == ("class", "highlight"),
}
ATTRIBUTES |= {f"h{level}": ["id"] for level in range(1, 7)}
MATH_TAGS = {
    *("math", "mrow", "mi", "mo", "mn", "mtext", "mspace", "msup", "msub", "msubsup"),
    *("mfrac", "msqrt", "mroot", "mover", "munder", "munderover", "mstyle", "mpadded"),
    *("mtable", "mtr", "mtd", "mphantom"),
}
MATH_ATTRIBUTES = {
    *("display", "displaystyle", "scriptlevel", "mathvariant", "stretchy", "fence"),
    *("width", "minsize", "maxsize", "linethickness", "columnalign", "accent"),
}
OPEN, CLOSE = "\ue000", "\ue001"  # around a formula's number; nobody's characters


def remembered(function: Callable[..., str]) -> Callable[..., str]:
    """Keep what a function of a text returned last, for texts of the usual size."""
    known = lru_cache(REMEMBERED)(function)

    @wraps(function)
    def call(text: str, *args) -> str:
        return (known if len(text) < MAX_REMEMBERED else function)(text, *args)

    return call


@remembered
def safe_markdown(source: str) -> str:
    """A text cell as HTML in which nothing of a student's runs, loads or covers the page.

    For nbconvert, in place of its own filter: in the formgrader, a script would have the
    rights of the instructor's server. Formulas are left to MathJax, which it has.
    """
    return bleach.clean(
        markdown2html_mistune(source),
        tags=TAGS,
        attributes=ATTRIBUTES,
        protocols=PROTOCOLS,
    )


@remembered
def page_markdown(source: str) -> str:
    """The same for the page: with formulas in MathML, and links that lead somewhere."""
    source = source.replace(OPEN, "").replace(CLOSE, "")
    renderer = _Renderer(escape=False, exclude_anchor_links=True)
    text = MarkdownWithMath(renderer=renderer).render(source)

    def put_formulas(source):
        return _Formulas(source, renderer.formulas)

    cleaner = bleach.Cleaner(
        tags=TAGS,
        attributes=ATTRIBUTES | {"a": _leads_somewhere},
        protocols=PROTOCOLS,
        filters=[put_formulas],
    )
    return cleaner.clean(text)


def _leads_somewhere(tag: str, name: str, value: str) -> bool:
    return name == "href" and value.startswith(("http:", "https:", "mailto:"))


class _Renderer(IPythonRenderer):
    """Puts a number in the place of each formula."""

    def __init__(self, **options):
        super().__init__(**options)
        self.formulas: list[tuple[str, bool]] = []

    def _formula(self, body: str, block: bool) -> str:
        self.formulas.append((body, block))
        return f"{OPEN}{len(self.formulas) - 1}{CLOSE}"

    def heading(self, text: str, level: int, **attributes) -> str:
        return super().heading(text, min(level + 1, 6), **attributes)

    def table_cell(self, text: str, align: str | None = None, head=False) -> str:
        # an empty cell is the heading of nothing, to those who hear the page
        return render_table_cell(self, text, align, head and bool(text.strip()))

    def block_math(self, body: str) -> str:
        return self._formula(body, True)

    def inline_math(self, body: str) -> str:
        return self._formula(body, False)


class _Formulas(Filter):
    """Puts the formulas in the places of their numbers, after all has been cleaned."""

    def __init__(self, source, formulas: list[tuple[str, bool]]):
        super().__init__(source)
        self.formulas = formulas

    def __iter__(self):
        for token in super().__iter__():
            if token["type"] != "Characters" or OPEN not in token["data"]:
                yield token
                continue
            for part in token["data"].split(OPEN):
                number, closed, rest = part.rpartition(CLOSE)
                if closed and number.isdigit() and int(number) < len(self.formulas):
                    yield from _math_tokens(*self.formulas[int(number)])
                else:
                    rest = part
                if rest:
                    yield {"type": "Characters", "data": rest}


def _math_tokens(formula: str, block: bool) -> Iterator[dict]:
    try:
        if len(formula) > MAX_FORMULA:
            raise ValueError
        plain = re.sub(r"\\text\w*\{[^{}]*\}", _without_escapes, formula)
        text = convert(plain, display="block" if block else "inline")
        tree = ElementTree.fromstring(text)
    except Exception:  # whatever a formula that is none leads to
        sign = "$$" if block else "$"
        yield {"type": "Characters", "data": f"{sign}{formula}{sign}"}
        return
    yield from _element_tokens(tree)


def _without_escapes(text: re.Match) -> str:
    return text[0].replace("\\_", "_")


def _element_tokens(element: ElementTree.Element) -> Iterator[dict]:
    name = element.tag.rpartition("}")[2]
    allowed = name in MATH_TAGS
    if allowed:
        data = {(None, k): v for k, v in element.items() if k in MATH_ATTRIBUTES}
        yield {"type": "StartTag", "namespace": None, "name": name, "data": data}
    if element.text:
        yield {"type": "Characters", "data": element.text}
    for child in element:
        yield from _element_tokens(child)
        if child.tail:
            yield {"type": "Characters", "data": child.tail}
    if allowed:
        yield {"type": "EndTag", "namespace": None, "name": name}


class ShortLines(Preprocessor):
    """Cut very long lines: colouring them takes time that grows as their square."""

    def preprocess_cell(self, cell, resources, index):
        lines = cell.source.split("\n")
        if max(map(len, lines)) > MAX_LINE:
            short = [n if len(n) <= MAX_LINE else f"{n[:MAX_LINE]} …" for n in lines]
            cell.source = "\n".join(short)
        return cell, resources


class Summarise(NbGraderPreprocessor):
    """Note first of all how each test went, and what is wrong where one failed."""

    def preprocess(self, nb, resources):
        found = resources["nbgrader"]
        marks = [
            _mark(cell)
            for cell in nb.cells
            if cell.metadata.get("nbgrader", {}).get("grade")
            or cell.metadata.get("nbgrader", {}).get("task")
        ]
        resources["page"] = SimpleNamespace(
            title=_title(nb) or found["notebook"],
            points=_number(found["score"]),
            most=_number(found["max_score"]),
            late=_number(found["late_penalty"]) if found["late_penalty"] else "",
            marks=marks,
            by_name={mark.name: mark for mark in marks},
            reason=None,
        )
        return nb, resources


def _mark(cell: NotebookNode) -> SimpleNamespace:
    """What became of one test, or of what a person marks."""
    entry = cell.metadata["nbgrader"]
    points, most = entry.get("score") or 0, entry.get("points") or 0
    said = [o.traceback for o in cell.get("outputs", ()) if "traceback" in o]
    lines = [line for part in said for line in part]
    by_hand = entry.get("solution") or entry.get("task")
    return SimpleNamespace(
        name=entry["grade_id"],
        points=_number(points),
        most=_number(most),
        full=points >= most,
        words=(entry.get("comment") or "") if by_hand else "".join(lines[-1:]),
        lines=[] if by_hand else lines[:-1],
    )


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _title(nb: NotebookNode) -> str:
    """The first heading of the notebook."""
    for cell in nb.cells:
        if cell.cell_type == "markdown" and "nbgrader" not in cell.metadata:
            for line in cell.source.splitlines():
                if line.startswith("# "):
                    return line[2:].strip()[:200]
    return ""


class _Templates(BytecodeCache):
    """Compiled templates, kept for the next page."""

    known: ClassVar[dict[str, bytes]] = {}

    def load_bytecode(self, bucket):
        if bucket.key in self.known:
            bucket.bytecode_from_string(self.known[bucket.key])

    def dump_bytecode(self, bucket):
        self.known[bucket.key] = bucket.bytecode_to_string()


class Page(HTMLExporter):
    """nbconvert's exporter, with a template of ours and without what takes its time.

    nbconvert compiles templates for each page anew, checks the notebook after each
    preprocessor, takes the page apart again with BeautifulSoup, and colours the same
    tests for each student.
    """

    def __init__(self, **options):
        own = {
            "template_name": "page",
            "extra_template_basedirs": [str(TEMPLATES)],
            "extra_template_paths": [],
        }
        super().__init__(**options | own)
        self._colour = remembered(Highlight2HTML(parent=self).__call__)

    def _create_environment(self):
        environment = super()._create_environment()
        environment.bytecode_cache = _Templates()
        environment.filters["highlight_code"] = self._highlight
        environment.filters["page_markdown"] = page_markdown
        return environment

    def _highlight(self, text: str) -> str:
        return self._colour(text).replace("<pre>", '<pre tabindex="0">', 1)

    def from_notebook_node(self, nb, resources=None, **options):
        nb, resources = self._preprocess(nb, self._init_resources(resources))
        return self.template.render(nb=nb, resources=resources), resources

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

    def prepare(self, notebook: NotebookNode) -> None:
        """Read and colour beforehand what the pages of a class have in common.

        Args:
            notebook: one of those to come.
        """
        filters = self.exporter.environment.filters
        show = {"code": "highlight_code", "markdown": "page_markdown"}
        with contextlib.suppress(Exception):  # what is odd about it, its page will say
            _ = self.exporter.template
            for cell in notebook.cells:
                if cell.cell_type in show:
                    filters[show[cell.cell_type]](cell.source)

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
        }
        html, _ = self.exporter.from_notebook_node(graded, resources)
        self._write(student, html)

    def write_failure(self, student: str, reason: str) -> None:
        """The page for a submission that could not be graded."""
        page = SimpleNamespace(title=self.homework, reason=reason)
        html = self.exporter.template.render(resources=SimpleNamespace(page=page))
        self._write(student, html)

    def _write(self, student: str, html: str) -> None:
        path = self.course.notebook("feedback", student, self.homework)
        files.write(path.with_suffix(".html"), html)
