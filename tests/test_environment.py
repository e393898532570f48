"""pyproject.toml, constraints.txt and environment.yml say the same; so do links."""

import json
import re
import tomllib
from importlib.metadata import distributions, version
from pathlib import Path

import nbformat
import pytest
import yaml
from addresses import configured
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
DIRECT = [
    Requirement(r)
    for group in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for r in group
]


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda r: r.name)
def test_direct_dependency_is_pinned_and_installed(requirement):
    pin = PINS[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pin)
    assert version(requirement.name).split("+")[0] == pin


def test_every_pin_is_an_exact_version():
    for name, pin in PINS.items():
        assert re.fullmatch(r"[a-z0-9-]+", name), name
        assert re.fullmatch(r"[0-9][0-9a-z.]*", pin), f"{name}: {pin}"


# of Debian 12, of Ubuntu 24.04, and the first 3.13: what `python3` may be
@pytest.mark.parametrize("python", ["3.11.2", "3.12.3", "3.13.0"])
def test_every_pin_can_be_installed_with_the_pythons_that_people_have(python):
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)
    asked = {canonicalize_name(d.name): d.metadata for d in distributions()}
    for name in PINS.keys() & asked.keys():
        needs = SpecifierSet(asked[name].get("Requires-Python") or "")
        assert needs.contains(python), f"{name} {PINS[name]} needs Python {needs}"
    assert len(PINS.keys() & asked.keys()) > 100


def test_editors_find_what_make_makes():
    """VS Code, in the folder and in a container."""
    settings = json.loads((ROOT / ".vscode/settings.json").read_text())
    folder = re.search(r"^VENV \?= (.+)$", (ROOT / "Makefile").read_text(), re.M)[1]
    interpreter = settings["python.defaultInterpreterPath"]
    assert interpreter == f"${{workspaceFolder}}/{folder}/bin/python"
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    script = ROOT / container["postCreateCommand"]
    assert script.is_file() and script.stat().st_mode & 0o111
    python = re.search(r"python:([\d.]+)-", container["image"])[1]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)
    offered = json.loads((ROOT / ".vscode/extensions.json").read_text())
    wanted = container["customizations"]["vscode"]["extensions"]
    assert set(wanted) <= set(offered["recommendations"])


def test_conda_installs_what_make_installs():
    *conda, pip = ENVIRONMENT["dependencies"]
    bootstrap = (ROOT / "bootstrap.sh").read_text()
    extras = re.search(r"--editable '(\.\[.+?\])'", bootstrap)[1]
    assert "--constraint constraints.txt --editable" in bootstrap
    assert pip["pip"] == ["--constraint constraints.txt", f"--editable {extras}"]
    assert set(extras[2:-1].split(",")) == set(PROJECT["optional-dependencies"])
    assert "graphviz" in conda
    python = next(d for d in conda if d.startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.split("=")[1])


def test_the_address_of_the_project_is_the_same_everywhere():
    addresses = configured()
    assert PROJECT["urls"]["Repository"] == addresses.repository
    assert PROJECT["urls"]["Homepage"] == addresses.site
    owner = addresses.name.split("/")[0]
    host, _, path = addresses.site.removeprefix("https://").partition("/")
    assert (host, path) == (f"{owner}.github.io", addresses.name.split("/")[1])
    texts = ["README.md", "CITATION.cff", "_config.yml", "book/*.md", "*/*/*.ipynb"]
    for page in [p for pattern in texts for p in ROOT.glob(pattern)]:
        found = re.findall(
            rf"github(?:\.com)?/({owner}/[\w-]+)", page.read_text("utf8")
        )
        assert set(found) <= {addresses.name}, page.name


def test_homeworks_are_offered_in_the_book():
    cells = nbformat.read(ROOT / "book/index.ipynb", 4).cells
    text = "\n".join(cell.source for cell in cells)
    addresses = configured()
    colab = "https://colab.research.google.com/github"
    for path in ROOT.glob("assignments/*/*.ipynb"):
        file = path.relative_to(ROOT)
        assert f"({colab}/{addresses.name}/blob/{addresses.branch}/{file})" in text
        assert f"(../{file})" in text
