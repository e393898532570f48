"""Small repairs of the pages' HTML for readers who use a screen reader.

The tests of the pages run axe-core, which found each of these.
"""

import re

REPAIRS = [
    # An empty cell of a table's head names no column: it is no header.
    (re.compile(r"<th\b[^>]*>\s*(?:<p></p>)?\s*</th>"), "<td></td>"),
    # A hidden cell's summary says what it shows; this label would hide that.
    (re.compile(r'<summary aria-label="Toggle hidden content">'), "<summary>"),
]


def repair(app, pagename, templatename, context, doctree) -> None:
    """Repair the body of one page."""
    for pattern, replacement in REPAIRS:
        context["body"] = pattern.sub(replacement, context.get("body", ""))


def setup(app):
    app.connect("html-page-context", repair)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
