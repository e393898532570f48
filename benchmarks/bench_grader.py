"""The grader beside stock nbgrader, on the same class of 40 submissions of homework 1.

Three things are measured, one after the other, by the clock, and in CPU seconds and
memory of the whole machine, which should have nothing else to do:

- *bare*: the students' cells and the tests, one submission after another in warm
  processes, as many as processors, with nothing between them. That work is not the
  grader's, and no grader can do without it. Measured before the grader and after it.
- *grader*: ``grader grade``, sandbox on, with as many jobs as processors; then once more
  with nothing changed; then after the gradebook has been lost. The first four alone, in
  a course of their own, tell what it costs to start from what each submission costs.
- *stock*: ``nbgrader autograde`` as nbgrader comes, which runs one at a time; four
  alone, too.

The class: right solutions in many styles, and known-wrong ones, each with the usual
unfinished exercises. ``--students`` takes fewer, ``--no-stock`` leaves the rival out,
``--play`` leaves in the cell that earns nothing, trains, and is there to be played with.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
HW = "hw1_backprop"
FEW = 4
STOCK = """\
c = get_config()
c.CourseDirectory.course_id = "stock"
c.CourseDirectory.root = {root!r}
c.CourseDirectory.db_url = "sqlite:///{root}/gradebook.db"
c.ClearHiddenTests.enforce_metadata = False
"""


def submissions(count: int, play: bool = False) -> dict[str, nbformat.NotebookNode]:
    """A class: student by student, the notebook that is handed in.

    Args:
        play: with the cell that earns nothing, trains, and is there to be played with.
    """
    from tests.homeworks import hw1_backprop as table
    from tests.support.submissions import (
        filled,
        homework,
        reference,
        released,
        style,
    )

    found = {}
    (cell,) = [c for c in released().cells if c.id == "train-use"]
    wrong = [w for w in table.WRONG if w.cell not in ("train", "mlp")]
    for n in range(count):
        solutions = style(n) if n % 2 else reference()
        if n % 4 > 1:  # half of the class makes a mistake
            mistake = wrong[7 * n % len(wrong)]
            solutions[mistake.cell] = homework().edited(mistake.cell, mistake.code)
        found[f"s{n:04}"] = filled(solutions | ({cell.id: cell.source} if play else {}))
    return found


def bare(folder: Path, part: int) -> None:
    """Run submissions' cells and tests in this process; print the CPU seconds of one."""
    import torch

    from byhand import data
    from tests.support.solutions import compiled

    torch.set_num_threads(1)
    data.digits("train"), data.digits("test")
    source = nbformat.read(ROOT / "solutions" / HW / f"{HW}.ipynb", 4)
    tests = {c.id: c.source for c in source.cells if c.metadata.get("nbgrader")}
    before, paths = 0.0, sorted(folder.glob("*.ipynb"))[part :: os.cpu_count()]
    for place, path in enumerate(paths):
        if place == 1:  # the first one warms up
            before = time.process_time()
        names: dict = {"__name__": "__main__"}
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type != "code":
                continue
            graded = cell.metadata.get("nbgrader", {}).get("grade")
            text = tests[cell.id] if graded else cell.source
            try:
                exec(compiled(text, cell.id), names)
            except Exception:
                continue
        torch.set_grad_enabled(True)
    print((time.process_time() - before) / max(1, place))


class Measured:
    """Run a command; its seconds by the clock, its CPU seconds, its peak memory."""

    def __init__(self, *command, **options):
        cpu, held, start = _cpu(), _memory(), time.monotonic()
        self.process = subprocess.Popen(
            [str(c) for c in command], stdout=subprocess.PIPE, text=True, **options
        )
        self.most = held
        watch = threading.Thread(target=self._watch)
        watch.start()
        self.output = self.process.communicate()[0]
        self.seconds, self.cpu = time.monotonic() - start, _cpu() - cpu
        watch.join()
        self.peak = self.most - held
        if self.process.returncode not in (0, 1):
            raise SystemExit(f"{command} ended with {self.process.returncode}")

    def _watch(self) -> None:
        while self.process.poll() is None:
            self.most = max(self.most, _memory())
            time.sleep(0.1)


def _cpu() -> float:
    """CPU seconds of the whole machine so far: much of what runs is nobody's child."""
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq")
    words = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    ticks = dict(zip(names, map(int, words), strict=False))
    busy = sum(ticks[n] for n in ("user", "nice", "system", "irq", "softirq"))
    return busy / os.sysconf("SC_CLK_TCK")


def _memory() -> int:
    """Megabytes that all processes of the machine hold, but for the pages of files.

    To ask each process takes so long that it would be measured too.
    """
    text = Path("/proc/meminfo").read_text()
    return sum(map(int, re.findall(r"(?:AnonPages|Shmem): +(\d+)", text))) // 1024


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_grader")
    parser.add_argument("--students", type=int, default=40)
    parser.add_argument("--no-stock", dest="stock", action="store_false")
    parser.add_argument("--play", action="store_true")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.bare:
        return bare(options.bare, options.part)
    with tempfile.TemporaryDirectory() as name:
        handed_in = submissions(options.students, options.play)
        _compare(Path(name), handed_in, options.stock)


def _compare(folder: Path, notebooks: dict, with_stock: bool) -> None:
    from grader.course.course import Course
    from grader.records.sheets import current_sheet

    count, handed_in, course = len(notebooks), folder / "class", folder / "course"
    handed_in.mkdir()
    for student, notebook in notebooks.items():
        (handed_in / f"{student}.ipynb").write_text(nbformat.writes(notebook), "utf8")
    grader = [sys.executable, "-m", "grader", "--course", course]
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    here = {"cwd": ROOT, "env": environment}
    Measured(*grader, "collect", "hw1", handed_in, **here)
    current_sheet(Course(course), HW)  # as a release does it

    few, start = folder / "few", [*grader[:-1], folder / "start"]
    few.mkdir()
    for path in sorted(handed_in.glob("*.ipynb"))[:FEW]:
        shutil.copy(path, few)
    Measured(*start, "collect", "hw1", few, **here)
    current_sheet(Course(folder / "start"), HW)

    own = _bare(handed_in, here) / 2
    least = Measured(*start, "grade", "hw1", **here)
    first = Measured(*grader, "grade", "hw1", **here)
    own += _bare(handed_in, here) / 2
    parts = _parts(course)
    again = Measured(*grader, "grade", "hw1", **here)
    marks = sorted((course / "grades.csv").read_text().splitlines())
    (course / "gradebook.db").unlink()
    lost = Measured(*grader, "grade", "hw1", **here)
    cached = sorted((course / "grades.csv").read_text().splitlines())
    assert cached == marks, "other marks from the cache"

    print(f"\n{count} submissions of {HW}, {os.cpu_count()} processors\n")
    print(f"{'':34}{'per min':>8}{'clock s':>9}{'CPU s each':>11}{'peak MB':>9}")
    _row("bare: cells and tests alone", None, own * count, count, 0)
    _row("grader grade", first.seconds, first.cpu, count, first.peak)
    _row("  again, nothing changed", again.seconds, again.cpu, count, again.peak)
    _row("  gradebook lost, from the cache", lost.seconds, lost.cpu, count, lost.peak)
    if with_stock:
        stock = _stock(folder / "stock", handed_in)
        _row("nbgrader autograde, stock", stock.seconds, stock.cpu, count, stock.peak)
        print(f"\nby the clock {stock.seconds / first.seconds:.1f} times faster")
        rest = (stock.cpu / count - own) / (first.cpu / count - own)
        print(f"CPU that is not the cells' and tests' own: {rest:.1f} times less")
        few_by_stock = _stock(folder / "stock-few", few)
        further = (stock.seconds - few_by_stock.seconds) / (count - FEW)
        ours = (first.seconds - least.seconds) / (count - FEW)
        print(
            f"each further submission takes {ours:.2f} s by the clock, stock's "
            f"{further:.2f} s: {further / ours:.1f} times faster"
        )
    each = (first.cpu - least.cpu) / (count - FEW)
    print(f"each further submission costs {each:.2f} CPU seconds: ", end="")
    print(", ".join(f"{seconds:.2f} in the {name}" for name, seconds in parts.items()))
    print(
        f"the grader's own part of them is {1000 * (each - own):.0f} ms; "
        f"to start costs {least.cpu - FEW * each:.1f} CPU seconds"
    )


def _bare(handed_in: Path, here: dict) -> float:
    """CPU seconds of a submission's cells and tests, with all processors at it."""
    command = [sys.executable, "-m", "benchmarks.bench_grader", "--bare", handed_in]
    with ThreadPoolExecutor() as threads:
        parts = [[*command, "--part", str(n)] for n in range(os.cpu_count())]
        runs = list(threads.map(lambda words: Measured(*words, **here), parts))
    return sum(float(run.output.split()[-1]) for run in runs) / len(runs)


def _parts(course: Path) -> dict[str, float]:
    """CPU seconds of a submission in its room and in the judge, as the verdicts say."""
    found = [json.loads(path.read_text()) for path in course.glob("verdicts/*/*.json")]
    seconds = [verdict["seconds"] for verdict in found]
    return {
        name: sum(one[name] for one in seconds) / len(seconds) for name in seconds[0]
    }


def _row(name: str, seconds, cpu: float, count: int, peak: int) -> None:
    rate = f"{60 * count / seconds:8.1f}{seconds:9.1f}" if seconds else f"{'':17}"
    print(f"{name:34}{rate}{cpu / count:11.2f}{peak or '':>9}", flush=True)


def _stock(folder: Path, handed_in: Path) -> Measured:
    """The same class by `nbgrader autograde`, with nbgrader's own settings."""
    (folder / "source").mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(STOCK.format(root=str(folder)))
    shutil.copytree(ROOT / "solutions" / HW, folder / "source" / HW)
    for path in handed_in.glob("*.ipynb"):
        place = folder / "submitted" / path.stem / HW
        place.mkdir(parents=True)
        shutil.copy(path, place / f"{HW}.ipynb")
    bin_ = Path(sys.executable).parent
    environment = dict(
        os.environ, OMP_NUM_THREADS="1", PATH=f"{bin_}:{os.environ['PATH']}"
    )
    environment["PYTHONPATH"] = str(ROOT)
    options = {"cwd": folder, "env": environment, "stderr": subprocess.DEVNULL}
    Measured(bin_ / "nbgrader", "generate_assignment", HW, **options)
    return Measured(bin_ / "nbgrader", "autograde", HW, **options)


if __name__ == "__main__":
    main(sys.argv[1:])
