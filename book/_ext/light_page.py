"""Scripts never hold up the first sight of a page.

Scripts in the head are deferred: the page is shown first, then they run, in order.
The search page stays as it is, because its scripts talk to one another while it loads.

Seen in Sphinx 7.4.7 (doctools.js, sphinx_highlight.js), sphinx-book-theme 1.3.0 and
sphinx-copybutton 0.5.2, which load their scripts without `defer`. Delete this when the
built pages' heads have no such script but documentation_options.js.
"""

from docutils.nodes import document
from page_scripts import attributes, file_name, with_attributes
from sphinx.application import Sphinx

# Inline scripts of the theme, which cannot be deferred, set values in this one.
AT_ONCE = "documentation_options.js"


def deferred(script: object) -> object:
    """Return the script with `defer`, unless it says how it is to be loaded.

    Args:
        script: an entry of `script_files`, see page_scripts.py.
    """
    name = file_name(script)
    if (
        not name
        or AT_ONCE in name
        or {"defer", "async", "type"} & set(attributes(script))
    ):
        return script
    return with_attributes(script, defer="defer")


def defer_scripts(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: document | None,
) -> None:
    """Defer the scripts of every page but the search page (`html-page-context`)."""
    if pagename != "search":
        context["script_files"] = [deferred(s) for s in context["script_files"]]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", defer_scripts, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
