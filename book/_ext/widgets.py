"""Interactive figures (anywidgets) on a page without a kernel.

myst-nb embeds the state of a chapter's widgets in its page; `_assets/widget-host.js`
runs them from it. This extension

- moves the state from the head, where myst-nb 1.4.0 puts it (as a script without a
  file, `NbElementRenderer.add_js_file`) and where it would hold up the first sight of
  the page, to the end of the body, and escapes it so that no text in it can end the
  script: delete `move_state` when myst-nb does both;
- writes each module once, however many figures of the page it serves;
- keeps a still picture for readers without JavaScript and for paper: what the widget
  offers beside its interactive form (`image/svg+xml`, `image/png` or `text/html` in
  its mime bundle) goes into a `<noscript>`, from where the script takes it; a widget
  that offers none is a warning.
"""

import json

from docutils import nodes
from page_scripts import attributes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
SHARED = ("_esm", "_css")  # traits that hold a text which many widgets have
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


def packed(state: str) -> str:
    """Return a page's widget state with each module and style sheet once.

    Args:
        state: as ipywidgets writes it, `{"state": {id: {"state": …, "buffers": …}}}`.

    Returns:
        The same, where `_esm` and `_css` are places in the list "texts".
    """
    page = json.loads(state)
    texts: dict[str, int] = {}
    for model in page["state"].values():
        for name in SHARED:
            if isinstance(text := model["state"].get(name), str):
                model["state"][name] = texts.setdefault(text, len(texts))
    return json.dumps(page | {"texts": list(texts)}, separators=(",", ":"))


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
            state = packed(attributes(script)["body"]).replace("<", "\\u003c")
            context["body"] += f'<script type="{STATE}">{state}</script>\n'
        else:
            scripts.append(script)
    context["script_files"] = scripts


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(KeepStill)
    app.connect("html-page-context", move_state, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
