"""The page that a student gets back: nothing of anybody's runs in it, or is loaded.

Formulas become MathML, which browsers set by themselves; text cells may hold HTML, of
which only what is harmless is kept.
"""

import base64
import contextlib
import html
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar
from urllib.parse import unquote
from xml.etree import ElementTree

import bleach
from bleach.html5lib_shim import Filter
from jinja2 import BytecodeCache, pass_context
from jinja2.runtime import Context
from latex2mathml.converter import convert
from mistune.plugins.table import render_table_cell
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.converters import GenerateFeedback
from nbgrader.preprocessors import NbGraderPreprocessor

from grader.course import files
from grader.course.course import Course
from grader.notebook.pictures import small
from grader.records.feedback import causes, titles
from grader.records.ledger import Recorded
from grader.records.limited import Allowance

TEMPLATES = Path(__file__).with_name("templates")
MAX_LINE = 500  # characters
MAX_CODE = 60_000  # of a cell of code
MAX_BLANK = 30  # empty lines one after another
MAX_PLAIN = 100_000  # of a text that is shown as it is
MAX_PICTURES = 7_000_000  # of a text cell's pictures in base64
MAX_OUTPUTS = 6_000_000  # of all that cells have shown
MAX_PAGE = 16_000_000  # of the HTML of all cells
LARGE = 300_000  # a picture that is made small for the page
MAX_FORMULA = 2_000
REMEMBERED = 500  # cells whose HTML is kept: most of them are the same for all students
MAX_REMEMBERED = 20_000  # characters of one
TAGS = {
    *bleach.ALLOWED_TAGS,
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "br", "div", "span", "pre"),
    *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "del"),
}
ATTACHED = "attachment"
SHOWN = ("image/png", "image/jpeg")
BASE64 = re.compile(r"[A-Za-z0-9+/=]+")
PICTURE = re.compile(r'(<img alt="[^"]*"(?: width="\d+")?) src="attachment:([^"]*)">')
PROTOCOLS = {"http", "https", "mailto"}
ATTRIBUTES = {
    "a": lambda tag, name, value: (
        (name == "href" and not value.strip().lower().startswith(ATTACHED))
        or name == "title"
        or (name, value) == ("class", "anchor-link")
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


class Remembered:
    """A function of a text that keeps what it returned last, and keeps to a time.

    Args:
        function: called with the text alone.
        plain: what is said instead where it fails or takes too long.
    """

    def __init__(self, function: Callable[[str], str], plain: Callable[[str], str]):
        self.function, self.plain = function, plain
        self.known: OrderedDict[str, str] = OrderedDict()

    def __call__(self, text: str, allowance: Allowance | None = None) -> str:
        if text in self.known:
            self.known.move_to_end(text)
            return self.known[text]
        html = (allowance or Allowance()).render(self.function, text)
        if html is None:
            return self.plain(text)
        if len(text) < MAX_REMEMBERED:
            self.known[text] = html
            if len(self.known) > REMEMBERED:
                self.known.popitem(last=False)
        return html


def as_it_is(text: str) -> str:
    """A text that cannot be rendered, or not in time: its characters."""
    short = text if len(text) <= MAX_PLAIN else f"{text[:MAX_PLAIN]} …"
    return f'<pre tabindex="0">{html.escape(short)}</pre>\n'


def safe_markdown(source: str) -> str:
    """A text cell as HTML in which nothing of a student's runs, loads or covers the page.

    For nbconvert, in place of its own filter: in the formgrader, a script would have the
    rights of the instructor's server. Formulas are left to MathJax, which it has.
    """
    return with_pictures(_safe(source), {})


@pass_context
def marker_markdown(context: Context, source: str) -> str:
    """The same with the cell's pictures, and a bound on the time for all its cells."""
    resources, cell = context.get("resources") or {}, context.get("cell") or {}
    allowance = resources.setdefault("byhand_allowance", Allowance())
    found = cell.get("attachments") if cell.get("source") == source else None
    return with_pictures(_safe(source, allowance), found or {})


def page_markdown(
    source: str, attachments: dict | None = None, allowance: Allowance | None = None
) -> str:
    """The same for the page: with formulas in MathML, and links that lead somewhere."""
    return with_pictures(_page(source, allowance), attachments or {})


def _render_safe(source: str) -> str:
    cleaner = bleach.Cleaner(
        tags=TAGS | {"img"},
        attributes=ATTRIBUTES | {"img": _of_a_picture},
        protocols=PROTOCOLS | {ATTACHED},
        filters=[_Pictures],
    )
    renderer = _Plain(escape=False)
    return cleaner.clean(MarkdownWithMath(renderer=renderer).render(source))


def _render_page(source: str) -> str:
    source = source.replace(OPEN, "").replace(CLOSE, "")
    renderer = _Renderer(escape=False, exclude_anchor_links=True)
    text = MarkdownWithMath(renderer=renderer).render(source)

    def put_formulas(source):
        return _Formulas(source, renderer.formulas)

    cleaner = bleach.Cleaner(
        tags=TAGS | {"img"},
        attributes=ATTRIBUTES | {"a": _leads_somewhere, "img": _of_a_picture},
        protocols=PROTOCOLS | {ATTACHED},
        filters=[put_formulas, _Pictures],
    )
    return cleaner.clean(text)


_safe = Remembered(_render_safe, as_it_is)
_page = Remembered(_render_page, as_it_is)


def with_pictures(text: str, attachments: dict) -> str:
    """Cleaned HTML with the pictures in their places.

    In it an ``<img>`` can only be one that :class:`_Pictures` has let through.
    """
    left = [MAX_PICTURES]

    def put(match: re.Match) -> str:
        name = html.unescape(match[2])
        for key in (name, unquote(name), unquote(html.unescape(name))):
            kinds = attachments.get(key)
            for kind, data in kinds.items() if isinstance(kinds, dict) else ():
                if kind in SHOWN and isinstance(data, str) and BASE64.fullmatch(data):
                    left[0] -= len(data)
                    if left[0] < 0:
                        return "[another picture: the page would be too large]"
                    return f'{match[1]} src="data:{kind};base64,{data}">'
        return "[a picture that is not in the file, or cannot be shown]"

    text = PICTURE.sub(put, text)
    if attachments and text.startswith("<pre tabindex"):  # it could not be rendered
        names = [html.escape(str(name)) for name in attachments]
        extra = "".join(f'<img alt="{n}" src="{ATTACHED}:{n}">' for n in names)
        text += PICTURE.sub(put, extra)
    return text


def _of_a_picture(tag: str, name: str, value: str) -> bool:
    return name in ("src", "alt") or (name == "width" and value.isdigit())


def _leads_somewhere(tag: str, name: str, value: str) -> bool:
    return name == "href" and value.startswith(("http:", "https:", "mailto:"))


class _Plain(IPythonRenderer):
    """Names pictures, and does not look for them."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        words = html.escape(html.unescape(re.sub(r"<[^>]*>", "", text)))
        return f'<img alt="{words}" src="{html.escape(url)}">'


class _Renderer(_Plain):
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


class _Pictures(Filter):
    """Lets the cell's own pictures through, and names all others."""

    def __iter__(self):
        for token in super().__iter__():
            if token.get("name") != "img":
                yield token
                continue
            found = {name: value for (_, name), value in token.get("data", {}).items()}
            words, source = found.get("alt", ""), found.get("src", "")
            if not source.startswith(f"{ATTACHED}:"):
                yield {"type": "Characters", "data": f"[a picture: {words}]"}
                continue
            data = {(None, "alt"): words or "A picture of yours."}
            if "width" in found:
                data[None, "width"] = found["width"][:4]
            data[None, "src"] = source
            yield {"type": "EmptyTag", "namespace": None, "name": "img", "data": data}


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
    """Cut code to what can be read: colouring some takes time that grows as its square."""

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type == "code":
            cell.source = shortened(cell.source)
        return cell, resources


def shortened(source: str) -> str:
    """Code without endless lines, and without thousands of empty ones."""
    if len(source) > MAX_CODE:
        source = f"{source[:MAX_CODE]}\n…"
    found: list[str] = []
    blank = 0
    for line in source.split("\n"):
        blank = 0 if line.strip() else blank + 1
        if blank > MAX_BLANK:
            continue
        found.append(line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]} …")
    return "\n".join(found)


class Summarise(NbGraderPreprocessor):
    """Note first of all how each test went, and what is wrong where one failed."""

    def preprocess(self, nb, resources):
        found = resources["nbgrader"]
        exercises = titles(nb)
        marks = [
            _mark(cell, exercises.get(cell.metadata.nbgrader.grade_id, ""))
            for cell in nb.cells
            if cell.metadata.get("nbgrader", {}).get("grade")
            or cell.metadata.get("nbgrader", {}).get("task")
        ]
        failed = [mark for mark in marks if mark.words and not mark.full]
        resources["page"] = SimpleNamespace(
            title=_title(nb) or found["notebook"],
            points=_number(found["score"]),
            most=_number(found["max_score"]),
            late=_number(found["late_penalty"]) if found["late_penalty"] else "",
            marks=marks,
            by_name={mark.name: mark for mark in marks},
            causes=causes(nb)[:3] if failed else [],
            several=len(failed) > 1,
            reason=None,
        )
        _bound(nb)
        return nb, resources


def _bound(nb: NotebookNode) -> None:
    """Leave of what cells have shown as much as a page can hold; large pictures small."""
    left = MAX_OUTPUTS
    for cell in nb.cells:
        kept = []
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            picture = data.get("image/png") or data.get("image/jpeg")
            if isinstance(picture, str) and len(picture) > LARGE:
                _make_small(data, picture)
            if "traceback" not in output:
                left -= sum(map(len, data.values())) + len(output.get("text", ""))
            if left < 0:
                words = "There is more, but the page would be too large.\n"
                kept.append(
                    NotebookNode(output_type="stream", name="stdout", text=words)
                )
                break
            kept.append(output)
        if kept:
            cell.outputs = kept


def _make_small(data: dict, picture: str) -> None:
    try:
        made, _ = small(base64.b64decode(picture))
    except ValueError:
        made = None
    for kind in ("image/png", "image/jpeg"):
        data.pop(kind, None)
    if made:
        data[made[0]] = base64.b64encode(made[1]).decode()
    else:
        data["text/plain"] = "A picture that is too large to be shown here."


def _mark(cell: NotebookNode, title: str) -> SimpleNamespace:
    """What became of one test, or of what a person marks."""
    entry = cell.metadata["nbgrader"]
    points, most = entry.get("score") or 0, entry.get("points") or 0
    said = [o.traceback for o in cell.get("outputs", ()) if "traceback" in o]
    lines = [line for part in said for line in part]
    by_hand = entry.get("solution") or entry.get("task")
    return SimpleNamespace(
        name=entry["grade_id"],
        title=title,
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
        self._colour = Remembered(Highlight2HTML(parent=self).__call__, as_it_is)
        self._start()

    def _start(self) -> None:
        self.allowance, self.room = Allowance(), MAX_PAGE

    def _create_environment(self):
        environment = super()._create_environment()
        environment.bytecode_cache = _Templates()
        environment.filters["highlight_code"] = self._highlight
        environment.filters["page_markdown"] = self._markdown
        return environment

    def _highlight(self, text: str) -> str:
        colours = self._colour(text, self.allowance)
        if "tabindex" not in colours[:100]:
            colours = colours.replace("<pre>", '<pre tabindex="0">', 1)
        return self._fitting(colours, text)

    def _markdown(self, text: str, attachments: dict | None = None) -> str:
        return self._fitting(page_markdown(text, attachments, self.allowance), text)

    def _fitting(self, html: str, text: str) -> str:
        """It, or as much of the text itself as there is room for on the page."""
        self.room -= len(html)
        if self.room >= 0:
            return html
        self.room += len(html)
        words = as_it_is(text[: max(self.room // 8, 200)])
        self.room -= len(words)
        return words

    def from_notebook_node(self, nb, resources=None, **options):
        self._start()
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
                    source = cell.source
                    source = shortened(source) if cell.cell_type == "code" else source
                    filters[show[cell.cell_type]](source)

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
