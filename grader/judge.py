"""Judge one submission: its cells run in a room, the tests here, and only data crosses.

The tests are plain Python. A name that a test does not bind itself stands for what the
student's cells have defined (`grader.proxy`). A test earns its points by ending without
an exception.
"""

import ast
import builtins
import contextlib
import hashlib
import io
import os
import socket
import symtable
import time
from dataclasses import dataclass, field
from functools import lru_cache

import nbformat
import torch
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from byhand import banned
from grader import wire
from grader.outputs import MAX_SHOWN, keep
from grader.proxy import Line
from grader.sandbox import RoomProcess, Sandbox
from grader.sheet import Sheet

MAX_RESTARTS = 3  # after a cell has ended the student's process


@dataclass
class Verdict:
    """What the judge found.

    Args:
        failed: for each test that earned nothing, the words for the student.
        notes: what the instructor should know.
        seconds: CPU time of the student's room and of the tests.
    """

    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def judge(
    notebook: NotebookNode, sheet: Sheet, student: str, sandbox: Sandbox
) -> Verdict:
    """Run a repaired submission; its cells get the outputs, tests only of the judge.

    Where there are no tests, nothing is run: people mark what was handed in.
    """
    verdict = Verdict()
    if not sheet.tests:
        verdict.notes.append("nothing was run: outputs are as they were handed in")
        return verdict
    forbidden = _forbidden(notebook, sheet)
    before = time.process_time()
    with _Session(sheet, student, sandbox) as session:
        for place, cell in enumerate(notebook.cells, start=1):
            if cell.cell_type != "code":
                continue
            cell.outputs, cell.execution_count = [], None
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            registered = sheet[name] if name else None
            if registered and registered.kind == "test":
                error = forbidden.get(name) or session.test(registered)
                if error:
                    cell.outputs = [_error_output(error)]
                    verdict.failed[name] = error["words"] or error["type"]
            elif cell.source.strip():
                cell.outputs = session.run(name or f"cell {place}", cell.source)
    verdict.notes = session.notes
    verdict.seconds = {
        "room": session.room_seconds,
        "judge": time.process_time() - before,
    }
    return verdict


class _Session:
    """The room of one submission, started again when a cell has ended it."""

    def __init__(self, sheet: Sheet, student: str, sandbox: Sandbox):
        self.sheet, self.student, self.sandbox = sheet, student, sandbox
        self.limits = sheet.limits
        self.deadline = time.monotonic() + self.limits.total
        self.process: RoomProcess | None = None
        self.done: list[tuple[str, str]] = []  # cells to run again after a restart
        self.restarts = 0
        self.notes: list[str] = []
        self.room_seconds = 0.0
        self.left = MAX_SHOWN

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()

    def run(self, label: str, source: str) -> list[NotebookNode]:
        """Run a cell of the student's; its outputs."""
        try:
            answer = self._run(label, source)
            self.done.append((label, source))
        except _Lost as lost:
            self._note(f"{label}: {lost}")
            return [_error_output({"type": "", "words": str(lost), "lines": []})]
        found, self.left = keep(answer.get("outputs"), self.left)
        if type(answer.get("error")) is dict:
            found.append(_error_output(answer["error"]))
        return found

    def test(self, cell) -> dict | None:
        """Run a test against a snapshot of the room; its error, or None."""
        try:
            line, ours = self._snapshot()
        except _Lost as lost:
            return {"type": "", "words": str(lost), "lines": []}
        try:
            return _run_test(cell, line, f"{self.sheet.homework}/{self.student}")
        finally:
            ours.close()
            with contextlib.suppress(_Lost):
                self._ask({"do": "end"}, 10)

    def _run(self, label: str, source: str):
        self._start()
        seconds = self.limits.cell
        request = {"do": "run", "label": label, "source": source, "seconds": seconds}
        return self._ask(request, seconds + 5)

    def _snapshot(self) -> tuple[Line, socket.socket]:
        self._start()
        ours, theirs = socket.socketpair()
        request = {"do": "snapshot", "seconds": self.limits.cell}
        with theirs:
            try:
                wire.send(self.process.connection, wire.pack(request))
                socket.send_fds(self.process.connection, [b"x"], [theirs.fileno()])
            except (wire.WireError, OSError) as error:
                ours.close()
                raise self._lost(str(error)) from None
        return Line(ours, self.limits.cell, self.deadline), ours

    def _ask(self, request: dict, seconds: float):
        deadline = min(time.monotonic() + seconds, self.deadline)
        try:
            self.process.connection.settimeout(seconds)
            wire.send(self.process.connection, wire.pack(request))
            answer = wire.receive(self.process.connection, deadline)
        except TimeoutError:
            over = time.monotonic() >= self.deadline
            raise self._lost("the whole took too long" if over else "time") from None
        except wire.WireError as error:
            raise self._lost(str(error)) from None
        if type(answer) is not dict:
            raise self._lost("it gave a malformed answer")
        return answer

    def _start(self) -> None:
        """See that there is a room, in which the cells so far have run."""
        while not self.process:
            if time.monotonic() >= self.deadline:
                total = f"{self.limits.total:g}"
                raise _Lost(
                    f"The {total} s for the whole notebook were over before this."
                )
            if self.restarts > MAX_RESTARTS:
                raise _Lost("This was not run: the notebook's process ended too often.")
            self.restarts += 1
            seed = _number(f"{self.sheet.homework}/{self.student}")
            self.process = self.sandbox.room(self.limits, seed)
            for cell in self.done:
                try:
                    self._run(*cell)
                except (
                    _Lost
                ) as lost:  # it has ended this room as well: without it, then
                    self.done.remove(cell)
                    self._note(f"{cell[0]}, when it was run again: {lost}")
                    break

    def _lost(self, why: str) -> "_Lost":
        ended = self._end()
        words = {
            "memory": f"more than {self.limits.memory:,} MB of memory were used",
            "time": f"more than {self.limits.total:g} s were used in all",
        }.get(ended.why)
        if not words and why == "time":
            words = f"it took more than {self.limits.cell:g} s and could not be stopped"
        # let go of, but not by then to be killed: it was ending by itself
        by_itself = ended.why == "" or (ended.why == "let go" and ended.exit != -9)
        if not words and by_itself:
            code = ended.exit
            words = f"signal {-code}" if code < 0 else f"exit code {code}"
        return _Lost(f"The notebook's process ended here: {words or why}.")

    def _end(self):
        if not self.process:
            return None
        ended = self.process.end()
        self.process = None
        self.room_seconds += ended.cpu
        return ended

    def _note(self, words: str) -> None:
        if len(self.notes) < 20:
            self.notes.append(words)


class _Lost(Exception):
    """There is no room any more; the message says why."""


def _run_test(cell, line: Line, seed: str) -> dict | None:
    """The error that a test ended with, as text; None if it passed."""
    before = os.environ.get("BYHAND_SEED")
    os.environ["BYHAND_SEED"] = seed
    torch.manual_seed(_number(f"{seed}/{cell.name}"))
    try:
        tree = _parse(cell.source)
        names = line.names(free_names(cell.source))
        names |= {"__name__": "__main__", "__builtins__": builtins}
        with (
            torch.enable_grad(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            exec(compile(tree, f"<{cell.name}>", "exec"), names)
        return None
    except Exception as error:
        words = str(error)
        kind = type(error).__name__
        lines = getattr(error, "students_lines", [])
        if not words and isinstance(error, AssertionError):
            words = "The test failed."
        return {"type": kind, "words": words[:2000], "lines": lines}
    finally:
        if before is None:
            os.environ.pop("BYHAND_SEED")
        else:
            os.environ["BYHAND_SEED"] = before


@lru_cache(4096)
def free_names(source: str) -> list[str]:
    """The names that a cell uses and does not bind itself, but for built-in ones."""
    try:
        table = symtable.symtable(_plain_python(source), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    used, waiting = set(), [table]
    while waiting:
        scope = waiting.pop()
        waiting += scope.get_children()
        used |= {s.get_name() for s in scope.get_symbols() if _is_global(s, scope)}
    return sorted(used - bound_names(source) - set(dir(builtins)))


def bound_names(source: str) -> set[str]:
    """The names that a cell binds: by assignment, def, class, import, for, …"""
    try:
        table = symtable.symtable(_plain_python(source), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found = {s.get_name() for s in table.get_symbols() if _is_bound(s)}
    return found


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported()


def _is_global(symbol: symtable.Symbol, scope: symtable.SymbolTable) -> bool:
    top = scope.get_type() == "module"
    return symbol.is_referenced() and (top or symbol.is_global())


@lru_cache(4096)
def _plain_python(source: str) -> str:
    """A cell without IPython's own syntax."""
    try:
        ast.parse(source)
        return source
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return TransformerManager().transform_cell(source)


def _parse(source: str) -> ast.Module:
    return ast.parse(_plain_python(source))


def _forbidden(notebook: NotebookNode, sheet: Sheet) -> dict[str, dict]:
    """For each test, the forbidden call in the code that it is about, if any."""
    if not sheet.banned:
        return {}
    known: dict[str, str] = {}
    parts = []  # (names bound, names used, uses that are forbidden, cell)
    hidden = None  # what keeps this notebook from being read at all
    for place, cell in enumerate(notebook.cells, start=1):
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        registered = sheet[name] if name else None
        if cell.cell_type != "code" or (registered and registered.kind == "test"):
            continue
        label = name or f"cell {place}"
        bound, used, found = set(), set(), []
        try:
            for text in banned.parts(cell.source):
                tree = ast.parse(text)
                found += banned.uses(tree, list(sheet.banned), known)
                found_here = banned.tricks(tree, known)
                if found_here and not (registered and registered.kind == "given"):
                    hidden = hidden or (label, found_here[0])
                bound |= bound_names(text)
                used |= set(free_names(text))
        except (ValueError, RecursionError, MemoryError):
            hidden = hidden or (label, banned.Use("what cannot be read", 1))
        if registered and registered.kind == "given":
            found = []
        parts.append((bound, used, found, label))
    if hidden:
        label, use = hidden
        words = (
            f"{label}, line {use.line}: {use.name} hides what your code calls, which is "
            "not allowed in a homework that forbids some calls."
        )
        error = {"type": "NotAllowed", "words": words, "lines": []}
        return {test.name: error for test in sheet.tests}
    errors = {}
    for test in sheet.tests:
        reached, names = set(), set(free_names(test.source))
        while True:
            more = {n for n, p in enumerate(parts) if n not in reached and p[0] & names}
            if not more:
                break
            reached |= more
            names |= set().union(*(parts[n][1] for n in more))
        for n in sorted(reached):
            _, _, found, label = parts[n]
            if found:
                use = found[0]
                words = (
                    f"{use.name} is not allowed in this exercise: {label}, "
                    f"line {use.line}."
                )
                errors[test.name] = {"type": "NotAllowed", "words": words, "lines": []}
                break
    return errors


def _error_output(error: dict) -> NotebookNode:
    kind, words, lines = wire.described(error)
    said = words if kind in ("", "AssertionError", "NotAllowed") else f"{kind}: {words}"
    return nbformat.v4.new_output(
        "error", ename=kind or "Error", evalue=words, traceback=[*lines, said]
    )


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
