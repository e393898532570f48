"""Interactive figures (anywidgets) on a page without a kernel.

myst-nb embeds the state of a chapter's widgets in its page; `_assets/widget-host.js`
runs them from it. This extension

- moves the state from the head, where myst-nb 1.4.0 puts it (as a script without a
  file, `NbElementRenderer.add_js_file`) and where it would hold up the first sight of
  the page, to the end of the body, and escapes it so that no text in it can end the
  script: delete `move_state` when myst-nb does both;
- keeps a still picture for readers without JavaScript: what the widget offers beside
  its interactive form (`image/svg+xml`, `image/png` or `text/html` in its mime
  bundle) goes into a `<noscript>`; a widget that offers none is a warning.
"""

from docutils import nodes
from page_scripts import attributes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
STILLS = ("image/svg+xml", "image/png", "text/html")


class KeepStill(SphinxPostTransform):
    """Put a widget's still picture beside it, in a `<noscript>`."""

    default_priority = 3  # before myst-nb's SelectMimeType drops all forms but one

    def run(self, **kwargs: object) -> None:
        bundles = self.document.findall(
            lambda n: (
                isinstance(n, nodes.container) and n.get("nb_element") == "mime_bundle"
            )
        )
        for bundle in list(bundles):
            forms = {form["mime_type"]: form for form in bundle.children}
            if VIEW not in forms:
                continue
            still = next((forms[mime] for mime in STILLS if mime in forms), None)
            if still is None:
                logger.warning(
                    "this widget shows nothing without JavaScript: "
                    "its mime bundle needs a still picture too",
                    location=bundle,
                    type="widgets",
                )
                continue
            forms[VIEW].extend(
                [
                    nodes.raw("", "<noscript>", format="html"),
                    *(child.deepcopy() for child in still.children),
                    nodes.raw("", "</noscript>", format="html"),
                ]
            )


def move_state(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Move the widgets' state from the page's head to the end of its body.

    A handler of `html-page-context`, after myst-nb's, which adds the state.
    """
    scripts = []
    for script in context["script_files"]:
        if attributes(script).get("type") == STATE:
            state = attributes(script)["body"].replace("<", "\\u003c")
            context["body"] += f'<script type="{STATE}">{state}</script>\n'
        else:
            scripts.append(script)
    context["script_files"] = scripts


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(KeepStill)
    app.connect("html-page-context", move_state, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
