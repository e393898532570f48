"""What students get back: what is wrong, in words, and not the tests themselves."""

import html
import re

from nbformat import NotebookNode, from_dict
from nbgrader.preprocessors import ClearHiddenTests, GetGrades
from nbgrader.utils import is_grade, is_locked, is_solution, is_task
from traitlets import Bool

from grader.notebook.verdict import Verdict
from grader.outcome import NO_WALLS, NOT_RUN
from grader.records.ledger import Recorded


class HideTests(ClearHiddenTests):
    """Take hidden tests out of the feedback, unless they are to be shown by now.

    What a failed test says stays: the judge's words, which hold neither the test's
    lines nor expected values.
    """

    reveal = Bool(
        False, help="Show hidden tests in the feedback, once the deadline has passed."
    ).tag(config=True)

    def preprocess(self, nb, resources):
        return (nb, resources) if self.reveal else super().preprocess(nb, resources)

    def preprocess_cell(self, cell, resources, cell_index):
        if not is_locked(cell):  # what students write there hides nothing
            return cell, resources
        return super().preprocess_cell(cell, resources, cell_index)


class Marks(GetGrades):
    """Put points and comments on a notebook's cells.

    From the gradebook, as nbgrader does; but when a whole class is graded, what has just
    been recorded is at hand (``resources["recorded"]``), and nothing need be looked up.
    """

    def preprocess(self, nb, resources):
        recorded: Recorded | None = resources.get("recorded")
        if recorded is None:
            return super().preprocess(nb, resources)
        for cell in nb.cells:
            entry = cell.metadata.get("nbgrader", {})
            mark = recorded.marks.get(entry.get("grade_id"))
            if mark and (is_solution(cell) or is_task(cell)):
                entry["comment"] = mark.comment
            if mark and (is_grade(cell) or is_task(cell)):
                entry["score"], entry["points"] = mark.points, mark.most
        resources["nbgrader"] |= {
            "score": recorded.points - recorded.late_penalty,
            "max_score": recorded.most,
            "late_penalty": recorded.late_penalty,
        }
        return nb, resources


def with_outputs(notebook: NotebookNode, verdict: Verdict | None) -> NotebookNode:
    """A repaired notebook as it is graded: with what the judge found, if it ran it."""
    if verdict:
        for cell, outputs in zip(notebook.cells, verdict.outputs, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = from_dict(outputs), None
    return notebook


def account(
    notebook: NotebookNode, repaired: list[str], verdict: Verdict | None, walls: bool
) -> None:
    """Say what the grader did to a notebook: at its top for people, and in its metadata.

    Args:
        repaired: what was put right.
        walls: whether there was a sandbox.
    """
    said = verdict.notes if verdict else []
    words = [*repaired, *(said if verdict else [NOT_RUN])]
    explain(notebook, words if walls else [*words, NO_WALLS])
    notebook.metadata["byhand"] = {
        "sandbox": walls,
        "repaired": repaired,
        "said": said,
        "seconds": verdict.seconds if verdict else {},
    }


def explain(notebook: NotebookNode, notes: list[str]) -> None:
    """Say at the top of a graded notebook what the grader did to it."""
    if notes:
        items = "".join(f"\n- {html.escape(note)}" for note in notes)
        words = f"**From the grader**\n{items}"
        # nbformat's own function checks the cell, which takes longer than all else here
        cell = {"cell_type": "markdown", "id": "from-the-grader", "metadata": {}}
        notebook.cells.insert(0, from_dict(cell | {"source": words}))


# what else there is to say to what a cell ended with
WAYS_OUT = {
    "SyntaxError": "Python cannot read this cell: run it, and mend that line.",
    "ModuleNotFoundError": "The grader does not have that module: do without it.",
    "NotAllowed": "Take that call out, and write what it does yourself.",
}
WAYS_OUT |= dict.fromkeys(("IndentationError", "TabError"), WAYS_OUT["SyntaxError"])


def causes(notebook: NotebookNode) -> list[str]:
    """What has gone wrong first, once each: what tests say may only follow from it.

    That is how a cell of the student's ended, or a call that is not allowed.
    """
    exercises = titles(notebook)
    found: dict[str, None] = {}
    for place, cell in enumerate(notebook.cells, start=1):
        entry = cell.metadata.get("nbgrader", {})
        test = entry.get("grade") and not entry.get("solution")
        for output in cell.get("outputs", ()):
            kind = output.get("ename", "")
            if output.get("output_type") != "error" or (test and kind != "NotAllowed"):
                continue
            *lines, words = output.get("traceback") or [kind]
            name = entry.get("grade_id", "")
            where = "" if test else f"{_place(cell, name, exercises, place)}: "
            line = f" ({lines[-1]})" if lines else ""
            parts = (f"{where}{words.strip()}{line}", WAYS_OUT.get(kind, ""))
            found[" ".join(filter(None, parts))] = None
    return list(found)


def why_nothing(notebook: NotebookNode) -> str:
    """For the instructor: why a submission has earned no point, in a line."""
    words = causes(notebook)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            said = [o["traceback"] for o in cell.get("outputs", ()) if "traceback" in o]
            words += [f"{cell.metadata.nbgrader.grade_id}: {s[-1]}" for s in said if s]
    line = " ".join(words[0].split()) if words else "no test has said why"
    return line if len(line) <= 200 else f"{line[:200]} …"


def titles(notebook: NotebookNode) -> dict[str, str]:
    """The heading above each registered cell, by the cell's name; "" for the first."""
    found: dict[str, str] = {}
    heading = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.get("id") != "from-the-grader":
            text = re.sub(r"(?ms)^(```|~~~).*?^\1", "", cell.source[:20_000])
            for line in re.findall(r"(?m)^#{2,6} +(.+?)[ #]*$", text):
                heading = re.sub(r"[`*]|</?\w+>", "", line)[:150]
        if name := cell.metadata.get("nbgrader", {}).get("grade_id"):
            found[name] = heading
    return found


def _place(cell: NotebookNode, name: str, exercises: dict[str, str], place: int) -> str:
    if name:
        title = exercises.get(name)
        return f"the cell {name}" + (f" ({title})" if title else "")
    first = next((line for line in cell.source.splitlines() if line.strip()), "")
    return f"cell {place} ({first.strip()[:60]})"
