"""Scripts never hold up the first sight of a page.

Scripts in the head are deferred: the page is shown first, then they run, in order.
The search page stays as it is, because its scripts talk to one another while it loads.
"""

from sphinx.builders.html._assets import _JavaScript

# Inline scripts of the theme, which cannot be deferred, set values in this one.
AT_ONCE = "documentation_options.js"


def deferred(script):
    """Return the script with `defer`, unless it says how it is to be loaded."""
    if (
        not isinstance(script, _JavaScript)
        or not script.filename
        or AT_ONCE in str(script.filename)
        or {"defer", "async", "type"} & set(script.attributes)
    ):
        return script
    attributes = script.attributes | {"defer": "defer"}
    return _JavaScript(script.filename, priority=script.priority, **attributes)


def defer_scripts(app, pagename, templatename, context, doctree) -> None:
    """Defer the scripts of every page but the search page."""
    if pagename != "search":
        context["script_files"] = [deferred(s) for s in context["script_files"]]


def setup(app):
    app.connect("html-page-context", defer_scripts, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
