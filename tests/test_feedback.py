"""The page that students get back: it teaches, and nothing of anybody's runs in it."""

import re
import shutil

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.records import page
from tests.support.copy_of_the_project import TINY
from tests.support.pages import Elements
from tests.support.solutions import ROOT


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


@pytest.mark.slow
def test_nbgrader_writes_the_same_page(copied_grader, undisturbed, tmp_path):
    """`nbgrader generate_feedback`, after `grader grade` has written its own."""
    course = shutil.copytree(undisturbed, tmp_path / "course")
    pages = [course / "feedback" / s / TINY / f"{TINY}.html" for s in ("ada", "bob")]
    ours = [path.read_text() for path in pages]
    env = {"BYHAND_COURSE": str(course)}
    command = ("generate_feedback", TINY, "--force")
    result = copied_grader.nbgrader(*command, env=env)
    assert result.returncode == 0, result.said
    assert [path.read_text() for path in pages] == ours
    assert "6 of 6 points" in ours[0] and "double(3) is wrong." in ours[1]
    for path in pages:  # it has written them
        assert path.stat().st_mtime > (undisturbed / "grades.csv").stat().st_mtime
