"""The page that students get back: it teaches, and nothing of anybody's runs in it."""

import base64
import re
import subprocess
import sys
from html.parser import HTMLParser

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from grader.records import page
from grader.records.ledger import Mark, Recorded
from tests.support import copy_of_the_project as project
from tests.support.solutions import ROOT

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


class Elements(HTMLParser):
    """The elements of a piece of HTML, and their attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {(tag, name, value) for name, value in attrs}

    def handle_data(self, data):
        self.text += f"{data} "


def is_harmless(html: str) -> bool:
    found = Elements(html)
    plain = {(tag, name) for tag, name, _ in found.attributes if tag not in MATH}
    return (
        found.tags <= page.TAGS | page.MATH_TAGS
        and plain <= {("a", "href"), ("span", "class"), ("div", "class")}
        and all(n in page.MATH_ATTRIBUTES for t, n, _ in found.attributes if t in MATH)
        and all(
            re.match(r"https?:|mailto:", value or "")
            for _, name, value in found.attributes
            if name == "href"
        )
    )


MATH = page.MATH_TAGS


def test_formulas_are_set():
    html = page.page_markdown("Take $\\frac{\\partial L}{\\partial W}$:\n\n$$x^2$$\n")
    assert '<math display="inline"><mrow><mfrac>' in html
    assert '<math display="block">' in html and "$" not in html
    assert is_harmless(html)


def test_every_formula_of_the_homeworks_is_set():
    for path in ROOT.glob("assignments/*/*.ipynb"):
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "markdown":
                html = page.page_markdown(cell.source)
                text = re.sub(r"<(code|pre)\b.*?</\1>", "", html, flags=re.S)
                assert "$" not in text and "\\" not in text, text
                assert is_harmless(html)


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) [file](../../solutions/x.ipynb)",
    "$\\text{<script>alert(1)</script>}$",
    "$\\href{javascript:alert(1)}{x}$ $\\unicode{x3c}$ $\\style{color:red}{x}$",
    '<a title="$x$" href="https://a.b/$y$">$z$</a>',
    "<a title=$x onmouseover=alert(1) y$>z</a>",
    '# $\\text{" onclick=alert(1) }$ {#id}',
    "$a$\ue0000\ue001\ue0007\ue001 \ue000",
    "$" + "{" * 3000 + "$",
    "$$" + "x" * 5000 + "$$",
    "<math><mtext><script>alert(1)</script></mtext></math>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "$\\begin{matrix} a & <b> \\\\ c$ </p></div></main><form>",
    "\0$\\frac$ $x_$ $^$ $\\left( $",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_text_cells_do_no_harm(source):
    html = page.page_markdown(source)
    assert is_harmless(html)
    assert is_harmless(page.page_markdown(f"one\n\n{source}\n\n- two {source}"))


WORDS = st.lists(
    st.sampled_from(
        [
            *(
                "$",
                "$$",
                "<",
                ">",
                '"',
                "'",
                "=",
                " ",
                "\n",
                "\n\n",
                "\\",
                "{",
                "}",
                "&",
            ),
            *("#", "`", "[", "](", ")", "_", "^", "0", "<!--", "\ue000", "\ue001"),
            *(
                "a",
                "href",
                "onclick",
                "script",
                "svg",
                "math",
                "\\text",
                "\\frac",
                "x=1",
            ),
        ]
    ),
    max_size=40,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(WORDS)
def test_no_text_does_harm(source):
    assert is_harmless(page.page_markdown(source))


def graded() -> tuple[nbformat.NotebookNode, Recorded]:
    """A graded notebook with something of everything, and what is recorded of it."""

    def entry(name, **more):
        usual = {"grade": False, "solution": False, "task": False, "locked": False}
        return {"nbgrader": usual | {"grade_id": name, "schema_version": 3} | more}

    error = new_output("error", ename="AssertionError", evalue="", traceback=[])
    error.traceback = ["f, line 2: return <x>", "It is <wrong> & 'odd'."]
    shown = new_output("display_data", data={"image/png": PIXEL})
    test = "### BEGIN HIDDEN TESTS\nassert f(1) == 42\n### END HIDDEN TESTS"
    cells = [
        new_markdown_cell("# The homework & more"),
        new_code_cell("import torch", metadata=entry("setup", locked=True)),
        new_code_cell(
            "def f(x):\n    return x",
            metadata=entry("f", solution=True),
            outputs=[new_output("stream", name="stdout", text="<b>1</b>"), shown],
        ),
        new_code_cell(
            f"# The test of f\n{test}",
            metadata=entry("f_test", grade=True, locked=True, points=2),
            outputs=[error],
        ),
        new_code_cell(
            test, metadata=entry("more_test", grade=True, locked=True, points=1)
        ),
        new_markdown_cell(
            "My words.", metadata=entry("report", grade=True, solution=True, points=4)
        ),
    ]
    marks = {
        "f": Mark(comment=None),
        "f_test": Mark(0.0, 2),
        "more_test": Mark(1.0, 1),
        "report": Mark(2.5, 4, "Good & <short>."),
    }
    return new_notebook(cells=cells), Recorded(3.5, 7, 0.0, marks)


@pytest.fixture
def html(tmp_path) -> str:
    from grader.course.course import Course

    course = Course(tmp_path / "course")
    pages = page.Pages(course, "hw")
    for _ in range(2):  # the second time, the templates are there
        pages.write("ada", *graded())
    return course.notebook("feedback", "ada", "hw").with_suffix(".html").read_text()


def test_a_page_says_what_is_wrong(html):
    found = Elements(html)
    text = " ".join(found.text.split())
    assert "The homework & more 3.5 of 7 points" in text
    assert "✗ f_test 0 of 2 It is <wrong> & 'odd'." in text
    assert "✓ more_test 1 of 1" in text
    assert "✗ report 2.5 of 4 Good & <short>." in text
    assert "f, line 2: return <x>" in text and "<b>1</b>" in text
    assert "42" not in text and "HIDDEN" not in text
    assert '<span class="k">def</span>' in html
    assert ("img", "alt", "A picture that this cell has shown.") in found.attributes
    targets = {value for _, name, value in found.attributes if name == "id"}
    links = {v[1:] for _, name, v in found.attributes if name == "href" and v[0] == "#"}
    assert links == {"f_test", "more_test", "report"} and links <= targets


def test_a_page_runs_and_loads_nothing(html):
    found = Elements(html)
    assert not found.tags & {"script", "iframe", "link", "object", "embed", "form"}
    assert "default-src 'none'" in html
    sources = {v for _, name, v in found.attributes if name == "src"}
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_nbgrader_writes_the_same_page(tmp_path):
    """`nbgrader generate_feedback`, after `grader grade` has written its own."""
    copy = project.make(tmp_path / "project", {})
    course = tmp_path / "course"
    wrong = "def double(x):\n    return 3 * x  # $5 <b>"
    project.hand_in(course, project.TINY, "ada", project.tiny(double=wrong))
    path = project.hand_in(course, project.TINY, "bob", project.tiny())
    path.with_name("timestamp.txt").write_text("2031-01-01 10:00:00 UTC")
    assert project.grader(copy, course, "grade", project.TINY).returncode == 0
    pages = sorted(course.glob("feedback/*/*/*.html"))
    ours = [path.read_text() for path in pages]
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "nbgrader",
            "generate_feedback",
            project.TINY,
            "--force",
        ],
        cwd=copy,
        env=project.environment(BYHAND_COURSE=str(course)),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert [path.read_text() for path in pages] == ours
    assert "double(3) is wrong." in ours[0] and "6 of 6 points" in ours[1]
