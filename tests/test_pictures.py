"""Pictures in text cells, and texts that take their time: each page is written, bounded."""

import base64
import io
import json
import struct
import time
import zlib

import nbformat
import pytest
from jinja2 import Environment
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)
from PIL import Image

from grader.course.course import Course
from grader.notebook import pictures
from grader.notebook.reading import read, remarks
from grader.records import limited, page
from grader.records.feedback import causes, why_nothing
from grader.records.ledger import Mark, Recorded


def picture(kind="PNG", size=(60, 40), mode="RGB", **more) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind, **more)
    return file.getvalue()


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def many_pixels() -> bytes:
    """A PNG of a few hundred bytes that says it has 40,000 x 40,000 pixels."""
    head = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    data = zlib.compress(bytes(1000))
    parts = [(chunk, zlib.crc32(chunk)), (b"IDAT" + data, zlib.crc32(b"IDAT" + data))]
    found = b"\x89PNG\r\n\x1a\n"
    for content, total in parts:
        found += (
            struct.pack(">I", len(content) - 4) + content + struct.pack(">I", total)
        )
    return found


def handed_in(*cells) -> nbformat.NotebookNode:
    return read(nbformat.writes(new_notebook(cells=list(cells))).encode())


def html_of(*cells, marks=None) -> str:
    notebook = handed_in(*cells)
    parts = [page.page_markdown(c.source, c.get("attachments")) for c in notebook.cells]
    return "\n".join(parts)


KEPT = {
    "PNG": picture(),
    "JPEG": picture("JPEG"),
    "GIF": picture("GIF", mode="P"),
    "WebP": picture("WEBP"),
    "with alpha": picture(mode="RGBA"),
    "of 16 bits": picture(mode="I;16"),
    "a photo": picture("JPEG", (4_000, 3_000)),
    "wide": picture(size=(5_000, 20)),
    "turned": picture(
        "JPEG",
        (50, 30),
        exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
    ),
}
LEFT_OUT = {
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "few bytes, many pixels": many_pixels(),
    "cut off": picture(size=(300, 300))[:60],
    "no picture": b"hello",
    "BMP": picture("BMP"),
    "TIFF": picture("TIFF"),
    "HTML": b"<script>alert(1)</script>",
    "empty": b"",
}


@pytest.mark.parametrize("way", ["attachment", "data", "tag"])
@pytest.mark.parametrize("case", KEPT)
def test_pictures_are_shown(case, way):
    html = html_of(cell_with(KEPT[case], way))
    assert html.count("<img ") == 1 and "not in the file" not in html
    kind, data = html.split('src="data:')[1].split('"')[0].split(";base64,")
    with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
        assert kind == f"image/{shown.format.lower()}" and shown.format in (
            "PNG",
            "JPEG",
        )
        assert max(shown.size) <= pictures.SIDE
        assert not shown.getexif()  # where a photo was taken is nobody's business
        if case == "turned":
            assert shown.size == (30, 50)


def cell_with(data: bytes, way: str):
    if way == "attachment":
        content = {"my photo.png": {"image/png": coded(data)}}
        return new_markdown_cell("![x](attachment:my%20photo.png)", attachments=content)
    address = f"data:image/png;base64,{coded(data)}"
    text = f"![x]({address})" if way == "data" else f'<img src="{address}" width="80">'
    return new_markdown_cell(text)


@pytest.mark.parametrize("way", ["attachment", "data", "tag"])
@pytest.mark.parametrize("case", LEFT_OUT)
def test_pictures_that_are_not_shown(case, way):
    notebook = handed_in(cell_with(LEFT_OUT[case], way))
    (cell,) = notebook.cells
    html = page.page_markdown(cell.source, cell.get("attachments"))
    assert "<img" not in html and "not in the file" in html
    assert remarks(notebook) == ["pictures in text cells that are not shown: 1"]


def test_few_bytes_cost_no_memory(monkeypatch):
    """Nothing is decoded of a picture that has too many pixels, nor beyond a bound."""
    few = picture(size=(50, 50))
    monkeypatch.setattr(Image.Image, "load", None)
    assert pictures.small(many_pixels()) == (None, 0)
    assert pictures.small(few, left=2_499) == (None, 0)


def test_a_notebook_has_so_many(monkeypatch):
    monkeypatch.setattr(pictures, "PICTURES", 3)
    cells = [cell_with(picture(size=(n, 9)), "data") for n in (5, 6, 7, 8)]
    assert html_of(*cells).count("<img") == 3
    same = [cell_with(picture(), "data") for _ in range(9)]
    assert html_of(*same).count("<img") == 9
    monkeypatch.setattr(pictures, "BYTES", 3 * len(picture()))
    assert html_of(*same).count("<img") == 2


def test_a_photo_is_no_long_text():
    noise = Image.effect_noise((1500, 1500), 90)
    file = io.BytesIO()
    noise.save(file, "PNG")
    cell = cell_with(file.getvalue(), "data")
    assert len(cell.source) > 2_000_000
    (found,) = handed_in(cell).cells
    assert len(found.source) < 100
    assert len(json.dumps(found)) < 1_500_000


def test_pictures_of_others_are_named():
    html = html_of(
        new_markdown_cell(
            "![a](https://a.b/c.png) ![b](photo.png) <img src=x onerror=alert(1)> "
            "![c](attachment:gone.png) [d](attachment:gone.png)"
        )
    )
    assert "<img" not in html and "onerror" not in html
    assert "[a picture: a]" in html and "not in the file" in html
    assert 'href="attachment' not in html


def test_the_marker_sees_them():
    source = "![x](attachment:a.png) $x_1$ <script>alert(1)</script>"
    cell = handed_in(
        new_markdown_cell(
            source, attachments={"a.png": {"image/png": coded(picture())}}
        )
    ).cells[0]
    environment = Environment()
    environment.filters["markdown2html"] = page.marker_markdown
    template = environment.from_string(
        "{% for cell in cells %}{% block one scoped %}"
        "{{ cell.source | markdown2html }}{% endblock %}{% endfor %}"
    )
    html = template.render(cells=[cell], resources={})
    assert 'src="data:image/png;base64,' in html and "$x_1$" in html
    assert "<script" not in html


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path / "course")


def written(course, *cells) -> str:
    pages = page.Pages(course, "hw")
    pages.write(
        "ada", handed_out(*cells), Recorded(0.0, 1, 0.0, {"f_test": Mark(0, 1)})
    )
    place = course.notebook("feedback", "ada", "hw").with_suffix(".html")
    return place.read_text("utf8")


def handed_out(*cells):
    entry = {"grade_id": "f_test", "grade": True, "solution": False, "locked": True}
    test = new_code_cell("f()", metadata={"nbgrader": entry | {"points": 1}})
    return new_notebook(cells=[*cells, test])


@pytest.mark.parametrize("error", [ValueError, RecursionError, KeyError, MemoryError])
def test_no_text_costs_the_page(course, monkeypatch, error):
    def fail(text):
        raise error(text)

    monkeypatch.setattr(page, "_page", page.Remembered(fail, page.as_it_is))
    html = written(course, new_markdown_cell("My <b>words</b>."))
    assert "My &lt;b&gt;words&lt;/b&gt;." in html


def slow(text):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        pass
    return "too late"


def test_a_text_has_so_much_time(monkeypatch):
    monkeypatch.setattr(limited, "SHORT", 10)
    monkeypatch.setattr(limited, "ONE", 0.3)
    render = page.Remembered(slow, page.as_it_is)
    before = time.monotonic()
    assert "a long text <" not in render("a long text <b>")
    assert "a long text &lt;b&gt;" in render("a long text <b>")
    assert time.monotonic() - before < 5
    quick = page.Remembered(lambda text: text.upper(), page.as_it_is)
    assert quick("some other long text") == "SOME OTHER LONG TEXT"


def test_a_page_has_so_much_time(monkeypatch):
    allowance = limited.Allowance(0.2)
    assert allowance.render(lambda text: time.sleep(0.3) or "yes", "a") == "yes"
    assert allowance.render(lambda text: "yes", "b") is None


def test_what_a_fork_returns_is_bounded(monkeypatch):
    monkeypatch.setattr(limited, "SHORT", 0)
    monkeypatch.setattr(limited, "MOST", 1_000_000)
    allowance = limited.Allowance()
    assert allowance.render(lambda text: "é" * 300_000, "a") == "é" * 300_000
    assert allowance.render(lambda text: "é" * 600_000, "a") is None
    assert allowance.render(lambda text: 1 / 0, "a") is None


def test_code_is_shortened():
    assert page.shortened("x = 1\n\n\ny = 2") == "x = 1\n\n\ny = 2"
    assert page.shortened("a" + "\n" * 5_000 + "b").count("\n") <= page.MAX_BLANK + 1
    assert len(page.shortened("x.y" * 100_000)) < 600
    assert len(page.shortened("x = 1\n" * 50_000)) <= page.MAX_CODE + 2
    long = "A paragraph of one line. " * 100
    cell, _ = page.ShortLines().preprocess_cell(new_markdown_cell(long), {}, 0)
    assert cell.source == long  # a report's words are all there


def test_a_page_can_be_sent(course, monkeypatch):
    monkeypatch.setattr(page, "MAX_OUTPUTS", 200_000)
    text = new_output("stream", name="stdout", text="x" * 30_000)
    cells = [new_code_cell(f"show({n})", outputs=[text] * 3) for n in range(20)]
    html = written(course, *cells)
    assert len(html) < 300_000 and "the page would be too large" in html
    monkeypatch.setattr(page, "MAX_PAGE", 200_000)
    html = written(course, *[new_markdown_cell("word " * 20_000)] * 9)
    assert len(html) < 400_000


def test_large_outputs_are_made_small(course):
    noise = Image.effect_noise((2_000, 2_000), 90)
    file = io.BytesIO()
    noise.save(file, "PNG")
    data = {"image/png": coded(file.getvalue())}
    html = written(
        course, new_code_cell("plot()", outputs=[new_output("display_data", data=data)])
    )
    assert "data:image/jpeg;base64," in html and len(html) < 1_500_000
    data = {"image/png": coded(many_pixels() + bytes(400_000))}
    html = written(
        course, new_code_cell("plot()", outputs=[new_output("display_data", data=data)])
    )
    assert "A picture that is too large" in html and len(html) < 100_000


# what is said first


def failed(ename, words, lines=()):
    found = new_output("error", ename=ename, evalue=words)
    found.traceback = [*lines, words]
    return found


def broken(ename="SyntaxError", words="SyntaxError: '(' was never closed"):
    solution = {"grade_id": "f", "grade": False, "solution": True, "locked": False}
    test = {"grade_id": "f_test", "grade": True, "solution": False, "locked": True}
    return nbformat.from_dict(
        {
            **new_notebook(),
            "cells": [
                new_markdown_cell("# Homework\n\n## 1 · The *first* exercise"),
                new_code_cell(
                    "def f(:",
                    metadata={"nbgrader": solution},
                    outputs=[failed(ename, words, ["line 1: def f(:"])],
                ),
                new_code_cell(
                    "f()",
                    metadata={"nbgrader": test | {"points": 1}},
                    outputs=[failed("NameError", "NameError: name 'f' is not defined")],
                ),
                new_code_cell(
                    "g()",
                    metadata={"nbgrader": test | {"points": 1, "grade_id": "g_test"}},
                    outputs=[
                        failed("NotAllowed", "torch.relu is not allowed: line 3.")
                    ],
                ),
            ],
        }
    )


def test_the_cause_is_said_once_and_first(course):
    notebook = broken()
    notebook.cells.append(nbformat.from_dict(notebook.cells[-1]))
    notebook.cells[-1].metadata.nbgrader.grade_id = "h_test"
    first, second = causes(notebook)
    assert first.startswith("the cell f (1 · The first exercise): SyntaxError: '('")
    assert "run it, and mend that line" in first
    assert second.startswith("torch.relu is not allowed: line 3. Take that call out")
    assert why_nothing(notebook).startswith("the cell f")
    marks = {name: Mark(0.0, 1) for name in ("f_test", "g_test", "h_test")}
    page.Pages(course, "hw").write("ada", notebook, Recorded(0.0, 3, 0.0, marks))
    html = course.notebook("feedback", "ada", "hw").with_suffix(".html").read_text()
    top = html[html.index("<main>") : html.index("Your notebook")]
    assert top.index("Look at this first") < top.index("How it went")
    assert top.count("torch.relu is not allowed: line 3. Take") == 1
    assert "those below may follow from it" in top
    assert top.count("1 · The first exercise</th>") == 1


def test_the_cause_without_an_error_is_the_first_test():
    notebook = broken()
    notebook.cells[1].outputs = []
    notebook.cells.pop()
    assert why_nothing(notebook) == "f_test: NameError: name 'f' is not defined"
    notebook.cells[2].outputs = []
    assert why_nothing(notebook) == "no test has said why"
