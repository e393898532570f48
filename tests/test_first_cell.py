"""The first cell of every notebook: on a machine that has all, on Colab, offline."""

import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import tomllib
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
from addresses import FIRST_CELL, Addresses, configured, main, replaced, written
from pack import write_wheel
from packaging.requirements import Requirement

from byhand import missing

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(
    path
    for pattern in ("book/*.ipynb", "solutions/*/*.ipynb", "assignments/*/*.ipynb")
    for path in ROOT.glob(pattern)
)
# What Colab lacks of what the course needs, with what these need in turn.
LACKING = {"byhand", "anywidget", "psygnal", "torchview", "torchviz"}
NOWHERE = "http://127.0.0.1:9"  # the port of a service that nobody runs


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_every_notebook_begins_with_it(path):
    cells = [c for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
    assert cells[0].source.startswith(configured().first_cell + "\n")
    assert not [c.id for c in cells[1:] if "install_missing" in c.source]


def test_what_it_looks_for_is_what_the_project_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {Requirement(line).name for line in project["dependencies"]}
    looked_for = missing.PYTORCH | missing.ON_PYTORCH | missing.LIGHT
    assert set(looked_for.values()) == needed
    assert missing.missing(looked_for) == []
    assert missing.missing({"no_such_module": "no-such-thing"}) == ["no-such-thing"]


def test_where_all_is_there_it_does_nothing():
    code = configured().first_cell + (
        "import sys\nprint(sorted({'subprocess', 'torch', 'numpy'} & set(sys.modules)))"
    )
    code = f"import sys; before = set(sys.modules)\n{code}"
    code = code.replace("& set(sys.modules)", "& (set(sys.modules) - before)")
    code = code.replace("'subprocess', ", "")  # byhand.missing imports it; nothing runs
    guard = "import subprocess; subprocess.Popen = None\n"
    result = run(sys.executable, guard + code, ROOT)
    assert (result.stdout, result.stderr) == ("[]\n", "")


# Other machines


def run(python, code: str, folder: Path, **variables) -> subprocess.CompletedProcess:
    return subprocess.run(
        [python, "-c", code],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )


def runs(python: str) -> bool:
    """Whether there is such a Python (a shim may be there, and lead to none)."""
    found = shutil.which(python)
    return bool(found) and subprocess.run([found, "-c", ""]).returncode == 0


HERE = f"python3.{sys.version_info.minor}"
PYTHONS = [p for p in ("python3.11", "python3.12", "python3.13") if p != HERE]


class Machine:
    """A Python that has PyTorch and what Colab has, but none of the course's packages.

    These are links to this environment's, so that nothing large is fetched.

    Args:
        folder: in which it is made.
        python: its program.
        without: other packages that it has not.
    """

    def __init__(self, folder: Path, python: str, without: tuple[str, ...] = ()):
        subprocess.run(
            [python, "-m", "venv", "--without-pip", folder / "venv"], check=True
        )
        self.python = folder / "venv" / "bin" / "python"
        (self.site_packages,) = (folder / "venv").glob("lib/python*/site-packages")
        self.content = folder / "content"
        self.content.mkdir()
        packages = folder / "packages"
        (packages / "google" / "colab").mkdir(parents=True)
        (packages / "google" / "colab" / "__init__.py").touch()
        gone = re.compile("|".join([*LACKING, "__", "google", *without]), re.I)
        for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
            if not gone.match(path.name) and path.suffix != ".pth":
                (packages / path.name).symlink_to(path)
        (self.site_packages / "packages.pth").write_text(str(packages))

    def run(self, code: str, folder: Path | None = None):
        return run(self.python, code, folder or self.content)

    def installed(self) -> set[str]:
        """The names of the distributions that were installed."""
        found = self.site_packages.glob("*.dist-info")
        return {path.name.split("-")[0].lower() for path in found}


@pytest.fixture
def machine(tmp_path):
    def make(python: str = HERE, without: tuple[str, ...] = ()) -> Machine:
        return Machine(tmp_path, python, without)

    return make


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a server that has the site, and the repository as an archive."""
    folder = tmp_path_factory.mktemp("served")
    write_wheel(ROOT, ROOT / "byhand", folder / "site" / "byhand")
    (folder / "repository" / "archive").mkdir(parents=True)
    archive = folder / "repository" / "archive" / "main.zip"
    paths = [ROOT / n for n in ("pyproject.toml", "README.md", *ROOT.glob("LICENSE*"))]
    for package in ("byhand", "grader"):
        paths += [
            p for p in ROOT.glob(f"{package}/**/*") if "__pycache__" not in str(p)
        ]
    with zipfile.ZipFile(archive, "w") as content:
        for path in paths:
            content.write(path, f"course-main/{path.relative_to(ROOT)}")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


USE = """
import google.colab, torchview, importlib.util
from byhand import figures, __file__ as place
print(place, len(figures.Softmax().trait_values()) > 3)
"""
LIGHT_USE = "import importlib.util\nprint(byhand.__file__, importlib.util.find_spec('torchviz') is not None)"


@pytest.mark.slow
@pytest.mark.parametrize("python", [HERE, *PYTHONS])
def test_on_colab_it_comes_from_the_site(machine, served, python):
    if not runs(python):
        pytest.skip(f"there is no {python} here")
    colab = machine(python)
    cell = Addresses(f"{served}/site", NOWHERE).first_cell
    # PyTorch, as it is linked here, can be imported by one version of Python
    result = colab.run(cell + (USE if python == HERE else LIGHT_USE))
    assert result.stderr == ""
    assert result.stdout == f"{colab.site_packages}/byhand/__init__.py True\n"
    assert colab.installed() == LACKING
    again = colab.run("import subprocess; subprocess.Popen = None\n" + cell)
    assert (again.stdout, again.stderr) == ("", "")
    command = colab.python.parent / "byhand"
    assert "validate" in subprocess.run(
        [command, "--help"], capture_output=True, text=True
    ).stdout  # fmt: skip


@pytest.mark.slow
def test_where_the_site_is_gone_it_comes_from_the_repository(machine, served):
    colab = machine()
    cell = Addresses(NOWHERE, f"{served}/repository").first_cell
    result = colab.run(cell + USE)
    assert result.stderr == ""
    assert result.stdout == f"{colab.site_packages}/byhand/__init__.py True\n"
    assert colab.installed() == LACKING


@pytest.mark.slow
@pytest.mark.parametrize("way", ["beside", "variable"])
def test_the_pages_in_a_folder_will_do(machine, tmp_path, monkeypatch, way):
    laptop = machine(without=("pip_find",))
    pages = tmp_path / "pages"
    write_wheel(ROOT, ROOT / "byhand", pages / "byhand")
    folder = laptop.content
    if way == "beside":
        folder = pages / "_sources" / "book"
        folder.mkdir(parents=True)
    else:
        monkeypatch.setenv("PIP_FIND_LINKS", str(pages / "byhand"))
    result = laptop.run(Addresses(NOWHERE, NOWHERE).first_cell + LIGHT_USE, folder)
    assert result.stderr == ""
    assert result.stdout == f"{laptop.site_packages}/byhand/__init__.py True\n"


@pytest.mark.slow
def test_offline_it_says_what_to_do(machine):
    laptop = machine()
    result = laptop.run(Addresses(NOWHERE, NOWHERE).first_cell)
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr == (
        f"Go online and try again, or see {NOWHERE}/book/how_to_run.html\n"
    )


@pytest.mark.slow
def test_without_pytorch_it_says_how_to_get_it(machine, served):
    laptop = machine(without=("torch",))
    result = laptop.run(Addresses(f"{served}/site", NOWHERE).first_cell)
    assert result.stderr.startswith("PyTorch is missing: install torch and torchvision")
    assert result.stderr.count("\n") == 1 and result.returncode == 1
    assert laptop.installed() == {"byhand"}


@pytest.mark.slow
def test_what_pip_cannot_get_is_named(machine, served, monkeypatch):
    laptop = machine()
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    result = laptop.run(Addresses(f"{served}/site", NOWHERE).first_cell)
    assert result.stderr == (
        "The course also needs anywidget: go online and run this cell again, "
        "or type `pip install anywidget` in a terminal.\n"
    )


# Another address


def test_another_address_is_written_everywhere(tmp_path):
    for name in ("_config.yml", "pyproject.toml", "README.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path)
    for pattern in (
        "book/*.md",
        "book/0[12]*.ipynb",
        "book/index.ipynb",
        "solutions/*/*.ipynb",
    ):
        for path in ROOT.glob(pattern):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    old = configured()
    new = Addresses("https://dl.example.edu/course", "https://github.com/dep/dl", "v2")
    config = (tmp_path / "_config.yml").read_text()
    config = config.replace(old.site, new.site + "/").replace(old.repository, new[1])
    (tmp_path / "_config.yml").write_text(config.replace("branch: main", "branch: v2"))
    assert main(tmp_path) == 0
    assert configured(tmp_path) == new
    assert written(tmp_path)[:2] == new[:2]
    for path in tmp_path.rglob("*.*"):
        text = path.read_text("utf8")
        assert old.site not in text and old.name not in text, path
        if path.suffix == ".ipynb":
            cells = nbformat.read(path, 4).cells
            first = next(c for c in cells if c.cell_type == "code")
            assert first.source.startswith(new.first_cell + "\n")
    assert f"/github/{new.name}/blob/v2/" in (tmp_path / "book/index.ipynb").read_text()


def test_longer_names_are_other_names():
    old, new = Addresses("https://a.b/c", "https://g.h/o/c"), Addresses("S", "R/o/n")
    text = "https://a.b/c/x https://a.b/c-2 https://g.h/o/c. /github/o/c/blob/main/z"
    assert replaced(text, old, new) == (
        "S/x https://a.b/c-2 R/o/n. /github/o/n/blob/main/z"
    )
    assert FIRST_CELL.count("{site}") == FIRST_CELL.count("{repository}") == 1
