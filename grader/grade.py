"""Grade submissions with nbgrader, several at a time, and write feedback and marks."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.plugins import CsvExportPlugin

from grader.collect import Outcome
from grader.course import Course, problem
from grader.feedback import write_failure
from grader.release import register


def grade(
    course: Course, homework: str, jobs: int | None = None, force: bool = False
) -> Iterator[Outcome]:
    """Grade what has not been graded yet; yields an outcome as each is done.

    Args:
        jobs: how many to grade at a time; default: one per processor.
        force: grade all anew, say after the tests have changed.
    """
    register(course, homework)
    students = course.students(homework)
    waiting = [s for s in students if force or _is_due(course, homework, s)]
    for student in students:
        if student not in waiting:
            yield _outcome(course, homework, student, " (graded before)")
    jobs = max(1, min(jobs or len(os.sched_getaffinity(0)), len(waiting)))
    # spawned, not forked: nbgrader's event loops and threads do not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = {
            pool.submit(_grade_one, course.folder, homework, student): student
            for student in waiting
        }
        for future in as_completed(futures):
            student, error = futures[future], future.exception() or future.result()
            if error:
                _record_failure(course, homework, student, str(error))
                yield Outcome(student, False, f"NOT GRADED: {error}")
            else:
                yield _outcome(course, homework, student)


def export(course: Course) -> Path:
    """Write the marks of all homeworks to grades.csv in the course folder."""
    path = course.folder / "grades.csv"
    with course.gradebook() as gradebook:
        CsvExportPlugin(to=str(path)).export(gradebook)
    return path


def _is_due(course: Course, homework: str, student: str) -> bool:
    graded = course.notebook("autograded", student, homework)
    submitted = course.notebook("submitted", student, homework)
    return not graded.exists() or graded.stat().st_mtime < submitted.stat().st_mtime


@cache
def _course(folder: Path) -> Course:
    return Course(folder)  # once in each worker


def _grade_one(folder: Path, homework: str, student: str) -> str | None:
    """Grade one student and write the feedback; what went wrong, or None."""
    course = _course(folder)
    wrong = problem(course.notebook("submitted", student, homework))
    if wrong:
        return wrong
    # for the kernel: the numbers of this student's tests, and one processor
    os.environ["BYHAND_SEED"] = f"{homework}/{student}"
    os.environ["OMP_NUM_THREADS"] = "1"
    return course.convert(Autograde, homework, student) or course.convert(
        GenerateFeedback, homework, student
    )


def _outcome(course: Course, homework: str, student: str, note: str = "") -> Outcome:
    with course.gradebook() as gradebook:
        submission = gradebook.find_submission(homework, student)
        words = f"{submission.score:g} of {submission.max_score:g}{note}"
    return Outcome(student, True, words)


def _record_failure(course: Course, homework: str, student: str, reason: str) -> None:
    """Zero points, marked for the instructor's eyes, and feedback that says why."""
    with course.gradebook() as gradebook:
        gradebook.update_or_create_student(student)
        submission = gradebook.update_or_create_submission(homework, student)
        for notebook in submission.notebooks:
            for mark in notebook.grades:
                mark.auto_score, mark.needs_manual_grade = 0, True
        gradebook.db.commit()
    page = course.notebook("feedback", student, homework).with_suffix(".html")
    write_failure(page, homework, reason)
