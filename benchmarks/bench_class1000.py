"""A class of 1,000 in one run of ``grader grade``: time, peak memory, every mark.

Everyone has done the first four exercises of homework 1 and no other, each in a way of
their own: right solutions in several styles, and the mistakes that students make, drawn
from the homework's table. The marks that one process finds without any room or sandbox
are known for each way; all 1,000 must be equal to them.

``python -m benchmarks.bench_class1000 --students 100`` takes fewer.
"""

import argparse
import csv
import os
import random
import sys
import tempfile
from pathlib import Path

import nbformat

from benchmarks.bench_grader import HW, ROOT, Measured

EXERCISES = ["linear_forward", "linear_backward", "relu", "sigmoid"]


def submissions(count: int) -> dict[str, dict[str, str]]:
    """Student by student, the sources of the solution cells."""
    from tests.homeworks import hw1_backprop as table
    from tests.support.submissions import homework, reference

    chance, ways = random.Random(0), {}
    for cell in EXERCISES:
        right = [r.code for r in table.RIGHT if r.cell == cell][:2]
        wrong = [w.code for w in table.WRONG if w.cell == cell][:3]
        edited = [homework().edited(cell, code) for code in [*right, *wrong]]
        ways[cell] = [reference([cell])[cell], *edited]
    found = {}
    for n in range(count):
        solutions = {cell: chance.choice(ways[cell]) for cell in EXERCISES}
        found[f"s{n:04}"] = solutions
    return found


class Expected:
    """The points of a submission, found in this process; the rest is left undone."""

    def __init__(self):
        from tests.support.submissions import homework, released

        self.homework, self.known = homework(), {}
        given = {c.id: c.source for c in released().cells}
        rest = [c for c in self.homework.solutions if c not in EXERCISES]
        self.rest = {cell: given[cell] for cell in rest}
        beyond = set().union(*(self.homework.dependents(cell) for cell in rest))
        tests = [c for c in self.homework.cells if c.kind == "test"]
        self.points = {test.name: test.points for test in tests}
        self.about = {}  # test: the exercises that decide it
        for cell in EXERCISES:
            for test in self.homework.dependents(cell) - beyond:
                self.about.setdefault(test, []).append(cell)

    def __call__(self, solutions: dict[str, str]) -> float:
        total = 0
        for test, cells in self.about.items():
            key = (test, *(solutions[cell] for cell in cells))
            if key not in self.known:
                others = set(self.points) - {test}
                result = self.homework.grade(self.rest | solutions, skip=others)
                self.known[key] = result[test] is None
            total += self.points[test] * self.known[key]
        return total


def main(argv: list[str] | None = None) -> None:
    """Grade the class and check each mark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_class1000")
    parser.add_argument("--students", type=int, default=1000)
    count = parser.parse_args(argv or []).students
    from tests.support.submissions import filled

    found, expected = submissions(count), Expected()
    marks = {student: expected(solutions) for student, solutions in found.items()}
    with tempfile.TemporaryDirectory() as name:
        handed_in, course = Path(name, "class"), Path(name, "course")
        handed_in.mkdir()
        for student, solutions in found.items():
            notebook = filled(solutions)
            notebook.cells[0].source += f"\n\nBy {student}."
            path = handed_in / f"{student}.ipynb"
            path.write_text(nbformat.writes(notebook), "utf8")
        command = [sys.executable, "-m", "grader", "--course", course, "grade", "hw1"]
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        here = {"cwd": ROOT, "env": environment}
        first = Measured(*command, "--from", handed_in, **here)
        again = Measured(*command, **here)
        with open(course / "grades.csv", newline="") as file:
            got = {r["student_id"]: float(r["score"]) for r in csv.DictReader(file)}
    wrong = {s: (got.get(s), marks[s]) for s in marks if got.get(s) != marks[s]}
    if wrong or len(got) != count:
        raise SystemExit(f"{len(wrong)} marks differ: {list(wrong.items())[:10]}")
    print(
        f"{count:,} submissions of {HW} (four exercises done), "
        f"{len(os.sched_getaffinity(0))} processors, {len(set(got.values()))} different "
        f"marks, each as expected: {first.seconds / 60:.1f} minutes, "
        f"{first.cpu / count:.2f} CPU seconds each, peak memory {first.peak:,} MB. "
        f"Again, nothing changed: {again.seconds:.1f} s, {again.peak:,} MB."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
