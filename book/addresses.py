"""Where the course is public, and what must say so. `make addresses` calls this.

    python book/addresses.py

`_config.yml` has the two addresses: of the public repository, and of the published
pages. This writes them wherever else they stand: in the first cells of notebooks, in
links, in the project's own description.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ("book/*.ipynb", "solutions/*/*.ipynb")  # assignments/ follows from these
TEXTS = ("README.md", "CITATION.cff", "pyproject.toml", "book/*.md", *NOTEBOOKS)

# How the first code cell of every notebook begins. A student's copy of it may be a year
# old, so it says as little as it can: which version there is, and what that needs, says
# what it installs (book/pack.py, byhand/missing.py).
FIRST_CELL = """\
try:
    import byhand
except ImportError:  # on Colab, say: install the course's library, not PyTorch
    import subprocess
    import sys

    book = "{site}"
    code = "{repository}/archive/{branch}.zip"
    pip = f'"{{sys.executable}}" -m pip install --no-deps --retries=1'
    wheel = f"--no-index -f ../../byhand -f {{book}}/byhand/ byhand"
    if subprocess.getstatusoutput(f"{{pip}} {{wheel}} || {{pip}} {{code}}")[0]:
        sys.exit(f"Go online and try again, or see {{book}}/book/how_to_run.html")
    import byhand
byhand.install_missing()
"""


class Addresses(NamedTuple):
    """Where the course is public; no address ends in a slash.

    Args:
        site: the published pages.
        repository: the public repository.
        branch: of that, the one that is fetched.
    """

    site: str
    repository: str
    branch: str = "main"

    @property
    def first_cell(self) -> str:
        """The lines with which the first code cell of a notebook begins."""
        return FIRST_CELL.format(**self._asdict())

    @property
    def name(self) -> str:
        """The repository's owner and name, as links to Colab have it."""
        return "/".join(self.repository.split("/")[-2:])


def configured(root: Path = ROOT) -> Addresses:
    """Return what _config.yml says."""
    found = yaml.safe_load((root / "_config.yml").read_text("utf8"))
    repository = found["repository"]
    site = found["html"]["baseurl"].rstrip("/")
    return Addresses(site, repository["url"].rstrip("/"), repository["branch"])


def written(root: Path = ROOT) -> Addresses:
    """Return those that were written last: pyproject.toml's."""
    urls = tomllib.loads((root / "pyproject.toml").read_text("utf8"))["project"]["urls"]
    return Addresses(urls["Homepage"], urls["Repository"])


def replaced(text: str, old: Addresses, new: Addresses) -> str:
    """Return a text with the new addresses in it for the old."""
    to_colab = rf"/github/{re.escape(old.name)}/blob/[^/]+/"
    text = re.sub(to_colab, f"/github/{new.name}/blob/{new.branch}/", text)
    for before, after in zip(old[:2], new[:2], strict=True):
        text = re.sub(rf"{re.escape(before)}(?![\w-])", lambda _, to=after: to, text)
    return text


def main(root: Path = ROOT) -> int:
    """Write the addresses and the first cells, and say where; return 0."""
    old, new = written(root), configured(root)
    paths = sorted(path for pattern in TEXTS for path in root.glob(pattern))
    for path in paths:
        before = path.read_text("utf8")
        path.write_text(replaced(before, old, new), "utf8")
        if path.suffix == ".ipynb":
            write_first_cell(path, new.first_cell)
        if path.read_text("utf8") != before:
            print(f"changed: {path.relative_to(root)}")
    return 0


def write_first_cell(path: Path, text: str) -> None:
    """Put these lines in place of those that install the library, if there are any."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        rest = re.sub(r"\Atry:\n    import byhand\n(?:.*\n)*?\n(?=\S)", "", cell.source)
        if cell.cell_type == "code" and rest != cell.source:
            cell.source = f"{text}\n{rest}"
            nbformat.write(notebook, path)
            return


if __name__ == "__main__":
    sys.exit(main())
