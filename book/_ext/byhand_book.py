"""All of the book's Sphinx extensions: the one that `_config.yml` names.

Each is a file of its own in this folder, and stands alone: to do without one, delete
the file and its line here.
"""

from sphinx.application import Sphinx

# The order is that in which pages pass through them.
EXTENSIONS = (
    "downloads",
    "katex_math",
    "icons",
    "light_page",
    "light_pictures",
    "launch_row",
    "accessible",
    "widgets",
    "alt_text",
)


def setup(app: Sphinx) -> dict[str, bool]:
    for name in EXTENSIONS:
        app.setup_extension(name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
