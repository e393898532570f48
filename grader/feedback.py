"""What students get back: what is wrong, in words, and not the tests themselves."""

import html
import re
from pathlib import Path

from nbgrader.preprocessors import ClearHiddenTests
from nbgrader.utils import is_grade

ANSI = re.compile(r"\x1b\[[\d;]*m")


class HideTests(ClearHiddenTests):
    """Take hidden tests out of the feedback, from the cells and from the tracebacks.

    Of a failed test remain its message and the lines of the student's own cells.
    """

    def preprocess(self, nb, resources):
        cells = [cell for cell in nb.cells if cell.cell_type == "code"]
        self.own = {c.get("execution_count") for c in cells if not is_grade(c)}
        return super().preprocess(nb, resources)

    def preprocess_cell(self, cell, resources, cell_index):
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        if is_grade(cell) and cell.cell_type == "code":
            for output in cell.outputs:
                if output.output_type == "error":
                    frames = [f for f in output.traceback if self._is_own(f)]
                    words = f"{output.ename}: {output.evalue}".removeprefix(
                        "AssertionError: "
                    )
                    output.traceback = [*frames, words]
        return cell, resources

    def _is_own(self, frame: str) -> bool:
        place = re.match(r"Cell In\[(\d+)\], line", ANSI.sub("", frame).strip())
        return bool(place) and int(place[1]) in self.own


def write_failure(path: Path, homework: str, reason: str) -> None:
    """Feedback for a submission that could not be graded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{html.escape(homework)}: could not be graded</title>\n"
        f"<h1>{html.escape(homework)} could not be graded</h1>\n"
        f"<p>Reason: {html.escape(reason)}.</p>\n"
        "<p>No points are recorded for it so far. Open your notebook, run it from the "
        "top, save it, and hand it in again; or ask your instructor, who sees the "
        "same message.</p>\n</html>\n",
        "utf8",
    )
