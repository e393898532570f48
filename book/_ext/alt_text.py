"""A picture without a text alternative of its own is a warning, so the build fails.

docutils 0.21.2 gives a picture that has none the name of its file (`visit_image` in
`writers/_html_base.py`), which tells a reader who cannot see it nothing. In a notebook the text stands in the metadata of the cell that
draws the figure: `{"mystnb": {"image": {"alt": "what is to be seen"}}}`.
"""

import re
from pathlib import PurePosixPath

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
ADVICE = (
    "give the picture a text alternative that says what is to be seen: "
    '![text](file), or in the metadata of the cell {"mystnb": {"image": {"alt": "text"}}}'
)


def is_text(alt: str | None, uri: str) -> bool:
    """Return whether `alt` is a text, rather than empty or a file's name or path.

    Args:
        alt: the text alternative, if there is one.
        uri: where the picture lies.
    """
    alt = (alt or "").strip()
    name = PurePosixPath(uri)
    return (
        bool(alt)
        and alt not in (uri, name.name, name.stem)
        and not re.fullmatch(r"\S*\.(png|svg|jpe?g|gif|webp)", alt, re.IGNORECASE)
    )


def check(app: Sphinx, doctree: nodes.document) -> None:
    """Warn about every picture without a text alternative (`doctree-read`).

    Raw HTML is looked through as well, such as an `<img>` that a cell displays.
    """
    for image in doctree.findall(nodes.image):
        if not is_text(image.get("alt"), image["uri"]):
            logger.warning("%s", ADVICE, location=image, type="alt_text")
    for raw in doctree.findall(nodes.raw):
        for tag in re.findall(r"<img\b[^>]*>", raw.astext()):
            attributes = dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', tag))
            if not is_text(attributes.get("alt"), attributes.get("src", "")):
                logger.warning(
                    "%s: %s", tag[:60], ADVICE, location=raw, type="alt_text"
                )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
