"""The instructor's page about a class: its numbers, that it does no harm, and what-if."""

import itertools
import re
from pathlib import Path

import nbformat
import pytest
from build import install_katex

from grader import __main__ as command_line
from grader.course.course import Course
from grader.course.release import release
from grader.records.alike import Alike, Group
from grader.records.report import Bar, Message, Remarks, Report, Slow, Success, _bars
from grader.records.report_page import rendered
from tests.support.browser import browser
from tests.support.class_of_four import CLASS, EXPECTED, copied
from tests.support.copy_of_the_project import TINY, tiny
from tests.support.course_folder import hand_in, hashes, marks
from tests.support.pages import Elements
from tests.support.solutions import ROOT

# nbgrader's own sessions cause them
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")


def words(html: str) -> str:
    """What a page says."""
    return " ".join(Elements(html.partition("</style>")[2]).text.split())


def section(html: str, place: str) -> str:
    """What it says in one of its sections."""
    found = re.search(rf'<h2 id="{place}">.*?(?=<h2|</main>)', html, re.S)
    return words("</style>" + found[0]) if found else ""


# The numbers of a class whose marks are known, and of one who is only on the list

MORE = {"gil": 3, "hal": 0}


def enrol_more(course: Path) -> None:
    """One whose notebook crashes, and one who has nothing right and has lost a test."""
    hand_in(course, TINY, "gil", tiny(double="import os\n\nos._exit(3)"))
    wrong = tiny("def double(x):\n    return x", "def halve(x):\n    return x")
    notebook = nbformat.reads(wrong, 4)
    notebook.cells = [cell for cell in notebook.cells if cell.id != "halve_test"]
    hand_in(course, TINY, "hal", nbformat.writes(notebook))


@pytest.fixture(scope="module")
def report(copied_grader, undisturbed, tmp_path_factory):
    """(the course, the page) after a run of `grader report`."""
    course = copied(undisturbed, tmp_path_factory.mktemp("class") / "course")
    enrol_more(course)
    assert copied_grader(course, "grade", TINY).returncode == 1
    assert marks(course, TINY) == EXPECTED | MORE
    with Course(course).gradebook() as gradebook:
        gradebook.update_or_create_student("eve", first_name="Eve", last_name="<i>Day")
        gradebook.update_or_create_student("ada", first_name="Ada", last_name="Day")
    result = copied_grader(course, "report", TINY)
    path = course / "reports" / f"{TINY}.html"
    assert result.stdout == f"Report: {path}\n" and result.returncode == 0, result.said
    return course, path.read_text("utf8")


def test_who_handed_in_and_the_marks(report):
    _, html = report
    assert EXPECTED == {"ada": 6, "bob": 3, "cy": 3, "dee": 0}
    text = words(html)
    assert text.startswith("Two functions 6 of 7 students have handed in median 3 of 6")
    assert "mean 2.5 of 6 full marks 1 no points 2 refused 1" in text
    said = section(html, "marks")
    assert said.endswith("points students 0–1 2 1–2 0 2–3 0 3–4 3 4–5 0 5–6 1")
    alternative = {v for t, n, v in Elements(html).attributes if n == "aria-label"}
    assert (
        "How many students have how many points: 0–1 points, 2; 1–2 points, 0; 2–3 "
        "points, 0; 3–4 points, 3; 4–5 points, 0; 5–6 points, 1."
    ) in alternative
    assert section(html, "absent").startswith("Handed in nothing eve Eve <i>Day")


def test_each_exercise(report):
    """Of the five who could be graded; the hardest first."""
    said = section(report[1], "exercises").split("full part none mean ")[1]
    assert said == (
        "double_test 2 points 1 0 4 20% "
        "double_more_test 1 points 1 0 4 20% "
        "halve_test 3 points 4 0 1 80%"
    )


def test_messages(report):
    said = section(report[1], "messages")
    said = said.split("students message ")[1]
    assert said.startswith(
        "2 A tensor is not doubled. double_more_test 2 double(3) is "
    )
    assert (
        "wrong. double_test 1 " in said and " 1 halve(3) is wrong. halve_test" in said
    )


def test_what_to_look_at(report):
    _, html = report
    refused = section(html, "refused")
    assert re.search(
        r"dee the file is not a notebook \(.*\): it may be damaged", refused
    )
    look = section(html, "look").split("student why ")[1]
    found = r"gil double: The notebook's process ended here: exit code 3\. hal no points: double_test: double\(3\) is wrong\."
    assert re.fullmatch(found, look), look
    repaired = section(html, "repaired").split("student what ")[1]
    assert repaired == "hal halve_test: it was deleted, and is put back"
    slow = section(html, "slow")
    for student in ("ada", "bob", "cy", "gil", "hal"):
        seconds = rf"\b{student}\b( Ada Day)? \d+\.\d s \d+\.\d s \d+\.\d s"
        assert re.search(seconds, slow)
    assert "no two submissions with enough" in section(html, "alike")


def test_students_lead_to_their_pages(report):
    course, html = report
    links = {v for t, n, v in Elements(html).attributes if n == "href"}
    pages = {link for link in links if not link.startswith("#")}
    assert pages == {f"../feedback/{s}/{TINY}/{TINY}.html" for s in CLASS | MORE}
    for page in pages:
        assert (course / "reports" / page).resolve().exists()
    places = {v for t, n, v in Elements(html).attributes if n == "id"}
    assert {link[1:] for link in links - pages} <= places


def test_what_has_changed_since(report, copied_grader, tmp_path):
    """Work that came later, and work that nobody has graded, is named."""
    course, html = report
    assert "To be graded again" not in html and "Not graded yet" not in html
    notebook = course / "submitted" / "ada" / TINY / f"{TINY}.ipynb"
    before = notebook.read_bytes()
    new = course / "submitted" / "flo" / TINY
    try:
        notebook.write_bytes(before + b"\n")
        new.mkdir(parents=True)
        (new / f"{TINY}.ipynb").write_bytes(before)
        assert copied_grader(course, "report", TINY).returncode == 0
        text = words((course / "reports" / f"{TINY}.html").read_text("utf8"))
    finally:
        notebook.write_bytes(before)
        (new / f"{TINY}.ipynb").unlink(missing_ok=True)
        new.rmdir()
        new.parent.rmdir()
    assert "7 of 8 students have handed in Not graded yet: flo." in text
    assert re.search(r"To be graded again, because of .*: ada Ada Day \.", text)


# A class that is not there


@pytest.mark.parametrize("released", [False, True])
def test_nobody_has_handed_in(released, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command_line, "_early_engine", lambda options: None)
    course = Course(tmp_path / "course")
    if released:
        release(course, "hw0_tensors", tmp_path / "released")
        with course.gradebook() as gradebook:
            gradebook.update_or_create_student("ada")
    command = ["--course", str(course.folder), "report", "hw0"]
    assert command_line.main(command) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "Nobody has handed in hw0_tensors yet: collect a folder first."
    )
    text = words((course.folder / "reports" / "hw0_tensors.html").read_text("utf8"))
    assert "Nobody has handed in anything yet." in text
    assert ("1 student is in the gradebook." in text) == released


@pytest.mark.parametrize(
    ("points", "most", "bars"),
    [
        ([], 6, []),
        ([0, 0], 0, []),
        ([0, 2.5, 3], 3, [("0–1", 1), ("2–3", 2)]),
        ([0, 4.99, 5, 49, 50, 52], 50, [("0–5", 2), ("5–10", 1), ("45–50", 3)]),
        ([23, 22], 23, [("22–23", 2)]),
        ([0.5, 0.2], 0.5, [("0–0.5", 2)]),
        ([7000], 7000, [("6416.67–7000", 1)]),
    ],
)
def test_bars(points, most, bars):
    found = _bars(points, most)
    assert [tuple(bar) for bar in found if bar.students] == bars
    assert sum(bar.students for bar in found) == (len(points) if most else 0)


# What students can write, and what is shown of it

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)> \u202e \x1b[2J {{ 7 * 7 }} \"'&"


def full(text: str, students: tuple[str, ...]) -> Report:
    """A report with something of everything, in which all words are that text."""
    points = {student: float(number % 11) for number, student in enumerate(students)}
    remarks = [Remarks(student, (text, text)) for student in students]
    tests = tuple(Success(text, 5, 4, 2, 3, 1, 0.5) for _ in range(2))
    return Report(
        "hw",
        title=text,
        most=10,
        points=points,
        names=dict.fromkeys(students, text),
        absent=list(students[:2]),
        ungraded=list(students[:2]),
        changed=list(students),
        waiting=2,
        bars=[Bar(f"{n}–{n + 1}", n % 4) for n in range(10)],
        exercises=[Success(text, 10, 3, 4, 5, 1, 0.4, tests)],
        messages=[
            Message(text, 20 - n, tuple((text, k) for k in range(5))) for n in range(60)
        ],
        slowest=[Slow(student, 2.5, 0.125) for student in students[:5]],
        usual=1.5,
        repaired=remarks,
        refused=remarks[:3],
        look=remarks,
        alike=Alike([Group(students[:14], (0.9, 1.0), (0.5, 0.75))] * 25, 0.4, 14),
        silent=3,
    )


def test_nothing_of_anybodys_runs():
    students = (EVIL, *(f"s{number}" for number in range(20)))
    html = rendered(full(EVIL, students))
    found = Elements(html)
    assert not found.tags & {
        "script",
        "img",
        "iframe",
        "link",
        "object",
        "form",
        "base",
    }
    assert not [n for _, n, _ in found.attributes if n.startswith("on") or n == "src"]
    assert "default-src 'none'" in html
    links = [v for _, n, v in found.attributes if n == "href"]
    assert links and all(link.startswith("#") for link in links)
    assert "\u202e" not in html and "\x1b" not in html and "49" not in words(html)
    assert (
        words(html).count("<script>alert(1)</script><img src=x onerror=alert(1)>") > 50
    )


def test_all_that_is_much_is_bounded():
    students = tuple(f"s{number}" for number in range(30))
    text = words(rendered(full("short", students)))
    assert "20 more" in text and "And 20 that fewer have met." in text
    assert "and 2 more 90–100% 50–75%" in text and "And 5 more, less alike." in text
    assert "Of 3 submissions it is not known" in text
    long = "x" * 5000
    report = full("short", students)
    report.messages, report.look = [Message(long, 1, ())], [Remarks("s1", (long, long))]
    text = words(rendered(report))
    assert text.count("x" * 400) == 3 and "x" * 401 not in text


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.mark.parametrize(
    ("theme", "width"), list(itertools.product(("light", "dark"), (390, 1280)))
)
def test_the_page_is_there_for_everyone(chromium, theme, width):
    """axe finds nothing, nothing is asked for, no scrolling sideways, keys reach all."""
    install_katex()  # and axe with it
    axe = (ROOT / "book/node_modules/axe-core/axe.min.js").read_text("utf8")
    students = tuple(f"student-{number}" for number in range(30))
    html = rendered(
        full("dW is wrong in 3 of 40 entries: " + "long" * 40, students),
        {student: f"../feedback/{student}/hw/hw.html" for student in students},
    )
    context = chromium.new_context(
        color_scheme=theme, viewport={"width": width, "height": 844}, bypass_csp=True
    )
    tab = context.new_page()
    seen = []
    tab.on("request", lambda request: seen.append(request.url))
    tab.on("console", lambda message: seen.append(message.text))
    tab.set_content(html)
    tab.keyboard.press("Tab")
    assert (
        tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    )
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = """() => [...document.querySelectorAll("main *")].filter(e => e.textContent
        && parseFloat(getComputedStyle(e).fontSize) < 11).length"""
    assert tab.evaluate(small) == 0
    tab.evaluate(axe)
    found = tab.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
    assert seen == []
    context.close()


# What a changed test would change


@pytest.fixture
def edited(project_copy):
    """Edit the tests of the tiny homework in solutions/, for a while."""
    path = Path(project_copy) / "solutions" / TINY / f"{TINY}.ipynb"
    before = path.read_bytes()

    def edit(**tests: str) -> None:
        notebook = nbformat.reads(before.decode(), 4)
        for cell in notebook.cells:
            cell.source = tests.get(cell.id, cell.source)
        nbformat.write(notebook, path)

    yield edit
    path.write_bytes(before)


def kept(course: Path) -> dict:
    """All files of a course but what was judged, and the lock."""
    found = hashes(course)
    rest = {p: h for p, h in found.items() if p.parent != course / "verdicts" / TINY}
    return {p: h for p, h in rest.items() if p.name != ".lock"}


def test_what_a_changed_test_would_change(copied_grader, undisturbed, edited, tmp_path):
    course = copied(undisturbed, tmp_path / "course")
    copied_grader(course, "grade", TINY)
    before = kept(course)

    result = copied_grader(course, "report", TINY, "--what-if")
    assert "0 of 3 would change: 0 up, 0 down." in result.stdout, result.said

    edited(
        double_test="assert double(3) in (6, 9), 'double(3) is wrong.'",
        halve_test="assert halve(3) == 1.5 and halve(True) is None, 'halve is wrong.'",
    )
    result = copied_grader(course, "report", TINY, "--what-if")
    assert result.returncode == 0, result.said
    said = result.stdout[result.stdout.index("ada ") :]  # after a line on the data set
    lines = [line.split() for line in said.splitlines()]
    assert lines == [
        ["ada", "6", "→", "3"],
        ["halve_test:", "3", "→", "0"],
        ["bob", "3", "→", "2"],
        ["double_test:", "0", "→", "2"],
        ["halve_test:", "3", "→", "0"],
        ["cy", "3", "→", "0"],
        ["halve_test:", "3", "→", "0"],
        *[line for line in lines if line[:1] == ["dee"]],
        [],
        ["3", "of", "3", "would", "change:", "0", "up,", "3", "down."],
        [
            "Nothing",
            "was",
            "recorded.",
            "To",
            "record",
            "it:",
            "release,",
            "and",
            "grade.",
        ],
    ]
    assert "left out: the file is not a notebook" in result.stdout
    assert kept(course) == before  # the gradebook, graded notebooks, pages: all of it

    # what was foretold comes true, and nothing is judged anew for it
    verdicts = set((course / "verdicts" / TINY).glob("*.json"))
    copied_grader(course, "grade", TINY)
    assert marks(course, TINY) == {"ada": 3, "bob": 2, "cy": 0, "dee": 0}
    assert set((course / "verdicts" / TINY).glob("*.json")) == verdicts


def test_points_given_by_hand_stay(copied_grader, undisturbed, edited, tmp_path):
    course = copied(undisturbed, tmp_path / "course")
    copied_grader(course, "grade", TINY)
    with Course(course).gradebook() as gradebook:
        gradebook.find_grade("halve_test", TINY, TINY, "ada").manual_score = 2.5
        gradebook.db.commit()
    edited(halve_test="assert False, 'halve is wrong.'")
    result = copied_grader(course, "report", TINY, "--what-if")
    assert "ada" not in result.stdout and "2 of 3 would change" in result.stdout


def test_what_if_before_anything_was_graded(copied_grader, undisturbed, tmp_path):
    course = copied(undisturbed, tmp_path / "course")
    result = copied_grader(course, "report", TINY, "--what-if")
    assert result.returncode == 2
    assert result.stderr == f"{TINY} is not in the gradebook yet: release it first.\n"
