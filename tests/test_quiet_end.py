"""What a run starts ends without a word, also while it is still importing."""

import subprocess
import sys

import pytest

from tests.support import copy_of_the_project as project
from tests.support.solutions import ROOT


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=project.environment(),
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("ending", ["", "raise KeyboardInterrupt", "sys.exit(3)"])
def test_a_process_that_has_imported_it_all_says_nothing(ending):
    """As the process does from which judges are forked: triton is loaded by torchvision."""
    code = f"import sys\nimport grader.judge.worker\nimport torchvision\n{ending}"
    result = run(code)
    assert "nanobind" not in result.stderr and "leaked" not in result.stderr


def test_one_that_is_stopped_while_it_imports_says_nothing():
    code = (
        "import sys, types\n"
        "class Stop:\n"
        "    def find_spec(self, name, *more):\n"
        "        if name == 'grader.judge.judge':\n"
        "            import torchvision\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop())\n"
        "import grader.judge.worker\n"
    )
    result = run(code)
    assert "KeyboardInterrupt" in result.stderr
    assert "nanobind" not in result.stderr and "leaked" not in result.stderr


def test_a_command_that_has_loaded_it_ends_with_its_status_and_no_word():
    """As the first one does where there is no data set yet."""
    code = (
        "import torchvision\nfrom grader import startup\nprint('said')\nstartup.end(3)"
    )
    result = run(code)
    found = result.returncode, result.stdout, result.stderr
    assert found == (3, "said\n", "")
