"""A homework on JupyterHub, from release to feedback, as people see it in a browser.

The tests are the steps, in their order. ``SCREENSHOTS=folder`` keeps a picture of each.
"""

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from tests.support import hub as support
from tests.support.browser import browser
from tests.support.hub import (
    COURSE,
    INSTRUCTOR,
    PASSWORD,
    PLACE,
    SECONDS,
    STUDENTS,
    Hub,
)
from tests.support.solutions import ROOT, secrets
from tests.support.submissions import HW, RELEASED, reference

if reason := support.missing():
    pytest.skip(reason, allow_module_level=True)

SOLVED = ("linear_forward", "linear_backward")
POINTS = {"ada": 8, "bob": 2}  # of 50
INBOUND = f"/usr/local/share/nbgrader/exchange/{COURSE}/inbound"


def solution(cell: str) -> str:
    """What a student writes in a cell."""
    lines = reference([cell])[cell].splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("###"))


class Person:
    """Somebody who has logged in, and whose server starts."""

    def __init__(self, hub: Hub, chromium, name: str):
        self.hub, self.name = hub, name
        size = {"width": 1500, "height": 950}
        self.page = chromium.new_context(viewport=size).new_page()
        self.page.set_default_timeout(1000 * SECONDS)
        self.page.goto(hub.address)
        self.page.fill("#username_input", name)
        self.page.fill("#password_input", PASSWORD)
        self.page.click("#login_submit")

    def wait(self) -> None:
        """Wait until JupyterLab is open."""
        self.page.wait_for_url(f"**/user/{self.name}/lab**")
        self.page.wait_for_selector("#jp-MainLogo")

    def menu(self) -> list[str]:
        """Open nbgrader's menu; its lines."""
        self.page.click("#jp-MainMenu >> text=Nbgrader")
        self.page.wait_for_selector(".lm-Menu-itemLabel")
        lines = self.page.locator(".lm-Menu-itemLabel").all_inner_texts()
        return [line for line in lines if line]

    def choose(self, line: str) -> None:
        self.menu()
        self.page.click(f".lm-Menu-itemLabel >> text=/^{line}$/")

    def picture(self, name: str) -> None:
        if folder := os.environ.get("SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder, f"{name}.png"))

    def terminal(self, command: str, status: int = 0) -> str:
        """What a command in a terminal of theirs says."""
        done = self.hub.terminal(self.name, command)
        assert done.returncode == status, done.said
        return done.said

    def fetch(self, path: str) -> tuple[int, str]:
        """A page of the hub: its status and text."""
        answer = self.page.request.get(f"{self.hub.address}{path}")
        return answer.status, answer.text()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    support.install_proxy()
    course = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", course)
    shutil.copytree(ROOT / "solutions" / HW, course / "solutions" / HW)
    with Hub(tmp_path_factory.mktemp("hub"), course) as hub:
        hub.wait()
        yield hub


@pytest.fixture(scope="module")
def people(hub):
    """By name: the instructor and two students."""
    with browser() as chromium:
        found = {n: Person(hub, chromium, n) for n in (INSTRUCTOR, *STUDENTS)}
        for person in found.values():
            person.wait()
        yield found


@pytest.fixture
def prof(people):
    return people[INSTRUCTOR]


@pytest.fixture
def ada(people):
    return people["ada"]


@pytest.fixture(autouse=True)
def in_order(request):
    """No step without those before it; a picture of everybody where one fails."""
    failed = request.session.testsfailed
    if failed and failed != getattr(request.module, "before", failed):
        pytest.skip("a step before this one has failed")
    request.module.before = failed
    yield
    if request.session.testsfailed == failed:
        return
    people = request.getfixturevalue("people").values()
    for person in people:
        person.picture(f"failed-{person.name}")
    print(next(iter(people)).hub.said())


def test_the_button_of_the_book(ada):
    """It brings a repository into the home, and opens a page of it."""
    ada.terminal(
        "mkdir ~/origin && cd ~/origin && git init --quiet --initial-branch=main && "
        "echo '# Chapter 1' > chapter.md && git add . && git -c user.name=a "
        "-c user.email=a@example.org commit --quiet --message=first"
    )
    query = "repo=file:///home/ada/origin&branch=main&targetpath=book"
    target = "urlpath=lab%2Ftree%2Fbook%2Fchapter.md"
    ada.page.goto(f"{ada.hub.address}/hub/user-redirect/git-pull?{query}&{target}")
    ada.page.wait_for_url("**/lab/tree/book/chapter.md")
    ada.page.wait_for_selector("text=Chapter 1")
    ada.picture("0-from-the-book")
    assert ada.terminal("cat ~/book/chapter.md") == "# Chapter 1\n"


def test_release(prof):
    said = prof.terminal("grader release hw1")  # from the home, not from the course
    assert f"/home/{INSTRUCTOR}/{PLACE}/assignments/{HW}/{HW}.ipynb" in said
    prof.terminal(f"nbgrader release_assignment {HW}")
    prof.choose("Formgrader")
    frame = prof.page.frame_locator("iframe")
    frame.locator("#main-table >> text=released").wait_for()
    prof.picture("1-released")


def test_students_have_no_tools_of_instructors(prof, ada):
    assert "Formgrader" in prof.menu()
    prof.page.keyboard.press("Escape")
    assert ada.menu() == ["Assignment List"]
    ada.page.keyboard.press("Escape")
    assert ada.fetch("/user/ada/formgrader/manage_assignments")[0] == 404


def test_fetch(ada):
    ada.choose("Assignment List")
    ada.page.click("#released_assignments_list button:has-text('Fetch')")
    ada.page.wait_for_selector("#fetched_assignments_list button:has-text('Submit')")
    ada.picture("2-fetched")
    found = ada.terminal(f"cat ~/{HW}/{HW}.ipynb")
    assert json.loads(found) == json.loads(RELEASED.read_text("utf8"))


def test_solve_and_validate(ada):
    page = ada.page
    page.goto(f"{ada.hub.address}/user/ada/lab/tree/{HW}/{HW}.ipynb")
    for cell in SOLVED:
        place = page.locator(f".jp-CodeCell:has-text('def {cell}(') .cm-content")
        place.click()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(solution(cell))
    ada.picture("3-solved")
    page.keyboard.press("Control+S")
    page.click(".validate-button")
    dialog = page.locator(".jp-Dialog:has-text('Validation')")
    dialog.wait_for()
    ada.picture("4-validated")
    words = dialog.inner_text()
    dialog.locator("button").last.click()
    assert "NotImplementedError" in words
    _, text = ada.fetch(f"/user/ada/api/contents/{HW}/{HW}.ipynb")
    saved = {c.get("id"): c["source"] for c in json.loads(text)["content"]["cells"]}
    assert {cell: saved[cell] for cell in SOLVED} == {c: solution(c) for c in SOLVED}


def test_submit(ada, people):
    ada.choose("Assignment List")
    ada.page.click("#fetched_assignments_list button:has-text('Submit')")
    ada.page.locator(f"#submitted_assignments_list >> text={HW}").first.wait_for()
    ada.picture("5-submitted")
    bob = people["bob"]
    bob.terminal(f"nbgrader fetch_assignment {HW}")
    code = f"""
import nbformat
from pathlib import Path
path = Path("{HW}/{HW}.ipynb")
notebook = nbformat.read(path, 4)
(cell,) = [c for c in notebook.cells if c.id == "linear_forward"]
cell.source = {solution("linear_forward")!r}
nbformat.write(notebook, path)
"""
    bob.terminal(f"python - <<'END'\n{code}\nEND\nnbgrader submit {HW}")


def test_collect_and_grade_by_the_button(prof):
    said = prof.terminal(
        "grader collect hw1 --from-exchange " + INBOUND.split(f"/{COURSE}")[0]
    )
    assert re.search(r"^ada +collected", said, re.M), said
    assert re.search(r"^bob +collected", said, re.M), said
    page = prof.page
    page.reload()
    prof.choose("Formgrader")
    frame = page.frame_locator("iframe")
    frame.locator(f"a[href*='manage_submissions/{HW}']").first.click()
    row = frame.locator("tr:has-text('ada')")
    row.locator(".autograde a").click()
    frame.locator(".modal >> text=Successfully autograded").wait_for()
    prof.picture("6-graded-by-the-button")
    frame.locator(".modal button:has-text('OK')").last.click()
    row.locator(f"text='{POINTS['ada']} / 50'").wait_for()


def test_grade(prof):
    said = prof.terminal("grader grade hw1")
    for student, points in POINTS.items():
        assert re.search(rf"^{student} +{points} of 50", said, re.M), said
    prof.page.goto(
        f"{prof.hub.address}/user/{INSTRUCTOR}/formgrader/manage_submissions/{HW}"
    )
    for student, points in POINTS.items():
        row = prof.page.locator(f"#main-table tr:has-text('{student}')")
        row.locator(f"text='{points} / 50'").wait_for()
    prof.picture("7-graded")


def test_feedback(prof, ada):
    prof.terminal(f"nbgrader release_feedback {HW}")
    ada.page.reload()
    ada.choose("Assignment List")
    ada.page.locator(
        "#submitted_assignments_list button:has-text('Fetch Feedback')"
    ).click()
    ada.page.locator("#submitted_assignments_list >> text=view feedback").wait_for()
    ada.picture("8-feedback-fetched")
    (path,) = ada.terminal(f"ls {HW}/feedback/*/{HW}.html").splitlines()
    found = ada.terminal(f"cat '{path}'")
    assert f"{POINTS['ada']} of 50" in " ".join(re.sub("<[^>]+>", "", found).split())
    assert not [line for line in secrets(HW, "HIDDEN") if line in found]
    ada.page.goto(f"{ada.hub.address}/user/ada/files/{path}")
    ada.page.wait_for_selector("text=of 50 points")
    ada.picture("9-feedback")


@pytest.mark.parametrize(
    "path",
    [
        f"/home/{INSTRUCTOR}/{PLACE}/solutions/{HW}/{HW}.ipynb",
        f"/home/{INSTRUCTOR}/{PLACE}/course/gradebook.db",
        f"/home/{INSTRUCTOR}/{PLACE}/course/submitted/bob/{HW}/{HW}.ipynb",
        f"/home/bob/{HW}/{HW}.ipynb",
    ],
)
def test_what_a_student_cannot_read(prof, people, ada, path):
    owner = people[path.split("/")[2]]
    owner.terminal(f"test -s {path}")  # it is there
    assert "Permission denied" in ada.terminal(f"cat {path}", status=1)


def test_what_a_student_cannot_do(prof, ada):
    """Other people's submissions, feedback, servers; the exchange in another's name."""
    assert "Permission denied" in ada.terminal(f"ls {INBOUND}", status=2)
    assert ada.fetch("/user/bob/api/contents")[0] in (403, 404)
    assert ada.fetch(f"/user/{INSTRUCTOR}/formgrader/api/assignments")[0] in (403, 404)
    assert ada.fetch("/hub/api/users")[0] == 403
    assert ada.fetch("/hub/admin")[0] == 403
    feedback = INBOUND.replace("inbound", "feedback")
    assert "Permission denied" in ada.terminal(f"ls {feedback}", status=2)
    given = ada.terminal(
        f"grep -rhoE 'BEGIN (HIDDEN|SOLUTION)' ~ {Path(INBOUND).parent}/outbound; true"
    )
    assert "BEGIN" not in given
    stamp = time.strftime("%Y-%m-%d %H:%M:%S.000000 UTC", time.gmtime())
    name = f"{INBOUND}/bob+{HW}+{stamp}+forged"
    ada.terminal(f"cp -r ~/{HW} '{name}'")
    exchange = Path(INBOUND).parents[1]
    said = prof.terminal(f"grader collect hw1 --from-exchange {exchange}", status=1)
    assert "it belongs to ada" in said
    assert re.search(r"^bob +unchanged", said, re.M), said


def test_the_course_folder_is_private(prof):
    said = prof.terminal(f"stat -c %a ~/{PLACE}/course")
    assert said.strip() == "700"
