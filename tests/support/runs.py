"""Run programs: as a person starts them, or forked from one that has imported it all.

To start Python and import nbgrader or PyTorch takes seconds, again and again. So most
tests fork their runs (:class:`Forks`, :class:`Grader`), which are processes of their own
all the same; of each kind, some are started as a person does (:func:`grader`).
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.support.solutions import ROOT

FORKING = Path(__file__).with_name("forking.py")
GRADER = "import sys\nfrom grader.__main__ import main\nsys.exit(main(sys.argv[1:]))"

IMPORTS = "from grader.__main__ import _commands\n_commands()"
NBGRADER = "from nbgrader.apps.nbgraderapp import main\nmain()"


class Ran(NamedTuple):
    """What a run has said, and how it ended (-9: it was killed)."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float = 0.0

    @property
    def said(self) -> str:
        return self.stdout + self.stderr


def python(*command, cwd: Path = ROOT, **more) -> Ran:
    """Start Python as a person does, e.g. with ``"-m", "grader"``."""
    options = {"cwd": cwd, "capture_output": True, "text": True} | more
    done = subprocess.run([sys.executable, *map(str, command)], **options)
    return Ran(done.returncode, done.stdout, done.stderr)


def grader(course: Path, *command, cwd: Path = ROOT, **more) -> Ran:
    """Run a command of the instructor's, as the instructor does."""
    return python("-m", "grader", "--course", course, *command, cwd=cwd, **more)


class Forks:
    """Runs of Python code, each forked from a process that has done its imports.

    Args:
        imports: code that is run once, before all forks.
        cwd: where modules are looked for, and runs take place.
        env: of the runs; default: as here.
        reap: fail a run of which a process lives on; takes a little longer.
    """

    def __init__(
        self,
        imports: str,
        cwd: Path = ROOT,
        env: dict[str, str] | None = None,
        reap: bool = False,
    ):
        self.cwd, self.env = cwd, dict(os.environ if env is None else env)
        paths = [str(cwd), self.env.get("PYTHONPATH")]  # wherever a run takes place
        self.env["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                FORKING.read_text(),
                imports,
                ("leave", "reap")[reap],
            ],
            cwd=cwd,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        code: str,
        *argv,
        env: dict[str, str | None] | None = None,
        cwd: Path | None = None,
        after: float | None = None,
        group: bool = False,
    ) -> Ran:
        """Run code.

        Args:
            argv: its arguments.
            env: more variables; None takes one away.
            cwd: where, if elsewhere.
            after: kill it after so many seconds.
            group: with all processes of its group, not only the first.
        """
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            variables = {k: v for k, v in (self.env | (env or {})).items() if v}
            order = {
                "code": code,
                "argv": [str(argument) for argument in argv],
                "env": variables,
                "cwd": str(cwd or self.cwd),
                "out": str(out),
                "err": str(err),
                "after": after,
                "group": group,
            }
            print(json.dumps(order), file=self.process.stdin, flush=True)
            answer = json.loads(self.process.stdout.readline())
            assert answer["left"] == [], "processes outlived their run"
            said = [path.read_text() if path.exists() else "" for path in (out, err)]
        return Ran(answer["status"], *said, answer["seconds"])

    def close(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Grader(Forks):
    """Commands of the instructor's, of the grader in a folder; options as in Forks."""

    def __init__(self, cwd: Path = ROOT, env: dict | None = None, reap: bool = False):
        super().__init__(IMPORTS, cwd, env, reap)

    def __call__(self, course: Path, *command, **more) -> Ran:
        return self.run(GRADER, "--course", course, *command, **more)

    def nbgrader(self, *command, **more) -> Ran:
        """A command of nbgrader's."""
        return self.run(NBGRADER, *command, **more)
