"""What is public, and how it is written into a folder.

Public is what :data:`PUBLIC` names and Git knows, so that a private draft beside a
chapter stays private. Files that both repositories have (pyproject.toml, Makefile, …)
are kept once, here; what is only the instructors' stands in them between the lines
``# -- instructors only`` and ``# -- for all``. Files that only students have are in files/.
"""

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
OWN = Path(__file__).resolve().parent / "files"
LIST = ".published"  # in the folder: what was written there

# `*` is any text, with slashes
PUBLIC = (
    *(".gitattributes", ".gitignore", "LICENSE", "LICENSE-TEXT", "CITATION.cff"),
    *("_config.yml", "_toc.yml", ".readme/pages.png", ".vscode/*", ".devcontainer/*"),
    *("Makefile", "bootstrap.sh", "pyproject.toml", "constraints.txt"),
    *("environment.yml", "book/*", "byhand/*", "assignments/*"),
    # tests that need no solution
    *("tests/__init__.py", "tests/conftest.py", "tests/figures/*"),
    *(
        f"tests/support/{name}.py"
        for name in ("__init__", "browser", "figures", "firefox")
    ),
    *(
        f"tests/test_{name}.py"
        for name in (
            *("build", "cells", "chapters", "check", "coverage", "data", "device"),
            *("environment", "first_cell", "notebooks", "pages", "plots"),
        )
    ),
)
PRIVATE_PART = re.compile(
    r"^[ \t]*# -- instructors only\n(?:.*\n)*?[ \t]*# -- for all\n", re.M
)
# What is said otherwise where there is no grader.
SAID = {
    ".[book,cluster,grader,hub,test]": ".[book,test]",
    '["byhand", "grader", "publish"]': '["byhand"]',
    ", homeworks, and an auto-grader": " and homeworks",
    "this course or its grader": "this course",
    ", auto-grading]": "]",
    " and its auto-grader": "",
    "library, chapters, homeworks, grading loop, pages": "library, chapters, pages",
    "a whole run of the grader, a browser": "a browser",
}
TEXTS = {".toml", ".sh", ".yml", ".py", ".cff", ""}  # in which that is looked for


class PublishError(Exception):
    """It cannot be published; the message says why and what to do."""


def public_files(root: Path = ROOT) -> dict[str, bytes]:
    """Return the public files by their paths, as students get them.

    Raises:
        PublishError: the project is in no Git repository.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True
    )
    if listed.returncode:
        raise PublishError(
            "Only what Git knows is published, and this folder is in no repository."
        )
    found = {}
    for name in listed.stdout.split("\0"):
        if any(fnmatch(name, p) for p in PUBLIC) and (root / name).is_file():
            found[name] = public_version(name, (root / name).read_bytes())
    for path in sorted(OWN.rglob("*")):
        if path.is_file():
            found[path.relative_to(OWN).as_posix()] = path.read_bytes()
    return dict(sorted(found.items()))


def without(files: dict[str, bytes], homework: str) -> dict[str, bytes]:
    """Return the files without a homework that is to come later, and its row.

    Raises:
        PublishError: there is no such homework.
    """
    place = f"assignments/{homework}/"
    left = {name: files[name] for name in files if not name.startswith(place)}
    if left == files:
        raise PublishError(f"There is no homework {homework} in assignments/.")
    home = nbformat.reads(files["book/index.ipynb"].decode("utf8"), 4)
    for cell in home.cells:
        rows = cell.source.splitlines(keepends=True)
        cell.source = "".join(row for row in rows if place not in row)
    text = nbformat.writes(home, version=nbformat.NO_CONVERT) + "\n"
    return left | {"book/index.ipynb": text.encode("utf8")}


def public_version(name: str, content: bytes) -> bytes:
    """Return a file as students get it: without the instructors' parts.

    Raises:
        PublishError: such a part does not end.
    """
    if Path(name).suffix not in TEXTS:
        return content
    text = PRIVATE_PART.sub("", content.decode("utf8"))
    if "# -- instructors only\n" in text:
        raise PublishError(f"{name}: a part for instructors has no '# -- for all'.")
    for ours, theirs in SAID.items():
        text = text.replace(ours, theirs)
    if name.endswith(".py"):
        text = re.sub(r"\n{4,}", "\n\n\n", text).rstrip("\n") + "\n"  # as ruff has it
    return text.encode("utf8")


def write(files: dict[str, bytes], folder: Path, overwrite: bool = False) -> int:
    """Make a folder hold these files, and none that was written before and is gone.

    Args:
        files: their contents, by path.
        folder: made unless it is there; what else is in it stays as it is.
        overwrite: whether files in the way that were not written before may go.

    Returns:
        How many files were made, changed or removed.

    Raises:
        PublishError: there are such files, or it is a folder of the instructors'.
    """
    folder = folder.resolve()
    if folder == ROOT or folder in ROOT.parents or (folder / "solutions").exists():
        raise PublishError(f"{folder} is the instructors': name another folder.")
    before = _listed(folder)
    in_the_way = [n for n in files if n not in before and (folder / n).exists()]
    in_the_way = [n for n in in_the_way if (folder / n).read_bytes() != files[n]]
    if in_the_way and not overwrite:
        raise PublishError(
            f"In {folder} there are files that were not published from here: "
            f"{', '.join(in_the_way)}. Move them away, or say --overwrite."
        )
    files = files | {LIST: "".join(f"{name}\n" for name in files).encode()}
    changed = 0
    for name in before - files.keys():
        changed += _remove(folder, name)
    for name, content in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            changed += name != LIST
        if name.endswith((".sh", "postBuild")):
            path.chmod(0o755)
    return changed


def _listed(folder: Path) -> set[str]:
    """What was written there; nothing outside the folder, whatever the list says."""
    if not (folder / LIST).exists():
        return set()
    names = (folder / LIST).read_text("utf8").splitlines()
    return {n for n in names if (folder / n).resolve().is_relative_to(folder)}


def _remove(folder: Path, name: str) -> bool:
    """Remove a file, and the folders that it leaves empty; whether it was there."""
    path = folder / name
    if not path.is_file():
        return False
    path.unlink()
    for parent in path.parents:
        if parent == folder or any(parent.iterdir()):
            break
        parent.rmdir()
    return True
