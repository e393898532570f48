"""The students' repository: all that it needs, nothing that is the instructors'."""

import ast
import html
import json
import os
import re
import subprocess
import sys
import tomllib
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from publish import leaks, tree
from publish.__main__ import main
from tests.support.solutions import ROOT

HOMEWORKS = sorted(path.stem for path in ROOT.glob("solutions/hw*/*.ipynb"))
RUFF = [sys.executable, "-m", "ruff"]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return tree.public_files()


@pytest.fixture(scope="module")
def secrets() -> leaks.Secrets:
    return leaks.Secrets.of(ROOT)


@pytest.fixture(scope="module")
def folder(files, tmp_path_factory) -> Path:
    """The tree, as it is written."""
    path = tmp_path_factory.mktemp("public") / "course"
    assert tree.write(files, path) == len(files)
    return path


# What is in it


def test_it_has_what_students_need_and_nothing_of_the_instructors(files):
    for path in ROOT.glob("book/*.ipynb"):
        assert f"book/{path.name}" in files
    for name in (
        "byhand/figures/kit.js",
        "assignments/hw1_backprop/hw1_backprop.ipynb",
    ):
        assert files[name] == (ROOT / name).read_bytes()
    assert {"README.md", "LICENSE", "Makefile", ".github/workflows/book.yml"} <= {
        *files
    }
    tops = {name.split("/")[0] for name in files}
    assert not tops & {
        "solutions",
        "grader",
        "publish",
        "benchmarks",
        "findings",
        ".ci",
    }
    private = ("homeworks", "attacks", "cheats", "habits", "submissions", "solutions")
    tests = [name for name in files if name.startswith("tests/")]
    assert tests and not [name for name in tests if any(p in name for p in private)]
    project = tomllib.loads(files["pyproject.toml"].decode())
    assert set(project["project"]["optional-dependencies"]) == {"book", "test"}
    assert project["tool"]["setuptools"]["packages"] == ["byhand", "byhand.figures"]
    assert "nbgrader" not in files["pyproject.toml"].decode()
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["project"]["dependencies"] == ours["dependencies"]


def test_no_module_imports_what_is_not_there(files):
    ours = {"byhand", "grader", "publish", "tests", "benchmarks"}
    there = {name.removesuffix(".py").replace("/", ".") for name in files}
    there |= {name.removesuffix(".__init__") for name in there}
    for name, content in files.items():
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(content)):
            imported = []
            if isinstance(node, ast.Import):
                imported = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported = [node.module]
            for module in imported:
                if module.split(".")[0] in ours:
                    assert module in there, f"{name} imports {module}"


def test_a_homework_can_come_later(files):
    fewer = tree.without(files, "hw3_training")
    assert files.keys() - fewer.keys() == {
        "assignments/hw3_training/hw3_training.ipynb"
    }
    before, after = (f["book/index.ipynb"].decode() for f in (files, fewer))
    (row,) = set(before.splitlines()) - set(after.splitlines())
    assert row.strip().startswith('"| Homework 3 |')
    assert not [n for n, c in fewer.items() if b"assignments/hw3_training" in c]
    with pytest.raises(tree.PublishError, match="no homework hw3 "):
        tree.without(files, "hw3")


def test_links_lead_somewhere(files):
    text = files["README.md"].decode()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert [name for name in files if name.startswith(target)], target
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"][
        "Homepage"
    ] in text  # fmt: skip


def test_its_commands_are_there(files):
    targets = set(re.findall(r"^([a-z]+):", files["Makefile"].decode(), re.M))
    assert {"book", "test", "lab", "check"} <= targets
    assert not targets & {"grade", "collect", "release", "publish", "addresses"}
    said = set(
        re.findall(r"`make (\w+)`|^make (\w+)", files["README.md"].decode(), re.M)
    )
    workflow = yaml.safe_load(files[".github/workflows/book.yml"])
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    run = {step["run"].removeprefix("make ") for step in steps if "run" in step}
    assert run == {"book", "test"}
    assert {a or b for a, b in said} <= targets
    conda = yaml.safe_load(files["environment.yml"])["dependencies"]
    assert conda[-1]["pip"][-1] == "--editable .[book,test]"
    assert yaml.safe_load(files["binder/environment.yml"])["dependencies"]


def test_it_is_as_tidy_as_this_one(folder):
    for command in (["format", "--check", "."], ["check", "."]):
        result = subprocess.run(
            [*RUFF, *command], cwd=folder, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout


def test_its_own_tests_pass(folder):
    """Those that run no chapter and build no book: these are run here, as they are."""
    names = [
        f"tests/test_{n}.py" for n in ("environment", "notebooks", "check", "cells")
    ]
    paths = os.pathsep.join([str(folder), str(folder / "book")])
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *names],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout[-4000:]
    assert re.search(r"\d{3} passed", result.stdout)


# What leaks


def test_nothing_leaks(files, secrets):
    assert secrets.found_in(files) == []


def test_what_is_secret(secrets):
    of = list(secrets.lines.values())
    for homework in HOMEWORKS:
        assert of.count(f"solutions/{homework}/{homework}.ipynb") > 20, homework
        assert [n for n in of if n.startswith(f"tests/homeworks/{homework}/")], homework
    for name in ("tests/cheats.py", "tests/habits.py", "tests/attacks/forbidden.py"):
        assert of.count(name) > 10, name


def wheel_of(text: str) -> bytes:
    content = BytesIO()
    with ZipFile(content, "w") as archive:
        archive.writestr("byhand/new.py", text)
    return content.getvalue()


WAYS = {
    "book/new.md": lambda line: f"Some text.\n\n```python\n    {line}\n```\n",
    "byhand/new.py": lambda line: f"def f():\n    {line}  # as it should be\n",
    "book/new.ipynb": lambda line: json.dumps(
        {"cells": [{"outputs": [{"text": ["first\n", f"  {line}\n"]}]}]}
    ),
    "book/new.html": lambda line: "".join(
        f'<span class="n">{html.escape(part)}</span> ' for part in line.split()
    ),
    "data.js": lambda line: "const source = " + json.dumps(f"a\n    {line}\nb"),
    "new.whl": wheel_of,
}


@pytest.mark.parametrize("name", WAYS)
def test_a_planted_line_is_found(files, secrets, name):
    kinds = [f"solutions/{h}/{h}.ipynb" for h in HOMEWORKS]
    kinds += ["tests/cheats.py", "tests/habits.py", f"tests/homeworks/{HOMEWORKS[1]}"]
    for kind in kinds:
        line = next(line for line, of in secrets.lines.items() if of.startswith(kind))
        content = WAYS[name](line)
        content = content if isinstance(content, bytes) else content.encode()
        found = secrets.found_in({name: content})
        assert [leak for leak in found if leak.startswith(f"{name}: a line of {kind}")]


def test_nothing_is_written_when_something_leaks(
    tmp_path, monkeypatch, capsys, secrets
):
    line = next(line for line in secrets.lines)
    monkeypatch.setattr(
        "publish.__main__.public_files", lambda root: {"a": line.encode()}
    )
    assert main([str(tmp_path / "public")]) == 1
    assert "a: a line of " in capsys.readouterr().out
    assert not (tmp_path / "public").exists()


# How it is written


def test_again_and_again(tmp_path):
    folder = tmp_path / "clone"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref")
    (folder / "CNAME").write_text("dl.example.edu")
    one = {"a.txt": b"1", "sub/b.txt": b"2", "sub/deep/c.txt": b"3"}
    assert tree.write(one, folder) == 3
    assert tree.write(one, folder) == 0
    (folder / "sub" / "own.txt").write_text("mine")
    assert tree.write({"a.txt": b"4", "d.txt": b"5"}, folder) == 4
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there == {
        *("a.txt", "d.txt", "CNAME", ".git/HEAD", "sub/own.txt", tree.LIST)
    }
    assert not (folder / "sub" / "deep").exists()


def test_files_of_others_are_not_overwritten(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(tree.PublishError, match=r"README\.md.*--overwrite"):
        tree.write({"README.md": b"ours", "a": b"1"}, tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert not (tmp_path / "a").exists()
    assert tree.write({"README.md": b"ours", "a": b"1"}, tmp_path, overwrite=True) == 2


def test_a_list_cannot_name_files_elsewhere(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    folder = tmp_path / "public"
    folder.mkdir()
    (folder / tree.LIST).write_text("../mine.txt\n")
    tree.write({"a": b"1"}, folder)
    assert (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize("folder", [ROOT, ROOT.parent])
def test_the_instructors_own_folder_is_refused(folder, capsys):
    with pytest.raises(tree.PublishError, match="name another folder"):
        tree.write({"a": b"1"}, folder)


def test_only_what_git_knows_is_published(tmp_path):
    with pytest.raises(tree.PublishError, match="in no repository"):
        tree.public_files(tmp_path)
    (tmp_path / "book").mkdir()
    for name in ("known.md", "draft-of-the-exam.md"):
        (tmp_path / "book" / name).write_text("text")
    for command in (["init", "-q"], ["add", "book/known.md"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    found = tree.public_files(tmp_path)
    assert "book/known.md" in found and "book/draft-of-the-exam.md" not in found


def test_parts_for_instructors_are_left_out():
    text = b"a\n# -- instructors only\nb\n# -- for all\nc\n"
    assert tree.public_version("Makefile", text) == b"a\nc\n"
    with pytest.raises(tree.PublishError, match="Makefile: a part"):
        tree.public_version("Makefile", b"a\n# -- instructors only\nb\n")
