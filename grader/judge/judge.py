"""Judge one submission: its cells run in a room, the tests here, and only data crosses.

The tests are plain Python. A name that a test does not bind itself stands for what the
student's cells have defined (`grader.judge.proxy`). A test earns its points by ending without
an exception.

A test meets the names as they were at its place in the notebook, in a *snapshot* of the
room, so that nothing that it does reaches the cells after it. Tests between which the
student's cells only define functions and classes share a snapshot: to fork PyTorch costs
more than most tests. One that does not pass there is tried again, with other numbers, in a
snapshot of its own: no test fails because of what another has left behind, and a crash or
an endless loop costs its own test only.
"""

import ast
import builtins
import contextlib
import io
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

import torch

from byhand.cells import names, only_defines, plain_python
from grader.errors import Lost
from grader.judge.proxy import Line
from grader.judge.sandbox import Rooms
from grader.judge.session import Session, seed_of
from grader.notebook.forbidden import hints
from grader.notebook.sheet import Cell, Sheet, SheetCell
from grader.notebook.verdict import Verdict
from grader.wire.messages import Fault


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
    before = time.process_time()
    seed = f"{sheet.homework}/{student}"
    waiting: list[Waiting] = []

    def show(place: int, fault: Fault | None) -> None:
        if fault:
            verdict.outputs[place].append(fault.as_output())

    def catch_up() -> None:
        for one, fault in _tested(waiting, session, seed):
            show(one.place, fault)
        waiting.clear()

    with Session(sheet, student, rooms) as session:
        for place, cell in enumerate(cells):
            registered = sheet.get(cell.name)
            if registered and registered.kind == "test":
                waiting.append(Waiting(registered, place))
            elif cell.code and cell.source.strip():
                if not only_defines(cell.source):
                    catch_up()
                for one in waiting:
                    one.state = place if one.state is None else one.state
                label = cell.name or f"cell {place + 1}"
                state = place if waiting else None
                verdict.outputs[place], fault = session.run(label, cell.source, state)
                show(place, fault)
        catch_up()
    verdict.notes = session.notes + hints(cells, sheet)
    verdict.seconds = {
        "room": session.room_seconds,
        "judge": time.process_time() - before,
    }
    return verdict


def _tested(
    waiting: list[Waiting], session: Session, seed: str
) -> Iterator[tuple[Waiting, Fault | None]]:
    """Each of these tests with its fault, or None if it passed."""
    line: Line | None = None
    shared = False
    for one in waiting:
        try:
            if line is None or line.broken:
                line, shared = session.snapshot(), False
            fault = _run_test(one, line, seed)
            if fault and shared:
                # with other numbers: what has been seen of the first ones is of no use
                line = session.snapshot()
                fault = _run_test(one, line, f"{seed}/again")
            shared = True
        except Lost as lost:
            line, fault = None, Fault("", str(lost))
        yield one, fault


def _run_test(waiting: Waiting, line: Line, seed: str) -> Fault | None:
    """What a test ended with; None if it passed."""
    test = waiting.test
    before = os.environ.get("BYHAND_SEED")
    os.environ["BYHAND_SEED"] = seed
    # torch.manual_seed also notes where it was called from, for GPUs to come
    torch.default_generator.manual_seed(seed_of(f"{seed}/{test.name}"))
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
        lines = getattr(error, "students_lines", ())
        if not words and isinstance(error, AssertionError):
            words = "The test failed."
        return Fault(kind, words[:2000], lines)
    finally:
        if before is None:
            os.environ.pop("BYHAND_SEED")
        else:
            os.environ["BYHAND_SEED"] = before


@lru_cache(1024)
def _compiled(test: SheetCell) -> CodeType:
    return compile(ast.parse(plain_python(test.source)), f"<{test.name}>", "exec")
