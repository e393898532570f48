"""Judge one submission: its cells run in a room, the tests here, and only data crosses.

The tests are plain Python. A name that a test does not bind itself stands for what the
student's cells have defined (`grader.proxy`). A test earns its points by ending without
an exception.

A test meets the names as they were at its place in the notebook, in a *snapshot* of the
room, so that nothing that it does reaches the cells after it. Tests between which the
student's cells only define functions and classes share a snapshot: to fork PyTorch costs
more than most tests. One that does not pass there is tried again in a snapshot of its
own: no test fails because of what another has left behind, and a crash or an endless
loop costs its own test only.
"""

import ast
import builtins
import contextlib
import io
import os
import time
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType

import torch

from grader import wire
from grader.cells import names, only_defines, plain_python
from grader.forbidden import forbidden
from grader.outputs import error_output
from grader.proxy import Line
from grader.sandbox import Rooms
from grader.session import Lost, Session, number
from grader.sheet import Cell, Sheet, SheetCell


@dataclass
class Verdict:
    """What the judge found.

    Args:
        outputs: for each cell what it shows, as a notebook holds it: what the student's
            cells have shown, and of a test that earned nothing what is wrong.
        notes: what the instructor should know.
        seconds: CPU time of the student's room and of the tests.
    """

    outputs: list[list[dict]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass
class Waiting:
    """A test that has not been run yet.

    Args:
        place: of its cell in the notebook.
        state: the number under which the room remembers the names that there were at
            that place; None: those of now.
    """

    test: SheetCell
    place: int
    state: int | None = None


def judge(cells: list[Cell], sheet: Sheet, student: str, rooms: Rooms) -> Verdict:
    """Run the cells of a repaired submission, and its tests."""
    verdict = Verdict(outputs=[[] for _ in cells])
    not_allowed = forbidden(cells, sheet)
    before = time.process_time()
    seed = f"{sheet.homework}/{student}"
    waiting: list[Waiting] = []

    def show(place: int, error: dict | None) -> None:
        if error:
            verdict.outputs[place].append(error_output(*wire.described(error)))

    def catch_up() -> None:
        for one, error in _tested(waiting, session, seed):
            show(one.place, error)
        waiting.clear()

    with Session(sheet, student, rooms) as session:
        for place, cell in enumerate(cells):
            registered = sheet[cell.name] if cell.name else None
            if registered and registered.kind == "test":
                if error := not_allowed.get(cell.name):
                    show(place, error)
                else:
                    waiting.append(Waiting(registered, place))
            elif cell.code and cell.source.strip():
                if not only_defines(cell.source):
                    catch_up()
                for one in waiting:
                    one.state = place if one.state is None else one.state
                label = cell.name or f"cell {place + 1}"
                state = place if waiting else None
                verdict.outputs[place], error = session.run(label, cell.source, state)
                show(place, error)
        catch_up()
    verdict.notes = session.notes
    verdict.seconds = {
        "room": session.room_seconds,
        "judge": time.process_time() - before,
    }
    return verdict


def _tested(waiting: list[Waiting], session: Session, seed: str):
    """Each of these tests with its error, or None if it passed."""
    line, shared = None, False
    for one in waiting:
        try:
            if line is None or line.broken:
                line, shared = session.snapshot(), False
            error = _run_test(one, line, seed)
            if error and shared:
                line = session.snapshot()
                error = _run_test(one, line, seed)
            shared = True
        except Lost as lost:
            line, error = None, lost.error
        yield one, error


def _run_test(waiting: Waiting, line: Line, seed: str) -> dict | None:
    """The error that a test ended with, as text; None if it passed."""
    test = waiting.test
    before = os.environ.get("BYHAND_SEED")
    os.environ["BYHAND_SEED"] = seed
    # torch.manual_seed also notes where it was called from, for GPUs to come
    torch.default_generator.manual_seed(number(f"{seed}/{test.name}"))
    try:
        code = _compiled(test)
        scope = line.begin(sorted(names(test.source)[0]), waiting.state)
        scope |= {"__name__": "__main__", "__builtins__": builtins}
        with (
            torch.enable_grad(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            exec(code, scope)
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


@lru_cache(1024)
def _compiled(test: SheetCell) -> CodeType:
    return compile(ast.parse(plain_python(test.source)), f"<{test.name}>", "exec")
