"""A homework's sheet, from where it is kept: nbgrader's gradebook and the source notebook.

Tests, points and order come from the gradebook, where the release put them, never from
a submission; forbidden calls and limits from the metadata of the source notebook::

    "byhand": {"banned": ["torch.nn"], "operators": ["relu"], "limits": {"cell": 30}}

The environment variable BYHAND_LIMITS, in JSON too, overrides limits for a trial.
"""

import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import MissingEntry

from grader.course import files
from grader.course.course import Course
from grader.course.release import register
from grader.errors import CourseError, NotReleased
from grader.notebook.sheet import Kind, Sheet, SheetCell
from grader.wire.messages import Limits

LIMITS = "BYHAND_LIMITS"
RULES = ("banned", "operators", "limits")
NOTED = ("name", "cells")  # by the release, for `byhand validate`
PATTERN = re.compile(r"\.?[^\W\d]\w*(\.[^\W\d]\w*)*")


def current_sheet(course: Course, homework: str) -> Sheet:
    """The homework's sheet; its tests are noted in the gradebook if they are new.

    Raises:
        CourseError: the gradebook cannot be used, or the homework's rules make no sense.
    """
    course.gradebook().close()  # or it is said why it cannot be used
    mark = course.folder / "verdicts" / homework / "registered"
    gradebook = course.nbgrader.db_url.encode()
    now = hashlib.sha256(course.source(homework).read_bytes() + gradebook).hexdigest()
    before = mark.read_text() if mark.exists() else ""
    try:
        if before == now:
            return load_sheet(course, homework)
    except NotReleased:
        pass  # it is empty, or another than before
    register(course, homework)
    files.write(mark, now)
    return load_sheet(course, homework)


def sheet_to_come(course: Course, homework: str) -> Sheet:
    """The homework's sheet as a release would make it; the gradebook knows nothing of it.

    Raises:
        CourseError: nbgrader cannot make it, or the homework's rules make no sense.
    """
    with files.scratch(course.folder) as folder:
        trial = Course(folder)
        trial.nbgrader.db_url = f"sqlite:///{folder / 'gradebook.db'}"
        register(trial, homework)
        return replace(load_sheet(trial, homework), salt=course.secret())


def load_sheet(course: Course, homework: str) -> Sheet:
    """The sheet of a homework that has been released (or registered).

    Raises:
        NotReleased: it has not.
        CourseError: the homework's rules make no sense; the message says which.
    """
    with course.gradebook() as gradebook:
        try:
            notebook = gradebook.find_notebook(homework, homework)
        except MissingEntry:
            raise NotReleased(
                f"{homework} is not in the gradebook yet: release it first."
            ) from None
        graded = {cell.name: cell.max_score for cell in notebook.grade_cells}
        solved = {cell.name for cell in notebook.solution_cells}
        tasks = {cell.name: cell.max_score for cell in notebook.task_cells}
        cells = []
        for cell in notebook.source_cells:
            kind: Kind = "given"
            if cell.name in graded:
                kind = "manual" if cell.name in solved else "test"
            elif cell.name in tasks:
                kind = "task"
            elif cell.name in solved:
                kind = "solution"
            points = graded.get(cell.name, tasks.get(cell.name))
            cells.append(
                SheetCell(
                    name=cell.name,
                    kind=kind,
                    cell_type=str(cell.cell_type),
                    source=cell.source,
                    checksum=cell.checksum,
                    locked=bool(cell.locked),
                    points=points,
                )
            )
    rules, order = _rules(course.source(homework), course.root)
    cells.sort(key=lambda cell: order.get(cell.name, len(order)))
    others = _others(course.source(homework))
    salt = course.secret()
    return Sheet(homework, tuple(cells), **rules, salt=salt, others=others)


def _others(path: Path) -> tuple[str, ...]:
    """The texts of the cells that are not registered, as students get them."""
    if not path.exists():
        return ()
    cells = nbformat.read(path, 4).cells
    return tuple(c.source for c in cells if not c.metadata.get("nbgrader"))


def _rules(path: Path, root: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """What the source notebook forbids, its limits; and the places of its cells."""
    rules: dict[str, Any] = {}
    order: dict[str, int] = {}
    if path.exists():
        notebook = nbformat.read(path, 4)
        names = [c.metadata.get("nbgrader", {}).get("grade_id") for c in notebook.cells]
        order = {name: place for place, name in enumerate(names) if name}
        rules = notebook.metadata.get("byhand", {})
    where = f"{path.relative_to(root)}, metadata, byhand"
    known = f"{', '.join(RULES[:-1])} and {RULES[-1]}"
    if not isinstance(rules, dict):
        raise CourseError(f"{where}: a mapping of {known}, not {rules!r}.")
    if odd := sorted(set(rules) - {*RULES, *NOTED}):
        raise CourseError(f"{where}: there are {known}, not {', '.join(odd)}.")
    for key, such in (("banned", '"torch.nn" or ".backward"'), ("operators", '"relu"')):
        names = rules.get(key, [])
        if not isinstance(names, list) or not all(
            isinstance(name, str) and PATTERN.fullmatch(name) for name in names
        ):
            raise CourseError(
                f"{where}.{key}: a list of names such as {such}, not {names!r}."
            )
    limits = _tried(_limits(rules.get("limits", {}), f"{where}.limits"))
    found = {key: tuple(rules.get(key, ())) for key in ("banned", "operators")}
    return found | {"limits": limits}, order


def _limits(values: object, where: str) -> Limits:
    try:
        return Limits.parse(values)
    except ValueError as error:
        raise CourseError(f"{where}: {error}.") from None


def _tried(limits: Limits) -> Limits:
    """The same with what the environment says for a trial."""
    text = os.environ.get(LIMITS)
    if not text:
        return limits
    try:
        values = json.loads(text)
    except ValueError as error:
        raise CourseError(
            f'{LIMITS} is JSON such as {{"cell": 60}}; {text!r} is not ({error}).'
        ) from None
    _limits(values, LIMITS)
    return Limits.parse(vars(limits) | values)
