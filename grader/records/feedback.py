"""What students get back: what is wrong, in words, and not the tests themselves."""

import html

from nbformat import NotebookNode, from_dict
from nbgrader.preprocessors import ClearHiddenTests, GetGrades
from nbgrader.utils import is_grade, is_locked, is_solution, is_task
from traitlets import Bool

from grader.notebook.verdict import Verdict
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


def explain(notebook: NotebookNode, notes: list[str]) -> None:
    """Say at the top of a graded notebook what the grader did to it."""
    if notes:
        items = "".join(f"\n- {html.escape(note)}" for note in notes)
        words = f"**From the grader**\n{items}"
        # nbformat's own function checks the cell, which takes longer than all else here
        cell = {"cell_type": "markdown", "id": "from-the-grader", "metadata": {}}
        notebook.cells.insert(0, from_dict(cell | {"source": words}))
