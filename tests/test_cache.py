"""A verdict is known again as long as nothing has changed on which it depends."""

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import nbformat
import pytest

from grader.course import cache as module
from grader.course.cache import Cache
from grader.notebook.reading import read
from grader.notebook.sheet import Sheet, SheetCell
from grader.notebook.verdict import Verdict
from grader.wire.messages import Limits
from tests.support.copy_of_the_project import tiny
from tests.support.solutions import ROOT

TEST = SheetCell("f_test", "test", "code", "assert f(1)", "", True, 2.0)
SHEET = Sheet("tiny", (TEST,), ("torch.nn",), ("relu",), Limits(cell=5), "salt")
VERDICT = Verdict(
    [[], [{"output_type": "stream", "name": "stdout", "text": "é"}]],
    ["cell 2: it ended"],
    {"room": 0.5, "judge": 0.1},
    timed_out=True,
)


@pytest.fixture
def fresh():
    """What the environment is, is found out again."""
    module.environment.cache_clear()
    yield
    module.environment.cache_clear()


def known(folder, sheet=SHEET, walls=True) -> Cache:
    return Cache(SimpleNamespace(folder=folder), sheet, walls)


def notebook(**cells: str) -> nbformat.NotebookNode:
    return read(tiny(**cells).encode())


def key(folder, sheet=SHEET, walls=True, student="ada", **cells) -> str:
    return known(folder, sheet, walls).key(student, notebook(**cells))


def test_what_is_put_there_is_found(tmp_path):
    cache = known(tmp_path)
    assert cache.get("key") is None
    cache.put("key", VERDICT)
    assert cache.get("key") == known(tmp_path).get("key") == VERDICT
    assert cache.get("other") is None
    cache.put("key", Verdict())
    assert cache.get("key") == Verdict()
    assert [path.name for path in cache.folder.iterdir()] == ["key.json"]


@pytest.mark.parametrize(
    "damage",
    [
        *(b"", b"{", b"null", b"[]", b"7", b'"x"', b"\xff\xfe", b'{"marks": 3}'),
        json.dumps(VERDICT.as_dict()).encode()[:-9],
        json.dumps(VERDICT.as_dict() | {"fields": "of tomorrow"}).encode(),
    ],
)
def test_a_damaged_file_is_no_verdict(tmp_path, damage):
    cache = known(tmp_path)
    cache.put("key", VERDICT)
    (cache.folder / "key.json").write_bytes(damage)
    assert cache.get("key") is None


def test_a_folder_in_its_place_is_no_verdict(tmp_path):
    (tmp_path / "verdicts" / "tiny" / "key.json").mkdir(parents=True)
    assert known(tmp_path).get("key") is None


@pytest.mark.parametrize(
    "change",
    [
        {"student": "bob"},
        {"walls": False},
        {"double": "def double(x):\n    return x + x"},
        {"sheet": replace(SHEET, banned=())},
        {"sheet": replace(SHEET, operators=())},
        {"sheet": replace(SHEET, salt="pepper")},
        {"sheet": replace(SHEET, limits=Limits(cell=6))},
        {"sheet": replace(SHEET, homework="tiny2")},
        {"sheet": replace(SHEET, cells=())},
        {"sheet": replace(SHEET, cells=(replace(TEST, source="assert f(2)"),))},
        {"sheet": replace(SHEET, cells=(replace(TEST, points=3.0),))},
    ],
    ids=lambda change: str(change)[:40],
)
def test_what_changes_a_key(tmp_path, change):
    assert key(tmp_path) != key(tmp_path, **change)


def test_what_does_not_change_a_key(tmp_path):
    """Where the course lies, what was shown, and all that repair puts right."""
    content = json.loads(tiny())
    for cell in content["cells"]:
        cell["metadata"]["collapsed"] = True
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
            cell["execution_count"] = 7
    same = read(json.dumps(content).encode())
    assert key(tmp_path) == known(tmp_path / "elsewhere").key("ada", same)


def test_of_a_file_every_byte_counts(tmp_path):
    cache = known(tmp_path)
    assert cache.submission("ada", b"{}") == cache.submission("ada", b"{}")
    others = [("ada", b"{ }"), ("ad", b"a{}"), ("bob", b"{}")]
    found = {cache.submission(*other) for other in others}
    assert len(found | {cache.submission("ada", b"{}")}) == 4


@pytest.mark.parametrize("name", ["BYHAND_DATA", "BYHAND_OFFLINE"])
def test_the_data_sets_count(tmp_path, monkeypatch, fresh, name):
    monkeypatch.delenv(name, raising=False)
    before = key(tmp_path)
    module.environment.cache_clear()
    monkeypatch.setenv(name, "1")
    assert key(tmp_path) != before


@pytest.mark.parametrize("package", ["torch", "numpy"])
def test_the_packages_count(tmp_path, monkeypatch, fresh, package):
    before, real = key(tmp_path), module.version
    module.environment.cache_clear()
    monkeypatch.setattr(module, "version", lambda n: "99" if n == package else real(n))
    assert key(tmp_path) != before


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("byhand/check.py", True),
        ("grader/inside/room.py", True),
        ("grader/judge/judge.py", True),
        ("grader/judge/new.py", True),
        ("grader/notebook/repair.py", True),
        ("grader/wire/codec.py", True),
        ("grader/records/page.py", False),
        ("grader/records/ledger.py", False),
        ("grader/course/folder.py", False),
        ("grader/commands.py", False),
        ("grader/judge/notes.md", False),
    ],
)
def test_of_the_code_that_counts_which_judges(
    tmp_path, monkeypatch, fresh, path, counts
):
    """A comma in the page that students get back judges no class anew."""
    for part in ("byhand", "grader"):
        shutil.copytree(ROOT / part, tmp_path / "project" / part)
    monkeypatch.setattr(module, "HERE", tmp_path / "project")
    before = key(tmp_path)
    module.environment.cache_clear()
    with open(tmp_path / "project" / path, "a") as file:
        file.write("# ,\n")
    assert (key(tmp_path) != before) == counts
