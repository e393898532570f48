"""Is this homework fit to hand in? ``byhand validate hw1_backprop.ipynb``.

Runs the notebook from top to bottom in a fresh kernel, as the grader will, and says in
words which of the tests that students can see pass, what is not written yet, what is
not allowed, and whether the file is as it must be. The file itself is never changed.
"""

import ast
import hashlib
import json
import logging
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode

from byhand import banned, cells

RUNNING = "BYHAND_VALIDATING"  # set in the kernel: a notebook must not run itself
# as the grader: one thread, and shell and magic lines that stop no cell
ONE_THREAD = {RUNNING: "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
PREPARE = (
    "--IPKernelApp.exec_lines=['import byhand.shell as _shell; "
    "_shell.prepare(get_ipython()); del _shell']"
)
MAX_SLOW = 3  # cells that are stopped before it gives up
STOPPED = {"ename": "TookTooLong", "evalue": "", "traceback": []}
ANSI = re.compile(r"\x1b\[[\d;]*m")


class NotANotebook(Exception):
    """The file cannot be read; the message says why and what to do."""


@dataclass
class Report:
    """What was found.

    Args:
        tests: for each test that has something to see, its points, and what it said
            (None: it passed).
        missing: functions and classes that are not written yet.
        forbidden: calls that the homework does not allow, and where; they matter only
            where a graded function makes them.
        doubtful: the same where the name alone does not tell.
        faults: what is wrong with the file, or kept it from running to its end.
    """

    tests: dict[str, tuple[float, str | None]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def fit(self) -> bool:
        """Whether it may be handed in (which says nothing about its marks)."""
        return not self.faults

    @property
    def passed(self) -> int:
        return sum(said is None for _, said in self.tests.values())


def validate(
    path: Path,
    seconds: float = 120,
    progress: Callable[[int, int, str], None] = lambda place, total, name: None,
    result: Callable[[str, float, str | None], None] = lambda name, points, said: None,
) -> Report:
    """Run a homework and look at it.

    Args:
        path: of the notebook.
        seconds: that one cell may take.
        progress: called before each cell with its place, how many there are, its name.
        result: called after each test with its name, its points and what it said.

    Raises:
        NotANotebook: the file cannot be read.
    """
    notebook = _read(path)
    report = Report()
    _look(notebook, path, report)
    _run(notebook, path, seconds, report, progress, result)
    return report


def _read(path: Path) -> NotebookNode:
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
        if not isinstance(content, dict):
            raise ValueError("it holds no cells")
        notebook = _tidy(content)
    except FileNotFoundError:
        raise NotANotebook(f"There is no file {path}.") from None
    except OSError as error:
        raise NotANotebook(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is one, too
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise NotANotebook(
            f"{path} is not a notebook ({reason[:100]}). Save it in Jupyter or Colab as "
            ".ipynb, and hand in that file."
        ) from None
    if not any(_entry(cell) for cell in notebook.cells):
        _know_by_words(notebook)
    if not any(_entry(cell) for cell in notebook.cells):
        raise NotANotebook(
            f"{path} is not a homework: it has lost the marks by which tests are found. "
            "Copy your work into a fresh copy of the homework."
        )
    return notebook


def _tidy(content: dict[str, Any]) -> NotebookNode:
    """The notebook, whatever version or odd shape it has; nothing but what is looked at."""
    found = content.get("cells")
    if found is None:  # versions 1 to 3
        sheets = content.get("worksheets")
        sheets = [s for s in sheets if isinstance(s, dict)] if _is_list(sheets) else []
        parts = [s["cells"] for s in sheets if _is_list(s.get("cells"))]
        found = [cell for part in parts for cell in part]
    if not _is_list(found):
        raise ValueError("it holds no cells")
    rules = _dict(_dict(content.get("metadata")).get("byhand"))
    cells = [_tidy_cell(cell) for cell in found if isinstance(cell, dict)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "byhand": rules}
    return nbformat.from_dict(
        {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells}
    )


def _tidy_cell(cell: dict[str, Any]) -> dict[str, Any]:
    source = cell.get("source", cell.get("input", ""))
    if _is_list(source):
        source = "".join(part for part in source if isinstance(part, str))
    source = source.replace("\r\n", "\n") if isinstance(source, str) else ""
    source = source.encode("utf-8", "replace").decode()  # no lone surrogates
    entry = _dict(_dict(cell.get("metadata")).get("nbgrader"))
    metadata = {}
    if isinstance(entry.get("grade_id"), str):
        entry["points"] = _number(entry.get("points"))
        metadata = {"nbgrader": entry}
    if cell.get("cell_type") != "code":
        return {"cell_type": "markdown", "metadata": metadata, "source": source}
    shown: dict[str, Any] = {"outputs": [], "execution_count": None}
    return {"cell_type": "code", "metadata": metadata, "source": source} | shown


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _dict(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _number(value: object) -> float:
    """Points; what is no number counts as none."""
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if plain and math.isfinite(value) else 0.0  # type: ignore[arg-type]


TEST = re.compile(r"# (?:More t|T)ests? of .*?\((\d+(?:\.\d+)?) points?\)", re.S)


def _know_by_words(notebook: NotebookNode) -> None:
    """Tests of which a tool has dropped the entries: by the comment that they begin with."""
    for place, cell in enumerate(notebook.cells, start=1):
        found = TEST.match(cell.source.lstrip())
        if cell.cell_type == "code" and found:
            entry: dict[str, Any] = {"grade": True, "locked": True, "guessed": True}
            entry |= {"grade_id": f"cell {place}", "points": float(found[1])}
            cell.metadata["nbgrader"] = nbformat.from_dict(entry)


def _entry(cell: NotebookNode) -> dict[str, Any]:
    return cell.metadata.get("nbgrader") or {}


def _is_test(cell: NotebookNode) -> bool:
    own = _entry(cell)
    return bool(own.get("grade") and not own.get("solution")) and (
        cell.cell_type == "code"
    )


def _label(cell: NotebookNode, place: int) -> str:
    """What to call a cell: its registered name, or its number and its first line."""
    lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
    first = lines[0] if lines else ""
    first = first if len(first) <= 40 else first[:39] + "…"
    if _entry(cell) and not _entry(cell).get("guessed"):
        return str(_entry(cell)["grade_id"])
    return f"cell {place} ({first})" if first else f"cell {place}"


def _look(notebook: NotebookNode, path: Path, report: Report) -> None:
    """What can be said without running anything."""
    rules = notebook.metadata.get("byhand") or {}
    names = [_entry(c)["grade_id"] for c in notebook.cells if _entry(c)]
    guessed = any(_entry(c).get("guessed") for c in notebook.cells)
    wanted = rules.get("cells")
    wanted = [n for n in wanted if isinstance(n, str)] if _is_list(wanted) else []
    if isinstance(rules.get("name"), str) and path.stem != rules["name"]:
        report.faults.append(f"The file must be called {rules['name']}.ipynb.")
    if guessed:
        report.faults.append(
            "A program has dropped the marks of the cells. The grader knows them by what "
            "they say; to be sure, copy your work into a fresh copy of the homework."
        )
    for name in wanted:
        if name not in names and not guessed:
            report.faults.append(f"The cell {name} is missing: was it deleted?")
    for name in sorted({n for n in names if names.count(n) > 1}):
        report.faults.append(f"The cell {name} is there {names.count(name)} times.")
    written = []
    for place, cell in enumerate(notebook.cells, start=1):
        entry, where = _entry(cell), _label(cell, place)
        given = bool(entry.get("locked")) and not entry.get("solution")
        if given and _edited(cell):
            report.faults.append(
                f"The cell {where} was changed; the grader uses it as it was given."
            )
        if cell.cell_type != "code" or _is_test(cell):
            continue
        try:
            report.missing += _unwritten(cells.parse(cell.source))
        except SyntaxError as error:
            words = f"This is not Python: {where}, line {error.lineno}: {error.msg}."
            if needed := cells.newer_python(error):
                words += f" (It needs Python {needed}.)"
            report.faults.append(words)
        except cells.UNREADABLE:
            words = f"{where} is nested too deeply for Python: shorten its expressions."
            report.faults.append(words)
        else:
            written.append(banned.Written(where, cell.source, given))
    patterns = rules.get("banned")
    if (
        patterns := [p for p in patterns if isinstance(p, str)]
        if _is_list(patterns)
        else []
    ):
        for found in banned.read_cells(written, patterns, doubt=True):
            for use in found.forbidden + found.hides:
                report.forbidden.append(f"{use.name} ({found.label}, line {use.line})")
            for use in found.doubtful:
                report.doubtful.append(f"{use.name} ({found.label}, line {use.line})")


def _edited(cell: NotebookNode) -> bool:
    """Whether a locked cell differs from what was given out (nbgrader's checksum)."""
    entry = _entry(cell)
    if not isinstance(entry.get("checksum"), str):
        return False
    parts = [cell.source, cell.cell_type, str(bool(entry.get("grade")))]
    parts += [str(bool(entry.get("solution"))), "True", entry["grade_id"]]
    if entry.get("grade"):
        parts.append(str(_number(entry.get("points"))))
    return hashlib.md5("".join(parts).encode()).hexdigest() != entry["checksum"]


def _unwritten(tree: ast.Module) -> list[str]:
    """The functions, and methods as Class.method, that still raise NotImplementedError."""
    found = []

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{node.name}.")
            elif isinstance(node, ast.FunctionDef) and _is_stub(node):
                found.append(f"{prefix}{node.name}")

    visit(tree.body, "")
    return found


def _is_stub(function: ast.FunctionDef) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and node.exc is not None:
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(error, ast.Name) and error.id == "NotImplementedError":
                return True
    return False


def _run(
    notebook: NotebookNode,
    path: Path,
    seconds: float,
    report: Report,
    progress: Callable[[int, int, str], None],
    result: Callable[[str, float, str | None], None],
) -> None:
    """Run it all; what the tests say is noted as they end."""
    code = [n for n, c in enumerate(notebook.cells) if c.cell_type == "code"]
    at = {"cell": "the notebook"}
    slow: list[str] = []

    def starts(cell, cell_index):
        at["cell"] = _label(cell, cell_index + 1)
        if cell_index in code:
            progress(code.index(cell_index) + 1, len(code), at["cell"])

    def ends(cell, cell_index, execute_reply):
        stopped = _dict(execute_reply.get("content")).get("ename") == STOPPED["ename"]
        if stopped:
            slow.append(at["cell"])
            report.faults.append(
                f"{at['cell']} took longer than {seconds:g} s, and was stopped there."
            )
            if len(slow) == MAX_SLOW:
                raise _TooSlow
        tree = cells.tree(cell.source)
        if not _is_test(cell) or (tree is not None and not tree.body):
            return  # a test of which nothing is left here is hidden as a whole
        said = "TimeoutError: it took too long" if stopped else None
        for output in cell.outputs:
            if output.output_type == "error" and not stopped:
                words = ANSI.sub("", output.evalue).strip()
                said = words if output.ename == "AssertionError" else output.ename
                if output.ename != "AssertionError" and words:
                    said += f": {words}"
        points = _number(_entry(cell).get("points"))
        report.tests[at["cell"]] = (points, said)
        result(at["cell"], points, said)

    client = NotebookClient(
        notebook,
        timeout=seconds,
        kernel_name="python3",
        allow_errors=True,
        interrupt_on_timeout=True,
        error_on_timeout=STOPPED,
        extra_arguments=["--log-level=ERROR", PREPARE],
        resources={"metadata": {"path": str(path.resolve().parent)}},
        on_cell_start=starts,
        on_cell_executed=ends,
    )
    client.log.setLevel(logging.CRITICAL)  # what is to be said is said here
    try:
        # stderr: what a kernel says of itself
        client.execute(stderr=subprocess.DEVNULL, env=os.environ | ONE_THREAD)
    except _TooSlow:
        report.faults.append(
            f"{MAX_SLOW} cells took too long: what comes after {at['cell']} was not run."
        )
    except DeadKernelError:
        report.faults.append(
            f"The kernel died in {at['cell']}: a crash, or out of memory."
        )


class _TooSlow(Exception):
    """So many cells were stopped that the rest would only wait."""


def main(path: Path, seconds: float) -> int:
    """Validate, and print it all; 0 if the file is fit to hand in and all tests pass."""
    screen = sys.stderr.isatty()

    def progress(place: int, total: int, name: str) -> None:
        if screen:
            print(f"\r\x1b[Krunning {place}/{total}: {name}", end="", file=sys.stderr)

    def result(name: str, points: float, said: str | None) -> None:
        progress_done()
        mark = "passes" if said is None else "FAILS "
        unit = "point" if points == 1 else "points"
        print(f"  {mark}  {name} ({points:g} {unit})", flush=True)
        if said:
            first, *rest = said.strip().splitlines()
            print("          " + first[:300], *(rest and ["…"]), flush=True)

    def progress_done() -> None:
        if screen:
            print("\r\x1b[K", end="", file=sys.stderr)

    if RUNNING in os.environ:
        print("This notebook is being validated now. Validate it in a terminal, not in "
              "one of its own cells.", file=sys.stderr)  # fmt: skip
        return 2
    print(f"Running {path} from top to bottom in a fresh kernel …", flush=True)
    try:
        report = validate(path, seconds, progress, result)
    except NotANotebook as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        progress_done()
    print(f"\n{report.passed} of {len(report.tests)} tests pass that you can see here.")
    _list("To be put right before you hand in", report.faults)
    _list(
        "Worth a look: not allowed in this homework (it costs the points of the exercises "
        "whose functions really call it)",
        report.forbidden,
    )
    _list("Not allowed where it is called on a tensor", report.doubtful)
    _list("Not written yet", report.missing)
    if report.fit:
        done = "The file is fit to be handed in."
        if report.missing:
            done = f"The file is in order, but not all is written yet ({len(report.missing)})."
        print(done, "Hidden tests measure more than the tests above.")
    return 0 if report.fit and report.passed == len(report.tests) else 1


def _list(title: str, lines: list[str]) -> None:
    if lines:
        print(f"{title}:")
        for line in lines:
            print(f"  - {line}")
