"""The attacks of ``tests/attacks.py`` against stock nbgrader and against this grader.

Stock nbgrader has the attackers' code run with the rights of whoever grades. So each
attack gets a course of its own, in a container that cannot write anywhere else, and what
would take down the machine from there is left out, and so marked in the table.

What counts: points that were not earned; whether what the attack printed holds lines of
hidden tests or solutions (stock's feedback shows hidden tests to everybody whose work
fails them; that is not counted); files, processes or connections that it made outside.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nbgrader.api import Gradebook

from benchmarks.bench_grader import STOCK
from tests import attacks
from tests.support.course_folder import marks, page, text_of
from tests.support.solutions import ROOT, secrets
from tests.support.submissions import HW, RELEASED
from tests.support.traces import Listener, left_behind

HIDDEN = secrets(HW)
SECONDS = 180  # for one submission under stock nbgrader
CHOSEN = [*attacks.IN_PROCESS, *attacks.SYSTEM, *attacks.NOTEBOOK]


def main() -> None:
    ours = ours_all()
    stock = stock_all()
    print(f"{'attack':20} {'what it tries':58} {'stock':>24}  ours")
    for attack in attacks.ATTACKS:
        found = stock.get(attack.name, "(no such door)")
        found = "(not run: harmful)" if attack.bomb else found
        print(
            f"{attack.name:20} {attack.idea[:58]:58} {found:>24}  {ours[attack.name]}"
        )
    for name, results in (("stock nbgrader", stock), ("this grader", ours)):
        total = len(results)
        points = sum(not words.startswith("0 ") for words in results.values())
        leaks = sum("secrets" in words for words in results.values())
        left = sum("traces" in words for words in results.values())
        print(
            f"{name}: of {total} attacks {points} earned points (or ended the run), "
            f"{leaks} showed secrets, {left} left traces"
        )


def words_for(points, secrets: bool, traces: bool) -> str:
    said = f"{points:g} points" if points is not None else "the run ended"
    return said + (" secrets" if secrets else "") + (" traces" if traces else "")


def printed(cells: list[dict]) -> str:
    """What cells have shown, but for errors: stock's show the tests to everybody."""
    found = [
        {k: v for k, v in output.items() if k in ("text", "data")}
        for cell in cells
        for output in cell.get("outputs", ())
        if output["output_type"] != "error"
    ]
    return json.dumps(found, ensure_ascii=False)


def secrets_in(text: str) -> bool:
    text = text_of(text).replace("\\n", "\n").replace('\\"', '"')
    return any(line in text for line in HIDDEN)


def ours_all() -> dict[str, str]:
    """Every attack, in one run of this grader."""
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        course, folder = Path(scratch, "course"), Path(scratch, "in")
        folder.mkdir()
        listener, released = Listener(), json.loads(RELEASED.read_text("utf8"))
        places = {"course": course, "root": ROOT, "port": listener.port}
        for attack in attacks.ATTACKS:
            text = json.dumps(attack.notebook(released, **places))
            (folder / f"{attack.name}.ipynb").write_text(text)
        env = os.environ | {"BYHAND_LIMITS": json.dumps(attacks.LIMITS)}
        command = [sys.executable, "-m", "grader", "--course", course, "grade", "hw1"]
        subprocess.run(
            [*map(str, command), "--from", str(folder)],
            **{"env": env, "cwd": ROOT, "stdout": subprocess.DEVNULL},
        )
        points = marks(course, HW)
        traces = bool(left_behind(course) or listener.heard)
        for attack in attacks.ATTACKS:
            path = course / "autograded" / attack.name / HW / f"{HW}.ipynb"
            text = printed(json.loads(path.read_text("utf8"))["cells"])
            text += page(course, HW, attack.name)
            results[attack.name] = words_for(
                points.get(attack.name), secrets_in(text), traces
            )
    return results


def stock_all() -> dict[str, str]:
    """Those that stock nbgrader has a door for, each in a course of its own."""
    folder = Path(tempfile.mkdtemp(prefix="stock-", dir=ROOT / "_build"))
    try:
        template = folder / "template"
        shutil.copytree(ROOT / "solutions" / HW, template / "source" / HW)
        (template / "nbgrader_config.py").write_text(STOCK.format(root=str(template)))
        _nbgrader(template, "generate_assignment", HW)
        chosen = [a for a in CHOSEN if not a.bomb]
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda attack: stock_one(folder, template, attack), chosen)
            return dict(zip([a.name for a in chosen], found, strict=True))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stock_one(folder: Path, template: Path, attack: attacks.Attack) -> str:
    course = folder / attack.name
    shutil.copytree(template, course)
    (course / "nbgrader_config.py").write_text(STOCK.format(root=str(course)))
    listener = Listener()
    released = (template / "release" / HW / f"{HW}.ipynb").read_text("utf8")
    places = {"course": course, "root": course, "port": listener.port}
    work = course / "submitted" / "mallory" / HW
    work.mkdir(parents=True)
    content = attack.notebook(json.loads(released), **places)
    (work / f"{HW}.ipynb").write_text(json.dumps(content))
    script = (
        f"cd {course} && python -m nbgrader autograde {HW} --student mallory; "
        "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n' > processes; "
        "ls -a /tmp /dev/shm /dev /var/tmp . submitted submitted/* > files"
    )
    container = ["bwrap", "--ro-bind", "/", "/", "--bind", course, course]
    container += ["--tmpfs", "/tmp", "--dev", "/dev", "--proc", "/proc"]
    container += ["--tmpfs", "/var/tmp", "--unshare-pid", "--unshare-ipc"]
    container += ["--die-with-parent", "--new-session", "bash", "-c", script]
    try:
        _run(container, course, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "the run hung"
    graded = course / "autograded" / "mallory" / HW / f"{HW}.ipynb"
    points, text = None, ""
    if graded.exists():
        with Gradebook(f"sqlite:///{course}/gradebook.db", "stock") as gradebook:
            points = gradebook.find_submission(HW, "mallory").score
        text = printed(json.loads(graded.read_text("utf8"))["cells"])
    left = [course / name for name in ("processes", "files")]
    traces = any(
        p.exists() and attacks.MARK in p.read_text("utf8", "replace") for p in left
    )
    traces = traces or bool(listener.heard) or not (course / "source").exists()
    return words_for(points, secrets_in(text), traces)


def _nbgrader(course: Path, *command) -> None:
    _run([sys.executable, "-m", "nbgrader", *command], course)


def _run(command, course: Path, **options) -> None:
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(course),
        "BYHAND_OFFLINE": "1",
    }
    env.pop("BYHAND_DATA", None)
    subprocess.run(
        [str(part) for part in command],
        **{"cwd": course, "env": env, "capture_output": True} | options,
    )


if __name__ == "__main__":
    start = time.monotonic()
    main()
    print(f"{time.monotonic() - start:.0f} s")
