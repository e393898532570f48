"""Collecting 1,000 submissions from one Canvas zip, beside reading and writing alone.

The rival reads each notebook with `zipfile` and writes it to a folder of its own, and does
nothing else: no platform, no names, no look into the notebook, no care that a file is
there in full. Both take turns, three times; the ratio is that of the fastest.
"""

import shutil
import tempfile
import time
import zipfile
from pathlib import Path

from grader.course.course import Course
from grader.course.folder import collect

ROOT = Path(__file__).parents[1]
HW = "hw1_backprop"
STUDENTS = 1000
TIMES = 3


def download(path: Path) -> None:
    """A zip as Canvas names things, with a notebook of ordinary size for each."""
    text = (ROOT / "assignments" / HW / f"{HW}.ipynb").read_text("utf8")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(STUDENTS):
            name = f"student{n}_{70000 + n}_{880000 + n}_{HW}.ipynb"
            archive.writestr(name, text.replace("NotImplementedError()", f"{n}", 1))


def alone(source: Path, folder: Path) -> float:
    """Seconds to read each file and write it."""
    start = time.perf_counter()
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            place = folder / member.filename.split("_")[1] / HW
            place.mkdir(parents=True)
            (place / f"{HW}.ipynb").write_bytes(archive.read(member))
    return time.perf_counter() - start


def collected(source: Path, folder: Path) -> float:
    """Seconds to collect it."""
    start = time.perf_counter()
    outcomes = collect(Course(folder), HW, source)
    took = time.perf_counter() - start
    if sum(outcome.ok for outcome in outcomes) != STUDENTS:
        raise SystemExit("Not everything was collected.")
    return took


def main() -> None:
    """Print both, and the ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        download(folder / "c.zip")
        collect(Course(folder / "warm"), HW, folder / "c.zip")
        ours, theirs = [], []
        for n in range(TIMES):
            theirs.append(alone(folder / "c.zip", folder / f"alone{n}"))
            ours.append(collected(folder / "c.zip", folder / f"course{n}"))
            shutil.rmtree(folder / f"course{n}")
        print(f"{STUDENTS:,} submissions from one zip")
        print(f"zipfile, read and write   {min(theirs):6.2f} s")
        print(f"grader collect            {min(ours):6.2f} s")
        print(f"ratio                     {min(ours) / min(theirs):6.2f}")


if __name__ == "__main__":
    main()
