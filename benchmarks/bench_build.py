"""How long the book takes to build, beside `jupyter-book build` on the same book.

Both work on copies of the book in a temporary folder, with everything installed:
first cold, then with nothing changed, then with one line of code added to one
chapter. Ours runs the chapters in parallel and looks for changes itself.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
COMMANDS = {
    "make book": ["book/build.py"],
    "jupyter-book build": [
        "-c",
        JUPYTER_BOOK,
        "build",
        ".",
        "-W",
        "-n",
        "--keep-going",
    ],
}


def copy_book(folder: Path) -> None:
    """Copy what a build reads, less what an earlier one made."""
    folder.mkdir()
    for name in ("_config.yml", "_toc.yml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    left_out = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    shutil.copytree(ROOT / "book", folder / "book", ignore=left_out)


def seconds(command: list[str], folder: Path) -> float:
    """Time one build; its output is shown only if it fails."""
    start = time.perf_counter()
    run = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True
    )
    elapsed = time.perf_counter() - start
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{run.stdout}\n{run.stderr}")
    return elapsed


def change_one_chapter(folder: Path) -> None:
    """Add a comment to the first code cell of the first chapter."""
    path = min(folder.glob("book/[0-9]*.ipynb"))
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.source += "\n# changed"
    nbformat.write(notebook, path)


def measure(command: list[str], folder: Path) -> list[float]:
    """Return the seconds of a cold, an unchanged and a changed build."""
    copy_book(folder)
    times = [seconds(command, folder), seconds(command, folder)]
    change_one_chapter(folder)
    return [*times, seconds(command, folder)]


def main() -> None:
    """Print a table of seconds: book build cold, unchanged, one chapter changed."""
    with tempfile.TemporaryDirectory() as scratch:
        columns = {
            name: measure(command, Path(scratch) / str(place))
            for place, (name, command) in enumerate(COMMANDS.items())
        }
        chapters = sorted(Path(scratch, "0", "book").glob("[0-9]*.ipynb"))
    print(
        f"Book build, seconds: {len(chapters)} chapters, {os.cpu_count()} cores; "
        f"the changed chapter is {chapters[0].stem}\n"
    )
    print("| build | " + " | ".join(columns) + " |")
    print("|---|" + "---:|" * len(columns))
    rows = ("cold", "nothing changed", "one chapter changed")
    for place, row in enumerate(rows):
        times = [column[place] for column in columns.values()]
        print(f"| {row} | " + " | ".join(f"{t:.1f}" for t in times) + " |")


if __name__ == "__main__":
    main()
