"""Judge one submission: its cells run in a room, the tests here, and only data crosses.

The tests are plain Python. A name that a test does not bind itself stands for what the
student's cells have defined (`grader.judge.proxy`). A test earns its points by ending
without an exception; or, if its last line is an expression that is not None, as many as
that says.

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
import hashlib
import io
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

import torch

from byhand.cells import names, only_defines, plain_python, tree
from grader.errors import Lost, UsedInCells
from grader.judge.bounds import TookTooLong, within
from grader.judge.proxy import Line
from grader.judge.sandbox import Rooms
from grader.judge.session import Session, seed_of
from grader.notebook.forbidden import hints
from grader.notebook.sheet import Cell, Sheet, SheetCell
from grader.notebook.verdict import Verdict
from grader.wire.messages import Fault

Found = Fault | float | None  # of a test


@dataclass
class Waiting:
    """A test that has not been run yet.

    Args:
        place: of its cell in the notebook.
        given: the homework's own cells whose names the student has given to others.
        state: the number under which the room remembers the names that there were at
            that place; None: those of now.
    """

    test: SheetCell
    place: int
    state: int | None = None
    given: tuple[str, ...] = ()


def judge(cells: list[Cell], sheet: Sheet, student: str, rooms: Rooms) -> Verdict:
    """Run the cells of a repaired submission, and its tests."""
    if sheet.kit.banned or sheet.kit.operators:
        # nearly always the cells use nothing of what the tests forbid: faster (the guard
        # in `grader.inside` says why)
        with contextlib.suppress(UsedInCells):
            return _judge(cells, sheet, student, rooms, strict=True)
    return _judge(cells, sheet, student, rooms, strict=False)


def _judge(
    cells: list[Cell], sheet: Sheet, student: str, rooms: Rooms, strict: bool
) -> Verdict:
    verdict = Verdict(outputs=[[] for _ in cells])
    work = hashlib.sha256("\0".join(cell.source for cell in cells).encode())
    before = time.process_time()
    # nobody knows a test's numbers beforehand, nor are they the same for other work
    seed = f"{sheet.salt}/{sheet.homework}/{student}/{work.hexdigest()}"
    waiting: list[Waiting] = []

    def show(place: int, fault: Fault | None) -> None:
        if fault:
            verdict.outputs[place].append(fault.as_output())

    def catch_up() -> None:
        for one, found in _tested(waiting, session, seed):
            if isinstance(found, Fault):
                session.timed_out |= found.kind == "TimeoutError"
                show(one.place, found)
            elif found is not None:
                verdict.outputs[one.place].append(_points(found))
        waiting.clear()

    with Session(sheet, student, rooms, strict) as session:
        for place, cell in enumerate(cells):
            registered = sheet.get(cell.name)
            if registered and registered.kind == "test":
                own = _shadowed(cells[:place], registered, sheet)
                waiting.append(Waiting(registered, place, given=own))
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
        verdict.again = session.for_want()
    verdict.notes = session.notes + hints(cells, sheet)
    verdict.timed_out = session.timed_out
    verdict.seconds = {
        "room": session.room_seconds,
        "judge": time.process_time() - before,
    }
    return verdict


def _shadowed(cells: list[Cell], test: SheetCell, sheet: Sheet) -> tuple[str, ...]:
    """The homework's own cells before a test whose names others of them have taken.

    A test meets what the sheet gives, not what a student has called the same.
    """
    wanted = names(test.source)[0]
    given: list[str] = []
    bound: set[str] = set()
    for cell in cells:
        registered = sheet.get(cell.name)
        if not cell.code or (registered and registered.kind == "test"):
            continue
        if registered and registered.kind == "given":
            given.append(cell.source)
        else:
            bound |= names(cell.source)[1]
    if not bound:
        return ()
    return tuple(
        source
        for source in given
        if names(source)[1] & wanted & bound and tree(source) is not None
    )


def _tested(
    waiting: list[Waiting], session: Session, seed: str
) -> Iterator[tuple[Waiting, Found]]:
    """Each of these tests with what was found."""
    line: Line | None = None
    shared = False
    for one in waiting:
        try:
            if line is None or line.broken:
                line, shared = session.snapshot(), False
            found = _run_test(one, line, seed, session)
            if isinstance(found, Fault) and shared:
                # with other numbers: what has been seen of the first ones is of no use
                line = session.snapshot()
                found = _run_test(one, line, f"{seed}/again", session)
            shared = True
        except Lost as lost:
            line, found = None, Fault("", str(lost))
        yield one, found


def _run_test(waiting: Waiting, line: Line, seed: str, session: Session) -> Found:
    """What a test ended with: a fault, its points if it says so, or None if it passed."""
    test = waiting.test
    before = os.environ.get("BYHAND_SEED")
    os.environ["BYHAND_SEED"] = seed
    # torch.manual_seed also notes where it was called from, for GPUs to come
    torch.default_generator.manual_seed(seed_of(f"{seed}/{test.name}"))
    try:
        code, value = _compiled(test)
        used = sorted(names(test.source)[0])
        scope = line.begin(used, waiting.state, waiting.given)
        scope |= {"__name__": "__main__", "__builtins__": builtins}
        with (
            torch.enable_grad(),
            within(session.seconds_left()),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            exec(code, scope)
            found = None if value is None else eval(value, scope)
        return None if found is None else _score(found, test)
    except MemoryError:
        return Fault("MemoryError", "The test ran out of memory on what it was given.")
    except TookTooLong:
        return Fault("TimeoutError", "The test took too long on what it was given.")
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


def _score(value: object, test: SheetCell) -> float | Fault:
    """The points that a test says: a number between 0 and what it is worth."""
    most = test.points or 0.0
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and 0 <= float(value) <= most:  # type: ignore[arg-type]
        return float(value)  # type: ignore[arg-type]
    words = (
        f"{test.name} ends in {str(value)[:50]!r}, which is no number of points between 0 "
        f"and {most:g}: the test has to be mended."
    )
    return Fault("", words)


def _points(points: float) -> dict[str, Any]:
    """Points as a notebook holds them, from where nbgrader takes them."""
    data = {"text/plain": repr(points)}
    return {
        "output_type": "execute_result",
        "data": data,
        "metadata": {},
        "execution_count": None,
    }


@lru_cache(1024)
def _compiled(test: SheetCell) -> tuple[CodeType, CodeType | None]:
    """A test's code, and that of its last line if it is an expression."""
    tree = ast.parse(plain_python(test.source))
    last = tree.body[-1] if tree.body else None
    name = f"<{test.name}>"
    value = None
    if isinstance(last, ast.Expr) and not isinstance(last.value, ast.Constant):
        tree.body.pop()
        value = compile(ast.Expression(last.value), name, "eval")
    return compile(tree, name, "exec"), value
