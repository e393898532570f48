"""`byhand validate` on files that tools have left odd, and on slow cells."""

import json

import pytest

from byhand.validate import NotANotebook, Report, _look, _read, validate
from tests.test_validate import RULES, cell, notebook


def entry(place, **fields):
    def apply(content):
        content["cells"][place]["metadata"]["nbgrader"] |= fields

    return apply


def put(place, **fields):
    def apply(content):
        content["cells"][place] |= fields

    return apply


def without(place, *fields):
    def apply(content):
        for name in fields:
            content["cells"][place]["metadata"]["nbgrader"].pop(name)

    return apply


def version_3(content):
    for one in content["cells"]:
        one["input"] = one.pop("source")
    content["worksheets"] = [{"cells": content.pop("cells")}]
    content["nbformat"] = 3


ODD = {
    "an entry that is text": put(2, metadata={"nbgrader": "x"}),
    "an entry that is a list": put(2, metadata={"nbgrader": ["x"]}),
    "an entry without a name": without(2, "grade_id"),
    "a name that is a number": entry(2, grade_id=7),
    "a name that is a list": entry(2, grade_id=["a"]),
    "no points": without(2, "points"),
    "points that are None": entry(2, points=None),
    "points in words": entry(2, points="two"),
    "points that are no number": entry(2, points=float("nan")),
    "a checksum that is a number": entry(0, checksum=3),
    "a checksum and no points": lambda c: (
        entry(2, checksum="abc")(c),
        without(2, "points")(c),
    ),
    "line ends of Windows": put(1, source="def twice(x):\r\n    return 2 * x\r\n"),
    "metadata that is a list": put(1, metadata=[]),
    "no metadata": lambda c: c["cells"][1].pop("metadata"),
    "rules that are a list": lambda c: c["metadata"].update(byhand=["x"]),
    "rules that are text": lambda c: c["metadata"].update(byhand="x"),
    "rules of no sense": lambda c: c["metadata"].update(
        byhand={"name": 3, "banned": "torch", "cells": {"a": 1}}
    ),
    "names of no sense": lambda c: c["metadata"].update(byhand={"cells": [1, ["a"]]}),
    "metadata of the notebook a list": lambda c: c.update(metadata=[]),
    "a test that is no Python": put(2, source="def f(:"),
    "a test in magics": put(2, source="%%nothing\nx"),
    "outputs of odd shape": put(1, outputs=[1, {"output_type": 3}, {"text": None}]),
    "outputs that are text": put(1, outputs="x"),
    "no outputs": lambda c: c["cells"][1].pop("outputs"),
    "a source that is a list": put(
        1, source=["def twice(x):\n", "    return 2 * x", 3]
    ),
    "a source that is a number": put(1, source=3),
    "cells that are none": lambda c: c["cells"].extend([1, None, "x", {}]),
    "a cell of an unknown kind": lambda c: c["cells"].append({"cell_type": "heading"}),
    "an id twice": put(1, id="setup"),
    "an id that is a number": put(1, id=4),
    "no version": lambda c: c.pop("nbformat"),
    "version 4.2": lambda c: c.update(nbformat_minor=2),
    "version 3": version_3,
    "half a character": put(1, source="x = '\ud800'"),
}


def looked_at(tmp_path, content) -> tuple:
    path = tmp_path / "hw9_try.ipynb"
    path.write_text(json.dumps(content), "utf8")
    report = Report()
    found = _read(path)
    _look(found, path, report)
    return found, report


@pytest.mark.parametrize("name", ODD)
def test_it_reads_what_is_odd(tmp_path, name):
    content = notebook()
    ODD[name](content)
    found, _ = looked_at(tmp_path, content)
    assert len(found.cells) >= 6


@pytest.mark.parametrize(
    "text",
    ["[1]", "{}", '{"cells": 3}', "3", "<html>", "[" * 100_000, "\ufeff", "null"],
)
def test_what_is_no_notebook_is_said(tmp_path, text):
    path = tmp_path / "hw9_try.ipynb"
    path.write_text(text, "utf8")
    with pytest.raises(NotANotebook, match=r"not a (notebook|homework)"):
        _read(path)


def test_tests_without_entries_are_known_by_their_words(tmp_path):
    content = notebook()
    for one in content["cells"]:
        one["metadata"] = {}
    content["cells"][2]["source"] = "# Tests of twice (2 points)\nassert twice(2) == 4"
    found, report = looked_at(tmp_path, content)
    assert found.cells[2].metadata.nbgrader.points == 2
    assert "copy your work into a fresh copy" in report.faults[0]


def test_a_cell_is_named_by_its_first_line(tmp_path):
    own = cell("# my own trial\ndef f(:\n    pass")
    _, report = looked_at(tmp_path, notebook("def twice(x): return 1", "Net = 1", own))
    assert "cell 7 (# my own trial), line 2" in report.faults[-1]
    own = cell('x = f"{d["a"]}"')
    _, report = looked_at(tmp_path, notebook("def twice(x): return 1", "Net = 1", own))
    assert "3.12" in report.faults[-1] or not report.faults


@pytest.mark.slow
def test_it_goes_on_as_the_grader_does(tmp_path):
    """Slow cells are stopped, and shell lines, magics and what is missing stop nothing."""
    content = notebook()
    first = (
        "!pip install nothing-like-it\n%matplotlib widget\nfrom tqdm import tqdm\n"
        "from google.colab import drive\nimport torch\nthreads = torch.get_num_threads()"
    )
    content["cells"][1:1] = [cell(first), cell("import time\ntime.sleep(60)")]
    content["cells"].append(cell("assert threads == 1", "threads_test", "test", 1))
    content["metadata"]["byhand"] = RULES | {"cells": []}
    path = tmp_path / "hw9_try.ipynb"
    path.write_text(json.dumps(content), "utf8")
    report = validate(path, seconds=15)
    assert {name: said for name, (_, said) in report.tests.items()} == {
        "twice_test": None,
        "net_test": None,
        "threads_test": None,
    }
    (fault,) = report.faults
    assert fault == "cell 3 (import time) took longer than 15 s, and was stopped there."
