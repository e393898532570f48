"""The attacks of ``tests/attacks/`` against this grader, in one run.

What counts: points that were not earned; whether what the attack printed, or its
feedback page, holds lines of hidden tests or solutions; files, processes or connections
that it made outside. Only this grader's own guard is tried.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import attacks
from tests.support.course_folder import marks, page, text_of
from tests.support.solutions import ROOT, secrets
from tests.support.submissions import HW, RELEASED
from tests.support.traces import Listener, left_behind

HIDDEN = secrets(HW)


def main() -> None:
    ours = ours_all()
    for attack in attacks.ATTACKS:
        print(f"{attack.name:24} {attack.idea[:70]:70} {ours[attack.name]}")
    points = sum(not words.startswith("0 ") for words in ours.values())
    leaks = sum("secrets" in words for words in ours.values())
    left = sum("traces" in words for words in ours.values())
    print(
        f"of {len(ours)} attacks {points} earned points (or ended the run), "
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


if __name__ == "__main__":
    start = time.monotonic()
    main()
    print(f"{time.monotonic() - start:.0f} s")
