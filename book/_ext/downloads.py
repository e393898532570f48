"""Homeworks are served with the pages: a link to a notebook outside the book gives the file.

MyST takes every link to a notebook for one to a page, and warns when it is none; its
own sign for a file (`path:`) would be a dead link on GitHub. (Seen in MyST-Parser 3.0.1.)
"""

import re

from sphinx.application import Sphinx


def mark_files(app: Sphinx, docname: str, content: list[str]) -> None:
    """Tell MyST which links are to files: a handler of `source-read`."""
    link = r"\]\((\.\./assignments/[^)#]+\.ipynb)\)"
    content[0] = re.sub(link, r"](path:\1)", content[0])


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", mark_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
