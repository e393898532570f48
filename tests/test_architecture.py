"""The tree shows the design, and nothing in it points the wrong way (ARCHITECTURE.md)."""

import ast
import dataclasses
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from grader.course.cache import CODE
from grader.wire.messages import MOUNTED, Limits
from tests.support.solutions import ROOT

# what a folder of the grader may import of the others, as the table there says
MAY = {
    "wire": set(),
    "inside": {"wire"},
    "notebook": {"wire"},
    "judge": {"notebook", "wire"},
    "course": {"notebook", "wire"},
    "records": {"course", "judge", "notebook", "wire"},
}
# what lies beside the folders, and all may use but those two
COMMON = {"errors", "outcome", "startup"}
WALLED = {"wire", "inside"}
TEXT = (ROOT / "ARCHITECTURE.md").read_text("utf8")


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    paths = [p for part in ("byhand", "grader") for p in (ROOT / part).rglob("*.py")]
    return {name_of(path): path for path in paths}


@cache
def imports(name: str) -> frozenset[str]:
    """The modules of the project that a module imports, at its top or in a function."""
    found = set()
    for node in ast.walk(ast.parse(modules()[name].read_text("utf8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: a relative import hides where it leads"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
            found.add(node.module or "")
    ours = {full for full in found if full in modules()}
    return frozenset(ours - {"byhand", "grader", name})


def reached(*names: str) -> set[str]:
    """Modules with all that they import, and so on."""
    found, waiting = set(), list(names)
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += imports(name)
    return found


def folder_of(name: str) -> str:
    return name.split(".")[1]


@pytest.mark.parametrize("folder", MAY)
def test_directions(folder):
    for name in modules():
        if not name.startswith(f"grader.{folder}."):
            continue
        for other in imports(name):
            if other.startswith("grader."):
                to = folder_of(other)
                allowed = MAY[folder] | {folder} | (COMMON - WALLED)
                if folder in WALLED:
                    allowed -= COMMON
                assert to in allowed, f"{name} imports {other}"


def test_nobody_imports_the_inside():
    for name in modules():
        if not name.startswith("grader.inside"):
            inside = {other for other in imports(name) if "grader.inside" in other}
            assert not inside, f"{name} imports {inside}"


def test_the_library_knows_no_grader():
    for name in modules():
        if name.startswith("byhand"):
            assert not any(other.startswith("grader") for other in imports(name)), name


def test_no_import_goes_round_in_a_circle():
    for name in modules():
        for other in imports(name):
            assert name not in reached(other), f"{name} and {other} import each other"


def test_the_sandbox_has_what_runs_in_it():
    """All that the zygote imports is mounted, and of the grader nothing else is."""
    inside = reached("grader.inside.zygote", "grader.inside.room")
    for name in inside:
        path = modules()[name].relative_to(ROOT)
        assert any(path.is_relative_to(part) for part in MOUNTED), path
    grader = {name for name in inside if name.count(".") == 2}
    mounted = {
        name
        for name, path in modules().items()
        if name.startswith("grader.")
        and name.count(".") == 2
        and any(path.relative_to(ROOT).is_relative_to(part) for part in MOUNTED)
    }
    assert mounted == grader
    empty = ast.parse((ROOT / "grader/__init__.py").read_text("utf8")).body
    assert len(empty) == 1  # its docstring


def test_verdicts_depend_on_the_code_that_judges():
    judges = reached("grader.judge.worker", "grader.inside.zygote")
    judges |= reached("grader.notebook.reading", "grader.notebook.repair")
    for name in judges - {"grader.errors", "grader.startup"}:  # words, and speed
        path = modules()[name].relative_to(ROOT)
        assert any(path.is_relative_to(part) for part in CODE), path
    for part in CODE:
        assert list((ROOT / part).rglob("*.py"))


def test_the_map_names_every_module():
    section = TEXT.split("## The modules")[1].split("\n## ")[0]
    named = set(re.findall(r"`(\w+\.\w+)`", section))
    there = {
        name.removeprefix("grader.")
        for name in modules()
        if name.count(".") == 2 and name.startswith("grader.")
    }
    assert named == there


def test_the_table_of_folders_says_what_is_held():
    rows = re.findall(r"^\| `(\w+)/` \|.*\| ([^|]*) \|$", TEXT, re.M)
    said = {folder: set(re.findall(r"`(\w+)`", may)) for folder, may in rows}
    assert said == MAY


def test_every_variable_is_in_the_table():
    pattern = re.compile(r"\bBYHAND_[A-Z_]+\b")
    places = [*modules().values(), ROOT / "nbgrader_config.py", ROOT / "book/build.py"]
    used = {name for path in places for name in pattern.findall(path.read_text("utf8"))}
    section = TEXT.split("## Settings")[1]
    assert set(re.findall(r"^\| `(BYHAND_\w+)`", section, re.M)) == used


def test_the_guide_gives_the_limits_as_they_are():
    guide = (ROOT / "grader" / "README.md").read_text("utf8")
    text = guide.split("### Limits")[1].split("```")[0]
    found = {f.name: f.default for f in dataclasses.fields(Limits)}
    for words in (
        f"For a cell or a call {found['cell']:g} s, ",
        f"for a submission {found['total']:g} s, ",
        f"{found['memory']:,} MB of memory",
        f"{found['processes']} processes and threads",
        f"{found['files']} MB of files",
    ):
        assert words in text, words


def test_one_version_everywhere():
    project = (ROOT / "pyproject.toml").read_text("utf8")
    (version,) = re.findall(r'(?m)^version = "(.*)"', project)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    assert str(citation["version"]) == version
    assert citation["repository-code"] in project
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text("utf8")


@pytest.mark.parametrize(
    "page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "README.md"]
)
def test_what_the_pages_for_strangers_name_is_there(page):
    text = (ROOT / page).read_text("utf8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    names = re.findall(r"`((?:book|byhand|grader|tests|solutions)/[\w/.]+)`", text)
    wanted = {"book/NN_name.ipynb", "byhand/figures/"}  # to be made
    for link in {*links, *names} - wanted:
        assert (ROOT / link).exists(), link
