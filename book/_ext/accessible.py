"""Small repairs of the pages' HTML for readers who use a screen reader.

The tests of the pages run axe-core, which found each of these.
"""

import re

from docutils.nodes import document
from sphinx.application import Sphinx

REPAIRS = [
    # An empty cell of a table's head names no column: it is no header. Sphinx 7.4.7
    # and docutils 0.21.2 make it one all the same. Delete this when pages built
    # without it hold no <th> with nothing in it.
    (re.compile(r"<th\b[^>]*>\s*(?:<p></p>)?\s*</th>"), "<td></td>"),
    # A hidden cell's summary says what it shows; this label would hide that.
    # myst-nb 1.4.0 writes it, in `visit_HideCellInput`: delete this when that does not.
    (re.compile(r'<summary aria-label="Toggle hidden content">'), "<summary>"),
]


def repair(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: document | None,
) -> None:
    """Repair the body of one page (a handler of `html-page-context`)."""
    for pattern, replacement in REPAIRS:
        context["body"] = pattern.sub(replacement, context.get("body", ""))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", repair)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
