"""A page as students get it back, and its elements."""

import base64
from html.parser import HTMLParser
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from grader.course.course import Course
from grader.records import page
from grader.records.ledger import Mark, Recorded

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


def page_in(folder: Path) -> str:
    """That notebook's page, as it is written to a course folder."""
    course = Course(folder)
    pages = page.Pages(course, "hw")
    for _ in range(2):  # the second time, the templates are there
        pages.write("ada", *graded())
    return course.notebook("feedback", "ada", "hw").with_suffix(".html").read_text()
