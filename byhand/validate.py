"""Is this homework fit to hand in? ``byhand validate hw1_backprop.ipynb``.

Runs the notebook from top to bottom in a fresh kernel, as the grader will, and says in
words which of the tests that students can see pass, what is not written yet, what is
not allowed, and whether the file is as it must be. The file itself is never changed.
"""

import ast
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from byhand import banned, cells

RUNNING = "BYHAND_VALIDATING"  # set in the kernel: a notebook must not run itself
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
        notebook = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise NotANotebook(f"There is no file {path}.") from None
    except OSError as error:
        raise NotANotebook(f"{path} cannot be read: {error.strerror}.") from None
    except Exception as error:  # nbformat raises whatever malformed JSON leads to
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise NotANotebook(
            f"{path} is not a notebook ({reason[:100]}). Save it in Jupyter or Colab as "
            ".ipynb, and hand in that file."
        ) from None
    if not any("nbgrader" in cell.metadata for cell in notebook.cells):
        raise NotANotebook(
            f"{path} is not a homework: it has lost the marks by which tests are found. "
            "Copy your work into a fresh copy of the homework."
        )
    return notebook


def _entry(cell: NotebookNode) -> dict[str, Any]:
    return cell.metadata.get("nbgrader") or {}


def _is_test(cell: NotebookNode) -> bool:
    return bool(_entry(cell).get("grade")) and cell.cell_type == "code"


def _look(notebook: NotebookNode, path: Path, report: Report) -> None:
    """What can be said without running anything."""
    rules = notebook.metadata.get("byhand") or {}
    names = [_entry(c)["grade_id"] for c in notebook.cells if _entry(c).get("grade_id")]
    wanted = list(rules.get("cells", ()))
    if rules.get("name") and path.stem != rules["name"]:
        report.faults.append(f"The file must be called {rules['name']}.ipynb.")
    for name in wanted:
        if name not in names:
            report.faults.append(f"The cell {name} is missing: was it deleted?")
    for name in sorted({n for n in names if names.count(n) > 1}):
        report.faults.append(f"The cell {name} is there {names.count(name)} times.")
    written = []
    for place, cell in enumerate(notebook.cells, start=1):
        entry, name = _entry(cell), _entry(cell).get("grade_id")
        given = bool(entry.get("locked")) and not entry.get("solution")
        if given and _edited(cell):
            report.faults.append(
                f"The cell {name} was changed; the grader uses it as it was given."
            )
        if cell.cell_type != "code" or entry.get("grade"):
            continue
        where = name or f"cell {place}"
        try:
            report.missing += _unwritten(cells.parse(cell.source))
        except SyntaxError as error:
            words = f"This is not Python: {where}, line {error.lineno}: {error.msg}."
            report.faults.append(words)
        except cells.UNREADABLE:
            words = f"{where} is nested too deeply for Python: shorten its expressions."
            report.faults.append(words)
        else:
            written.append(banned.Written(where, cell.source, given))
    if patterns := rules.get("banned"):
        for found in banned.read_cells(written, patterns, doubt=True):
            for use in found.forbidden + found.hides:
                report.forbidden.append(f"{use.name} ({found.label}, line {use.line})")
            for use in found.doubtful:
                report.doubtful.append(f"{use.name} ({found.label}, line {use.line})")


def _edited(cell: NotebookNode) -> bool:
    """Whether a locked cell differs from what was given out (nbgrader's checksum)."""
    entry = _entry(cell)
    if not entry.get("checksum"):
        return False
    parts = [cell.source, cell.cell_type, str(bool(entry.get("grade")))]
    parts += [str(bool(entry.get("solution"))), "True", entry["grade_id"]]
    if entry.get("grade"):
        parts.append(str(float(entry["points"])))
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

    def starts(cell, cell_index):
        at["cell"] = _entry(cell).get("grade_id") or f"cell {cell_index + 1}"
        if cell_index in code:
            progress(code.index(cell_index) + 1, len(code), at["cell"])

    def ends(cell, cell_index, execute_reply):
        tree = cells.tree(cell.source)
        if not _is_test(cell) or (tree is not None and not tree.body):
            return  # a test of which nothing is left here is hidden as a whole
        said = None
        for output in cell.outputs:
            if output.output_type == "error":
                words = ANSI.sub("", output.evalue).strip()
                said = words if output.ename == "AssertionError" else output.ename
                if output.ename != "AssertionError" and words:
                    said += f": {words}"
        points = float(_entry(cell).get("points", 0))
        report.tests[at["cell"]] = (points, said)
        result(at["cell"], points, said)

    client = NotebookClient(
        notebook,
        timeout=seconds,
        kernel_name="python3",
        allow_errors=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.resolve().parent)}},
        on_cell_start=starts,
        on_cell_executed=ends,
    )
    try:
        # stderr: what a kernel says of itself
        client.execute(stderr=subprocess.DEVNULL, env=os.environ | {RUNNING: "1"})
    except CellTimeoutError:
        report.faults.append(
            f"{at['cell']} took longer than {seconds:g} s, and was stopped there."
        )
    except DeadKernelError:
        report.faults.append(
            f"The kernel died in {at['cell']}: a crash, or out of memory."
        )


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
