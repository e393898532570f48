"""Hostile submissions earn nothing, learn nothing, leave nothing, and harm nobody."""

import csv
import json
import re
import socket
import threading
from pathlib import Path

import nbformat
import pytest
import torch

from byhand import check
from tests.attacks import ATTACKS, LEAVE, LOOK, MARK, Attack
from tests.support.solutions import ROOT, secrets
from tests.test_course_loop import (
    HW,
    RELEASED,
    filled,
    grader,
    hashes,
    homework,
    reference,
)

EVERY = 12  # attacks between two honest students
HONEST = homework.solutions[:-1]  # all but the training, which takes its time
POINTS = 40
LIMITS = {"cell": 2, "total": 10, "memory": 500, "processes": 32, "files": 16}
KNOWN = RELEASED.read_text("utf8")
HIDDEN = secrets(HW)


def names() -> dict:
    """Students, in the order in which they are graded: an attack, or None if honest."""
    found = {}
    for number, attack in enumerate(ATTACKS):
        if number % EVERY == 0:
            found[f"{number:03}-honest"] = None
        found[f"{number:03}-{attack.name}"] = attack
    return found | {"999-honest": None}


STUDENTS = names()


class Listener:
    """Notes whoever calls this machine, by TCP, UDP or an abstract Unix socket."""

    def __init__(self):
        self.heard: list[str] = []
        tcp = socket.create_server(("", 0))
        self.port = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("", self.port))
        unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unix.bind(f"\0{MARK}-{self.port}")
        unix.listen()
        self.sockets = {"TCP": tcp, "UDP": udp, "Unix": unix}
        for kind, found in self.sockets.items():
            wait = found.accept if kind != "UDP" else lambda: udp.recv(9)
            threading.Thread(target=self._wait, args=(kind, wait), daemon=True).start()

    def _wait(self, kind, wait):
        while True:
            wait()
            self.heard.append(kind)


def left_behind(course: Path) -> list[str]:
    """Files and processes of the attackers' on this machine."""
    places = ["/", "/tmp", "/var/tmp", "/dev", "/dev/shm", "/run", "/etc", "/root"]
    places += [course, course / "submitted", ROOT, Path.home(), Path.cwd()]
    places += [ROOT / part for part in ("byhand", "grader", f"solutions/{HW}")]
    found = [str(p) for place in places for p in Path(place).glob(f"{MARK}*")]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "environ").read_bytes() + (
                process / "cmdline"
            ).read_bytes()
        except OSError:
            continue
        if MARK.encode() in text:
            found.append(text.decode(errors="replace")[:200])
    return found


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Everything about one run over all attackers and some honest students."""
    course = tmp_path_factory.mktemp("private") / "course"
    folder = tmp_path_factory.mktemp("handed-in")
    released, listener = json.loads(KNOWN), Listener()
    places = {"course": course, "root": ROOT, "port": listener.port}
    for student, attack in STUDENTS.items():
        text = nbformat.writes(filled(reference(HONEST)))
        if attack:
            text = json.dumps(attack.notebook(released, **places))
        (folder / f"{student}.ipynb").write_text(text, "utf8")
    before = hashes(folder) | hashes(ROOT / "solutions" / HW)
    memory = Path("/proc/sysvipc/shm").read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BYHAND_LIMITS", json.dumps(LIMITS))
        patch.setenv("BYHAND_OFFLINE", "1")
        patch.delenv("BYHAND_DATA", raising=False)
        run = grader(course, "grade", "hw1", "--from", folder, "--jobs", "2")
    left = left_behind(course)
    if hashes(folder) | hashes(ROOT / "solutions" / HW) != before:
        left.append("changed files")
    if Path("/proc/sysvipc/shm").read_text() != memory:
        left.append("shared memory")
    return course, run, listener, left


def points(course: Path) -> dict:
    with open(course / "grades.csv", newline="") as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def notebook(course: Path, student: str) -> nbformat.NotebookNode:
    return nbformat.read(course / "autograded" / student / HW / f"{HW}.ipynb", 4)


def page(course: Path, student: str) -> str:
    path = course / "feedback" / student / HW / f"{HW}.html"
    return path.read_text("utf8")


def test_no_point_is_earned(graded):
    course, run, _, _ = graded
    expected = {s: a.earns if a else POINTS for s, a in STUDENTS.items()}
    found = points(course)
    wrong = {s: found.get(s) for s in expected if found.get(s) != expected[s]}
    assert not wrong, run.stdout[-3000:] + run.stderr[-3000:]


def test_every_submission_is_graded(graded):
    _, run, _, _ = graded
    assert f"{len(STUDENTS)} of {len(STUDENTS)} graded" in run.stdout, run.stdout
    assert "NOT" not in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert run.returncode == 0


def test_nothing_is_left_behind(graded):
    _, _, listener, left = graded
    assert not left
    assert not listener.heard


def expected_values(student: str) -> list[str]:
    """What the first test expects of this student, as it would be printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BYHAND_SEED", f"{HW}/{student}")
        g = check.generator("linear_forward")
    shapes = [(4, 3), (2, 3), (2,)]
    X, W, b = (torch.randn(s, generator=g, dtype=torch.float64) for s in shapes)
    return [f"{value:.4f}" for value in (X @ W.T + b).flatten().tolist()]


@pytest.mark.parametrize("student", [s for s, a in STUDENTS.items() if a])
def test_no_secret_is_shown(graded, student):
    course, _, _, _ = graded
    attack, shown = STUDENTS[student], page(course, student)
    cells = notebook(course, student).cells
    outputs = [cell.get("outputs") for cell in cells]
    text = re.sub(r"<[^>]+>", "", shown).replace("&#39;", "'").replace("&quot;", '"')
    text += json.dumps(outputs, ensure_ascii=False).replace('\\"', '"')
    assert not [line for line in HIDDEN if line in text]
    assert "HIDDEN TESTS" not in text or "HIDDEN" in attack.code
    assert not [value for value in expected_values(student) if value in text]
    assert attack.silent or f"tried {attack.name}" in text or not attack.code
    # who names the course folder may read its name again, and nobody else
    named = any(str(course) in cell.source for cell in cells)
    assert named or str(course) not in json.dumps(outputs)


def test_pages_run_no_code_of_a_student(graded):
    """Only the page's own scripts, which every page has, are in any of them."""
    course, _, _, _ = graded

    def active(student):
        found = re.findall(
            r"<(?:script|iframe|svg|form|base|meta|object|embed|img|style"
            r"|link|button|math)\b[^>]*",
            page(course, student),
            re.I,
        )
        found += re.findall(
            r"<[^>]*\s(?:on\w+|style|srcdoc)\s*=[^>]*>", page(course, student)
        )
        return {f for f in found if "data:image/png;base64," not in f}

    usual = active("999-honest")
    for student in STUDENTS:
        assert active(student) <= usual, student
        assert 'href="javascript:' not in page(course, student)
    assert "alert(1)" in page(course, next(s for s in STUDENTS if s.endswith("-html")))


def test_the_formgrader_runs_no_code_of_a_student(graded):
    """What an instructor sees in the browser, with the rights of their server."""
    from nbconvert.exporters import HTMLExporter

    from grader.course.course import Course

    course, _, _, _ = graded
    config = Course(course).config
    import nbgrader.server_extensions.formgrader as formgrader

    folder = Path(formgrader.__file__).parent / "templates"
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [str(folder)]
    exporter = HTMLExporter(config=config)
    for name in ("html", "pictures", "html-output", "hostile-errors", "metadata"):
        (student,) = [s for s in STUDENTS if s.partition("-")[2] == name]
        cells = notebook(course, student)
        body = "".join(
            exporter.environment.filters["markdown2html"](cell.source)
            for cell in cells.cells
            if cell.cell_type == "markdown"
        )
        assert not re.search(
            r"<(script|iframe|img|svg|form|style|base|meta|math)", body
        )
        assert not re.search(r"<[^>]*\son\w+\s*=", body)


def test_one_student_leaves_nothing_for_the_next(tmp_path, monkeypatch):
    """Graded one after the other by the same worker, and then side by side by two."""
    monkeypatch.setenv("BYHAND_LIMITS", json.dumps(LIMITS))
    monkeypatch.setenv("BYHAND_OFFLINE", "1")
    monkeypatch.delenv("BYHAND_DATA", raising=False)
    folder, released = tmp_path / "in", json.loads(KNOWN)
    folder.mkdir()
    for n, code in enumerate([LEAVE, LOOK, LEAVE, LOOK, LOOK]):
        text = json.dumps(Attack(f"s{n}", "", code).notebook(released))
        (folder / f"s{n}.ipynb").write_text(text, "utf8")
    for jobs in ("1", "2"):
        course = tmp_path / jobs
        grader(course, "grade", "hw1", "--from", folder, "--jobs", jobs)
        for n, word in enumerate(["left", "looked", "left", "looked", "looked"]):
            cells = notebook(course, f"s{n}").cells
            shown = json.dumps([c.get("outputs") for c in cells])
            assert word in shown and "FOUND" not in shown


# what an attack does in a cell of its own, it can do in every homework
GENERAL = [
    a for a in ATTACKS if a.code and not (a.cells or a.edit or a.earns or a.bomb)
]
OTHERS = sorted(p.stem for p in ROOT.glob("assignments/hw*/*.ipynb") if p.stem != HW)


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_homeworks_give_nothing_either(name, tmp_path, monkeypatch):
    """The attacks are shared out among the other homeworks."""
    monkeypatch.setenv("BYHAND_LIMITS", json.dumps(LIMITS))
    monkeypatch.setenv("BYHAND_OFFLINE", "1")
    monkeypatch.delenv("BYHAND_DATA", raising=False)
    released = json.loads((ROOT / "assignments" / name / f"{name}.ipynb").read_text())
    folder, course = tmp_path / "in", tmp_path / "course"
    folder.mkdir()
    attacks = GENERAL[OTHERS.index(name) :: len(OTHERS)]
    assert len(attacks) >= 10
    for attack in attacks:
        text = json.dumps(attack.notebook(released, course=course, root=ROOT, port=9))
        (folder / f"{attack.name}.ipynb").write_text(text, "utf8")
    run = grader(course, "grade", name, "--from", folder, "--jobs", "2")
    assert points(course) == {attack.name: 0 for attack in attacks}, run.stdout
    hidden = secrets(name)
    assert len(hidden) > 10
    for attack in attacks:
        path = course / "feedback" / attack.name / name / f"{name}.html"
        text = re.sub(r"<[^>]+>", "", path.read_text("utf8"))
        text = text.replace("&#39;", "'").replace("&quot;", '"')
        assert not [line for line in hidden if line in text], attack.name
