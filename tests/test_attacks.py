"""Hostile submissions earn nothing, learn nothing, leave nothing, and harm nobody."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import nbgrader
import pytest
import torch

from byhand import check
from tests.attacks import ATTACKS, DOOR, LEAVE, LIMITS, LOOK, Attack
from tests.support import copy_of_the_project as project
from tests.support.course_folder import graded, hashes, marks, page, text_of
from tests.support.runs import Ran, grader
from tests.support.solutions import ROOT, secrets
from tests.support.submissions import HW, RELEASED, filled, homework, reference
from tests.support.traces import Listener, left_behind, segments

EVERY = 12  # attacks between two honest students
POINTS = 40  # of an honest student
ENVIRONMENT = {
    "BYHAND_LIMITS": json.dumps(LIMITS),
    "BYHAND_OFFLINE": "1",
    "BYHAND_DATA": None,
}


def names() -> dict[str, Attack | None]:
    """Students, in the order in which they are graded: an attack, or None if honest."""
    found = {}
    for number, attack in enumerate(ATTACKS):
        if number % EVERY == 0:
            found[f"{number:03}-honest"] = None
        found[f"{number:03}-{attack.name}"] = attack
    return found | {"999-honest": None}


STUDENTS = names()


@cache
def hidden(name: str = HW) -> list[str]:
    return secrets(name)


@dataclass
class Graded:
    """One run over all attackers and some honest students, and what it has left."""

    course: Path
    run: Ran
    heard: list[str]
    left: list[str]

    def page(self, student: str) -> str:
        return page(self.course, HW, student)

    def notebook(self, student: str) -> nbformat.NotebookNode:
        return graded(self.course, HW, student)


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Graded:
    """The class, graded in a copy of the project in which nobody waits for long."""
    folder = tmp_path_factory.mktemp("attacks")
    root = project.make(folder / "project", LIMITS, (HW,), forbid=True)
    course, handed_in, listener = folder / "course", folder / "in", Listener()
    handed_in.mkdir()
    known = json.loads(RELEASED.read_text("utf8"))
    places = {"course": course, "root": root, "port": listener.port}
    # all but the training, which takes its time
    honest = nbformat.writes(filled(reference(homework().solutions[:-1])))
    for student, attack in STUDENTS.items():
        text = json.dumps(attack.notebook(known, **places)) if attack else honest
        (handed_in / f"{student}.ipynb").write_text(text, "utf8")
    before = hashes(handed_in) | hashes(root / "solutions" / HW)
    memory = segments()
    command = ("grade", "hw1", "--from", handed_in, "--jobs", "4")
    ran = grader(course, *command, cwd=root, env=project.environment())
    left = left_behind(course, root)
    if hashes(handed_in) | hashes(root / "solutions" / HW) != before:
        left.append("changed files")
    if segments() - memory:
        left.append("shared memory")
    return Graded(course, ran, listener.heard, left)


def test_no_point_is_earned(done):
    expected = {s: a.earns if a else POINTS for s, a in STUDENTS.items()}
    found = marks(done.course, HW)
    wrong = {s: found.get(s) for s in expected if found.get(s) != expected[s]}
    assert not wrong, done.run.stdout[-3000:] + done.run.stderr[-3000:]


def test_every_submission_is_graded(done):
    total = len(STUDENTS)
    assert f"{total} of {total} graded" in done.run.stdout, done.run.stdout
    assert "NOT" not in done.run.said
    assert "Traceback" not in done.run.said
    assert done.run.returncode == 0


def test_nothing_is_left_behind(done):
    assert not done.left
    assert not done.heard


STALE = {"AttributeError", "ImportError", "KeyError", "NameError", "TypeError"}
# from what is said where the other side breaks the rules of the door
RULES = "Your code ended, or broke off|process ended here|Your code took more than"
# their answers are well-formed, and no more than wrong
WELL_FORMED = {
    *("wire-overlap", "wire-bool", "wire-handle", "wire-error", "wire-changed"),
    *("wire-surrogates", "wire-descriptors", "wire-names", "wire-outputs"),
    *("unseen-changes", "listening"),
}


@pytest.mark.parametrize("attack", DOOR, ids=lambda attack: attack.name)
def test_the_door_is_tried(done, attack):
    """These attackers know the room's code as it is now, and the judge notices them."""
    (student,) = [s for s, a in STUDENTS.items() if a == attack]
    (cell,) = [
        c for c in done.notebook(student).cells if attack.code.strip() in c.source
    ]
    assert not STALE & {output.get("ename") for output in cell.outputs}
    assert attack.name in WELL_FORMED or re.search(RULES, text_of(done.page(student)))


def expected_values(done: Graded, student: str) -> list[str]:
    """What the first test expects of this student, as it would be printed."""
    salt = (done.course / "secret").read_text().strip()
    cells = [c for c in done.notebook(student).cells if c.id != "from-the-grader"]
    work = hashlib.sha256("\0".join(cell.source for cell in cells).encode()).hexdigest()
    found = []
    for again in ("", "/again"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BYHAND_SEED", f"{salt}/{HW}/{student}/{work}{again}")
            g = check.generator("linear_forward")
        shapes = [(4, 3), (2, 3), (2,)]
        X, W, b = (torch.randn(s, generator=g, dtype=torch.float64) for s in shapes)
        found += [f"{value:.4f}" for value in (X @ W.T + b).flatten().tolist()]
    return found


@pytest.mark.parametrize("student", [s for s, a in STUDENTS.items() if a])
def test_no_secret_is_shown(done, student):
    attack, course = STUDENTS[student], done.course
    cells = done.notebook(student).cells
    outputs = [cell.get("outputs") for cell in cells]
    text = text_of(done.page(student))
    text += json.dumps(outputs, ensure_ascii=False).replace('\\"', '"')
    assert not [line for line in hidden() if line in text]
    assert "HIDDEN TESTS" not in text or "HIDDEN" in attack.code
    assert not [value for value in expected_values(done, student) if value in text]
    assert attack.silent or f"tried {attack.name}" in text or not attack.code
    # who names the course folder may read its name again, and nobody else
    named = any(str(course) in cell.source for cell in cells)
    assert named or str(course) not in json.dumps(outputs)


def test_pages_run_no_code_of_a_student(done):
    """Only the page's own scripts, which every page has, are in any of them."""

    def active(student):
        found = re.findall(
            r"<(?:script|iframe|svg|form|base|meta|object|embed|img|style"
            r"|link|button|math)\b[^>]*",
            done.page(student),
            re.I,
        )
        found += re.findall(
            r"<[^>]*\s(?:on\w+|style|srcdoc)\s*=[^>]*>", done.page(student)
        )
        return {f for f in found if "data:image/png;base64," not in f}

    usual = active("999-honest")
    for student in STUDENTS:
        assert active(student) <= usual, student
        assert 'href="javascript:' not in done.page(student)
    (student,) = [s for s in STUDENTS if s.endswith("-html")]
    assert "alert(1)" in done.page(student)


def test_the_formgrader_runs_no_code_of_a_student(done):
    """What an instructor sees in the browser, with the rights of their server."""
    from nbconvert.exporters import HTMLExporter

    from grader.course.course import Course

    config = Course(done.course).config
    extensions = Path(nbgrader.__file__).parent / "server_extensions"
    folder = extensions / "formgrader" / "templates"
    assert folder.is_dir()
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [str(folder)]
    exporter = HTMLExporter(config=config)
    shown = exporter.environment.from_string("{{ cell.source | markdown2html }}")
    for name in ("html", "pictures", "html-output", "hostile-errors", "metadata"):
        (student,) = [s for s in STUDENTS if s.partition("-")[2] == name]
        cells = done.notebook(student)
        body = "".join(
            shown.render(cell=cell)
            for cell in cells.cells
            if cell.cell_type == "markdown"
        )
        assert not re.search(
            r"<(script|iframe|svg|form|style|base|meta|math)"
            r'|<img(?![^>]*src="data:image/(?:png|jpeg|gif|webp);base64,)',
            body,
        )
        assert not re.search(r"<[^>]*\son\w+\s*=", body)


def test_one_student_leaves_nothing_for_the_next(forked_grader, tmp_path):
    """Graded one after the other by the same worker, and then side by side by two."""
    folder, released = tmp_path / "in", json.loads(RELEASED.read_text("utf8"))
    folder.mkdir()
    for n, code in enumerate([LEAVE, LOOK, LEAVE, LOOK, LOOK]):
        text = json.dumps(Attack(f"s{n}", "", code).notebook(released))
        (folder / f"s{n}.ipynb").write_text(text, "utf8")
    for jobs in ("1", "2"):
        course = tmp_path / jobs
        command = ("grade", "hw1", "--from", folder, "--jobs", jobs)
        forked_grader(course, *command, env=ENVIRONMENT)
        for n, word in enumerate(["left", "looked", "left", "looked", "looked"]):
            cells = graded(course, HW, f"s{n}").cells
            shown = json.dumps([c.get("outputs") for c in cells])
            assert word in shown and "FOUND" not in shown


# what an attack does in a cell of its own, it can do in every homework
GENERAL = [
    a for a in ATTACKS if a.code and not (a.cells or a.edit or a.earns or a.bomb)
]
OTHERS = sorted(p.stem for p in ROOT.glob("assignments/hw*/*.ipynb") if p.stem != HW)


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_homeworks_give_nothing_either(name, forked_grader, tmp_path):
    """The attacks are shared out among the other homeworks."""
    released = json.loads((ROOT / "assignments" / name / f"{name}.ipynb").read_text())
    folder, course = tmp_path / "in", tmp_path / "course"
    folder.mkdir()
    attacks = GENERAL[OTHERS.index(name) :: len(OTHERS)]
    assert len(attacks) >= 10
    for attack in attacks:
        text = json.dumps(attack.notebook(released, course=course, root=ROOT, port=9))
        (folder / f"{attack.name}.ipynb").write_text(text, "utf8")
    command = ("grade", name, "--from", folder, "--jobs", "4")
    run = forked_grader(course, *command, env=ENVIRONMENT)
    assert marks(course, name) == {attack.name: 0 for attack in attacks}, run.said
    assert len(hidden(name)) > 10
    for attack in attacks:
        text = text_of(page(course, name, attack.name))
        assert not [line for line in hidden(name) if line in text], attack.name
