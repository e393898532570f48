"""Colab, Binder, JupyterHub and download, in one row under each chapter's title.

The theme knows the addresses (from `launch_buttons` and `repository` in
`_config.yml`) but hides them in two menus that need a script. A row of plain links
is seen at once, fits a phone, and works without one.

Seen in sphinx-book-theme 1.3.0, whose `header_buttons` makes the menus. Delete this
when the theme shows plain links.
"""

from html import escape
from urllib.parse import urlsplit

from docutils.nodes import document
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

# What stands in _config.yml until somebody puts an address there (RFC 2606).
NOBODYS = "example.org"
LABELS = {
    "Colab": "Open in Colab",
    "Binder": "Open in Binder",
    "JupyterHub": "Open in JupyterHub",
}


def add_row(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: document | None,
) -> None:
    """Insert the row after the title of a chapter: a notebook, not the home page.

    A handler of `html-page-context`, after the theme's, which makes the buttons.
    """
    if context.get("page_source_suffix") != ".ipynb" or pagename == "book/index":
        return
    buttons = [
        button
        for group in context["header_buttons"]
        for button in group.get("buttons", [])
        if button["text"] in LABELS and is_set(button["url"])
    ]
    links = [
        f'<a href="{escape(button["url"])}">{LABELS[button["text"]]}</a>'
        for button in sorted(
            buttons, key=lambda button: list(LABELS).index(button["text"])
        )
    ]
    source = context["pathto"](f"_sources/{context['sourcename']}", 1)
    links.append(f'<a href="{escape(source)}" download>Download notebook</a>')
    items = "".join(f"<li>{link}</li>" for link in links)
    row = f'\n<ul class="launch" aria-label="Run this chapter">{items}</ul>'
    context["body"] = context["body"].replace("</h1>", "</h1>" + row, 1)


def is_set(address: str) -> bool:
    """Whether an address is somebody's, and no placeholder."""
    host = urlsplit(address).hostname or ""
    return not f".{host}".endswith(f".{NOBODYS}")


def say_what_is_not_set(app: Sphinx, exception: Exception | None) -> None:
    """Name the settings that would show a button (a handler of `build-finished`)."""
    for name, address in app.config.html_theme_options["launch_buttons"].items():
        if str(address).startswith("http") and not is_set(address):
            logger.info(
                "A button is not shown: launch_buttons.%s in _config.yml is %s.",
                name,
                address,
            )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_row, priority=900)
    app.connect("build-finished", say_what_is_not_set)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
