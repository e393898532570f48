"""The instructor's commands: what they say, and that a mistake is answered in words."""

import json
from pathlib import Path

import nbformat
import pytest

from grader import __main__ as command_line
from grader.commands import sentence
from grader.course.course import Course
from grader.course.release import release
from grader.errors import CourseError, NotReleased
from grader.outcome import FAILED, Outcome, Status
from grader.records import sheets
from grader.records.sheets import load_sheet
from grader.wire.messages import Limits
from tests.support.course_folder import hand_in

HW = "hw0_tensors"
SENTENCES = {
    Outcome("ada", Status.COLLECTED): "collected",
    Outcome("ada", Status.COLLECTED, note="it was named x.ipynb"): (
        "collected (it was named x.ipynb)"
    ),
    Outcome("ada", Status.REPLACED, earlier=Path("/c/earlier/ada")): (
        "replaced; the earlier one is kept in /c/earlier/ada"
    ),
    Outcome("ada", Status.UNCHANGED, note="late"): "unchanged (late)",
    Outcome("ada", Status.ABSENT, note="on the list"): "0 points: on the list",
    Outcome("ada", Status.NOT_COLLECTED, reason="it is a link"): (
        "NOT COLLECTED: it is a link"
    ),
    Outcome("ada", Status.GRADED, 7.5, 10): "7.5 of 10",
    Outcome("ada", Status.GRADED, 0.0, 100, by_hand=7): (
        "0 of 100; 7 parts are marked by hand"
    ),
    Outcome("ada", Status.GRADED, 10, 10, repaired=2): "10 of 10 (put right: 2)",
    Outcome("ada", Status.GRADED_BEFORE, 3, 10): "3 of 10 (graded before)",
    Outcome("ada", Status.NO_FEEDBACK, 3, 10, reason="odd text"): (
        "3 of 10, but NO FEEDBACK: odd text"
    ),
    Outcome("ada", Status.NOT_GRADED, reason="the file is empty"): (
        "NOT GRADED: the file is empty"
    ),
}


@pytest.mark.parametrize("outcome", SENTENCES, ids=lambda outcome: outcome.status.name)
def test_an_outcome_in_words(outcome):
    assert sentence(outcome) == SENTENCES[outcome]
    assert (
        outcome.ok == (outcome.status not in FAILED) == ("NO" not in sentence(outcome))
    )


def test_there_are_words_for_each_status():
    assert {outcome.status for outcome in SENTENCES} == set(Status)


# What the author of a homework may have typed


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    """A course in whose gradebook one homework is."""
    course = Course(tmp_path_factory.mktemp("private") / "course")
    release(course, HW, tmp_path_factory.mktemp("released"))
    return course


@pytest.fixture
def written(course, monkeypatch, tmp_path):
    """Put metadata into a homework's source notebook, or whatever there is."""

    def write(metadata) -> None:
        path = tmp_path / "solutions" / HW / f"{HW}.ipynb"
        path.parent.mkdir(parents=True)
        notebook = nbformat.v4.new_notebook(metadata=metadata)
        path.write_text(nbformat.writes(notebook))
        monkeypatch.setattr(course, "root", tmp_path)

    monkeypatch.delenv(sheets.LIMITS, raising=False)
    return write


@pytest.mark.parametrize(
    ("metadata", "banned", "limits"),
    [
        ({}, (), Limits()),
        ({"byhand": {}}, (), Limits()),
        ({"byhand": {"banned": ["torch.nn", ".backward"]}}, ("torch.nn", ".backward"), Limits()),
        ({"byhand": {"limits": {"cell": 60}}}, (), Limits(cell=60)),
        ({"byhand": {"name": HW, "cells": ["setup"]}}, (), Limits()),
    ],
)  # fmt: skip
def test_rules(course, written, metadata, banned, limits):
    written(metadata)
    sheet = load_sheet(course, HW)
    assert (sheet.banned, sheet.limits) == (banned, limits)
    assert len(sheet.tests) > 5


WHERE = f"solutions/{HW}/{HW}.ipynb, metadata, byhand"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"limit": {}}, f"{WHERE}: there are banned, operators and limits, not limit."),
        ({"Banned": [], "limits": {}}, f"{WHERE}: there are banned, operators and limits, not Banned."),
        ({"limits": {"cells": 30}}, f"{WHERE}.limits: there is no limit 'cells'; there are "
                                    "cell, total, memory, processes, files."),
        ({"limits": {"cell": "30"}}, f"{WHERE}.limits: the limit cell is a number above 0, "
                                     "not '30'."),
        ({"limits": {"memory": 0.5}}, f"{WHERE}.limits: the limit memory is a whole number "
                                      "above 0, not 0.5."),
        ({"limits": 30}, f'{WHERE}.limits: limits are a mapping such as {{"cell": 60}}, '
                         "not 30."),
        ({"limits": None}, f'{WHERE}.limits: limits are a mapping such as {{"cell": 60}}, '
                           "not None."),
        *(
            (
                {"banned": value},
                f'{WHERE}.banned: a list of names such as "torch.nn" or ".backward", '
                f"not {value!r}.",
            )
            for value in ("torch.nn", {"torch.nn": 1}, [1], ["torch nn"], ["torch..nn"],
                          ["torch."], [""], None)
        ),
    ],
)  # fmt: skip
def test_rules_that_make_no_sense(course, written, rules, words):
    written({"byhand": rules})
    with pytest.raises(CourseError) as error:
        load_sheet(course, HW)
    assert str(error.value) == words


@pytest.mark.parametrize("rules", [["banned"], "banned", 7, None], ids=repr)
def test_rules_that_are_none(course, written, rules):
    written({"byhand": rules})
    with pytest.raises(CourseError) as error:
        load_sheet(course, HW)
    assert (
        str(error.value)
        == f"{WHERE}: a mapping of banned, operators and limits, not {rules!r}."
    )


def test_limits_for_a_trial(course, written, monkeypatch):
    written({"byhand": {"limits": {"cell": 60, "total": 99}}})
    monkeypatch.setenv("BYHAND_LIMITS", '{"cell": 5, "memory": 100}')
    assert load_sheet(course, HW).limits == Limits(cell=5, total=99, memory=100)
    monkeypatch.setenv("BYHAND_LIMITS", "")
    assert load_sheet(course, HW).limits == Limits(cell=60, total=99)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "{",
            r"BYHAND_LIMITS is JSON such as \{\"cell\": 60\}; '\{' is not \(Expecting",
        ),
        ("cell=5", "BYHAND_LIMITS is JSON such as .*; 'cell=5' is not"),
        ("5", "BYHAND_LIMITS: limits are a mapping such as .*, not 5"),
        (
            '{"cells": 5}',
            "BYHAND_LIMITS: there is no limit 'cells'; there are cell, total",
        ),
        (
            '{"cell": true}',
            "BYHAND_LIMITS: the limit cell is a number above 0, not True",
        ),
        ('{"cell": NaN}', "BYHAND_LIMITS: the limit cell is a number above 0, not nan"),
    ],
)
def test_limits_that_are_none(course, written, monkeypatch, text, words):
    written({})
    monkeypatch.setenv("BYHAND_LIMITS", text)
    with pytest.raises(CourseError, match=words):
        load_sheet(course, HW)


def test_a_homework_that_is_not_in_the_gradebook(course):
    with pytest.raises(NotReleased, match="hw1_backprop is not in the gradebook yet"):
        load_sheet(course, "hw1_backprop")


# And what reaches the instructor


@pytest.fixture
def run(monkeypatch, capsys, course):
    """A command's exit status, and what it has printed, without an engine."""
    monkeypatch.setattr(command_line, "_early_engine", lambda options: None)

    def run(*command: str) -> tuple[int, str, str]:
        status = command_line.main(["--course", str(course.folder), *command])
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return status, said.out, said.err

    return run


def test_a_mistake_in_the_rules_is_printed(course, run, monkeypatch):
    if not course.students(HW):
        hand_in(course.folder, HW, "ada", json.dumps({"cells": []}))
    monkeypatch.setenv("BYHAND_LIMITS", '{"cells": 5}')
    status, said, error = run("grade", HW)
    assert status == 2 and said == ""
    assert error.startswith("BYHAND_LIMITS: there is no limit 'cells'; there are cell,")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("grade", "hw99"), "There is no homework 'hw99': choose from hw0_tensors, "),
        (("grade", "hw"), "There is no homework 'hw': choose from hw0_tensors, "),
        (("collect", "hw0"), "Say where from: a folder, or --from-exchange FOLDER."),
        (
            ("collect", "hw0", "/no/such"),
            "There is no folder /no/such to collect from.",
        ),
        (("grade", "hw2"), "No submissions of hw2_cnn in "),
        (("grade", "hw0", "--engine", "dask"), "--engine dask goes with --scheduler"),
        (
            ("grade", "hw0", "--scheduler", "tcp://x:1"),
            "--scheduler goes with --engine",
        ),
    ],
    ids=" ".join,
)
def test_a_mistake_on_the_command_line(run, command, words):
    status, _, error = run(*command)
    assert status == 2 and error.startswith(words)


@pytest.mark.parametrize(
    "command", [(), ("mark",), ("grade",), ("grade", "hw0", "--jobs", "x")]
)
def test_what_is_no_command(run, command, capsys):
    with pytest.raises(SystemExit) as end:
        run(*command)
    assert end.value.code == 2 and "usage: grader" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyboardInterrupt(), "Stopped. What is done stays"),
        (OSError(28, "No space left on device"), "No space left on device.\nWhat is done stays"),
        (CourseError("Mend it."), "Mend it."),
    ],
    ids=repr,
)  # fmt: skip
def test_what_ends_a_run(run, monkeypatch, error, words):
    def end(*_):
        raise error

    monkeypatch.setitem(command_line._commands().VERBS, "export", end)
    status, _, said = run("export")
    assert status == 2 and words in said
