"""`byhand validate` tells a student, in words, how a homework stands."""

import json
import os
import sys

import pytest

from tests.support.runs import Forks, python
from tests.support.solutions import ROOT

RULES = {
    "name": "hw9_try",
    "banned": ["torch.relu"],
    "cells": ["setup", "twice", "twice_test", "hidden_test", "net", "net_test"],
}
STUB = "def twice(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
SOLVED = "def twice(x):\n    return 2 * x"


def cell(source: str, name: str = "", kind: str = "", points: float = 0) -> dict:
    entry = {
        "grade_id": name,
        "grade": kind == "test",
        "solution": kind == "solution",
        "locked": kind != "solution",
        "points": points,
        "schema_version": 3,
    }
    return {
        "cell_type": "code",
        "id": name or f"own-{abs(hash(source))}",
        "source": source,
        "metadata": {"nbgrader": entry} if name else {},
        "outputs": [],
        "execution_count": None,
    }


def notebook(twice: str = SOLVED, net: str = "class Net:\n    pass", *more) -> dict:
    cells = [
        cell("import math", "setup"),
        cell(twice, "twice", "solution"),
        cell(
            "assert twice(2) == 4, 'twice(2) is wrong. It is squared?'\nprint('fine')",
            *("twice_test", "test", 2),
        ),
        cell("# When graded: negative numbers.", "hidden_test", "test", 1),
        cell(net, "net", "solution"),
        cell("Net()", "net_test", "test", 1.5),
        *more,
    ]
    metadata = {
        "byhand": RULES,
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
    }
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


MAIN = "import sys\nfrom byhand.__main__ import main\nsys.exit(main())"
LOOK = f"from byhand import validate\nvalidate._run = lambda *_: None\n{MAIN}"


@pytest.fixture(scope="module")
def forks():
    """Runs of `byhand validate` in processes of their own, without its imports."""
    with Forks("from byhand import validate") as forks:
        yield forks


@pytest.fixture
def validate(tmp_path, forks):
    """Validates a notebook; with ``code=LOOK`` no more than to look at it."""

    def run(content, name="hw9_try.ipynb", *options, code=MAIN):
        path = tmp_path / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, "utf8")
        command = ("validate", name, *options)
        if code:
            result = forks.run(code, *command, cwd=tmp_path)
        else:  # as students do it
            env = os.environ | {"PYTHONPATH": str(ROOT)}
            result = python("-m", "byhand", *command, cwd=tmp_path, env=env)
        assert path.read_text("utf8") == text, "the file was changed"
        assert "Traceback" not in result.said
        return result

    return run


def test_all_is_well(validate):
    result = validate(notebook(), code=None)
    assert result.returncode == 0, result.stdout
    assert "passes  twice_test (2 points)" in result.stdout
    assert "passes  net_test (1.5 points)" in result.stdout
    assert "2 of 2 tests pass that you can see here." in result.stdout
    assert "The file is fit to be handed in." in result.stdout
    assert "hidden_test" not in result.stdout
    assert result.stderr == ""


def test_what_is_wrong_or_missing(validate):
    wrong, stub = (
        "def twice(x):\n    return x**3",
        "class Net:\n"
        + "    ".join(["", "def __init__(self):\n", "    raise NotImplementedError"]),
    )
    result = validate(notebook(wrong, stub))
    assert result.returncode == 1
    assert "FAILS   twice_test (2 points)\n" in result.stdout
    assert "twice(2) is wrong. It is squared?" in result.stdout
    assert "FAILS   net_test (1.5 points)\n          NotImplementedError" in (
        result.stdout
    )
    assert "0 of 2 tests pass" in result.stdout
    assert "Not written yet:\n  - Net.__init__\n" in result.stdout
    assert "in order, but not all is written yet (1)" in result.stdout
    assert "Not written yet:\n  - twice\n" in (
        validate(notebook(STUB), code=LOOK).stdout
    )


def test_banned_calls(validate):
    code = "from torch import relu as r\n\n\ndef twice(x):\n    return r(x) + x"
    result = validate(notebook(code), code=LOOK)
    assert "Worth a look: not allowed in this homework" in result.stdout
    assert "):\n  - torch.relu (twice, line 1)" in result.stdout
    assert "fit to be handed in" in result.stdout  # it matters where it is called


def test_names_that_the_homework_itself_imports(validate):
    """As `torch`, `nn` and `F`, which stand in a cell that is given."""
    content = notebook("def twice(x):\n    return t.relu(x) + x")
    content["cells"][0]["source"] = "import torch as t\nfrom torch import relu"
    result = validate(content, code=LOOK)
    assert "):\n  - torch.relu (twice, line 2)\n" in result.stdout


def test_methods_of_tensors_are_pointed_out(validate):
    content = notebook("def twice(x):\n    return x.relu() + x")
    content["metadata"]["byhand"] = RULES | {"banned": ["torch.Tensor.relu"]}
    result = validate(content, code=LOOK)
    assert "called on a tensor:\n  - .relu (twice, line 2)\n" in result.stdout
    assert "fit to be handed in" in result.stdout  # it may be a method of their own


def test_a_notebook_does_not_validate_itself(validate):
    command = f"!{sys.executable} -m byhand validate hw9_try.ipynb"
    result = validate(notebook(SOLVED, "class Net:\n    pass", cell(command)))
    assert result.returncode == 0
    assert "2 of 2 tests pass" in result.stdout


def test_the_file_is_not_as_it_must_be(validate):
    content = notebook()
    del content["cells"][2]
    content["cells"].append(content["cells"][1])
    content["cells"][3]["metadata"]["nbgrader"]["checksum"] = "of the cell given out"
    content["cells"][3]["metadata"]["nbgrader"]["locked"] = True
    content["cells"][3]["metadata"]["nbgrader"]["solution"] = False
    content["cells"].append(cell("if True print(1)"))
    result = validate(content, "my homework.ipynb", code=LOOK)
    assert result.returncode == 1
    for words in (
        "The file must be called hw9_try.ipynb.",
        "The cell twice_test is missing: was it deleted?",
        "The cell twice is there 2 times.",
        "The cell net was changed; the grader uses it as it was given.",
        "This is not Python: cell 7 (if True print(1)), line 1",
    ):
        assert words in result.stdout


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("while True:\n    pass", "own-1 took longer than 3 s"),
        ("import os\n\nos._exit(1)", "The kernel died in own-1: a crash"),
    ],
)
def test_it_does_not_hang_or_break(validate, code, words):
    bad = cell(code, "own-1", "solution")
    result = validate(notebook(SOLVED, "class Net:\n    pass", bad), "hw9_try.ipynb",
                      "--seconds", "3")  # fmt: skip
    assert result.returncode == 1
    assert words in result.stdout
    assert "passes  twice_test" in result.stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not a notebook"),
        ('{"cells": [', "is not a notebook"),
        ('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
         "is not a homework: it has lost the marks"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(validate, content, words):
    result = validate(content)
    assert result.returncode == 2
    assert words in result.stderr


def test_no_such_file(forks):
    result = forks.run(MAIN, "validate", "nowhere.ipynb")
    assert result.returncode == 2
    assert "There is no file nowhere.ipynb." in result.stderr


def test_what_is_released_says_what_belongs_to_it():
    for path in ROOT.glob("assignments/*/*.ipynb"):
        content = json.loads(path.read_text("utf8"))
        rules = content["metadata"]["byhand"]
        entries = [c["metadata"].get("nbgrader") for c in content["cells"]]
        assert rules["name"] == path.stem
        assert rules["cells"] == [entry["grade_id"] for entry in entries if entry]
        graded = any(
            entry and entry["grade"] and not entry["solution"] for entry in entries
        )
        assert bool(rules.get("banned")) == graded  # the project is marked by hand
