"""nbgrader's settings: for its own commands, the formgrader, and `python -m grader`.

Sources and released versions lie in the repository. All that is private (submissions,
marks, feedback, the gradebook) lies in the course folder, which version control
ignores: `course/`, or where the environment variable BYHAND_COURSE says.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
COURSE = ROOT / os.environ.get("BYHAND_COURSE", "course")

# nbgrader starts the program `alembic` when it creates a gradebook
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

c = get_config()  # noqa: F821 (given by traitlets)

c.CourseDirectory.course_id = "deep-learning-by-hand"
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
c.CourseDirectory.submitted_directory = str(COURSE / "submitted")
c.CourseDirectory.autograded_directory = str(COURSE / "autograded")
c.CourseDirectory.feedback_directory = str(COURSE / "feedback")
# The gradebook is a file in the course folder, or a database on a PostgreSQL server
# (pip install 'psycopg[binary]'), one for each course folder:
# BYHAND_GRADEBOOK=postgresql+psycopg://user:password@host/database
c.CourseDirectory.db_url = os.environ.get("BYHAND_GRADEBOOK") or (
    # several graders may write at once: wait for the file up to a minute
    f"sqlite:///{COURSE / 'gradebook.db'}?timeout=60"
)

# Students' code runs in a sandbox, and the tests outside it (grader/README.md).
c.Autograde.sanitize_preprocessors = [
    "grader.records.preprocessors.Repair",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "grader.records.preprocessors.Judge",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
# Feedback shows what is wrong, not the hidden tests.
c.GenerateFeedback.preprocessors = [
    "grader.records.feedback.Marks",
    "grader.records.feedback.HideTests",
    "grader.records.page.Summarise",
]
c.GenerateFeedback.exporter_class = "grader.records.page.Page"
# Text cells may hold HTML, and a student's must do no harm: also in the formgrader.
c.HTMLExporter.filters = {"markdown2html": "grader.records.page.marker_markdown"}
c.HTMLExporter.preprocessors = ["grader.records.page.ShortLines"]
