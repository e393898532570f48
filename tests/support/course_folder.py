"""What lies in a course folder: put there, or looked at."""

import csv
import hashlib
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode


def rows(course: Path) -> list[dict[str, str]]:
    """What is in grades.csv."""
    with open(course / "grades.csv", newline="") as file:
        return list(csv.DictReader(file))


def marks(course: Path, homework: str) -> dict[str, float]:
    """Each student's points, from grades.csv."""
    found = [row for row in rows(course) if row["assignment"] == homework]
    return {row["student_id"]: float(row["score"]) for row in found}


def hand_in(course: Path, homework: str, student: str, content: str | bytes) -> Path:
    """Put a notebook where `grader collect` puts it."""
    path = course / "submitted" / student / homework / f"{homework}.ipynb"
    path.parent.mkdir(parents=True)
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(content)
    return path


def graded(course: Path, homework: str, student: str) -> NotebookNode:
    """A student's notebook as the grader has left it."""
    path = course / "autograded" / student / homework / f"{homework}.ipynb"
    return nbformat.read(path, 4)


def page(course: Path, homework: str, student: str) -> str:
    """What a student gets back, in HTML."""
    path = course / "feedback" / student / homework / f"{homework}.html"
    return path.read_text("utf8")


def text_of(html: str) -> str:
    """What a page says, without its tags."""
    text = re.sub(r"<[^>]+>", "", html)
    return text.replace("&#39;", "'").replace("&quot;", '"')


def hashes(folder: Path) -> dict[Path, str]:
    """Of all files in a folder: to see whether anything was changed."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: hashlib.md5(path.read_bytes()).hexdigest() for path in files}
