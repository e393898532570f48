"""The theme's icons as a font of a few kilobytes.

By default the theme draws its icons with a 1.5 MB script that knows all of Font
Awesome. Its style sheet can show them from a font just as well; this extension cuts
font and style sheet down to the icons that the theme's templates really use.
(`_templates/layout.html` leaves the script out.)

Seen in pydata-sphinx-theme 0.17.1: fontawesome.js is 1.49 MB there, and the font of all
solid icons 156 kB. The theme means to do without most of the script
(https://github.com/pydata/pydata-sphinx-theme/issues/2379); delete this when its font
has become light, too.
"""

import re
from pathlib import Path

import pydata_sphinx_theme
import sphinx_book_theme
from fontTools import subset
from sphinx.application import Sphinx

THEMES = [
    Path(m.__file__).parent / "theme" for m in (pydata_sphinx_theme, sphinx_book_theme)
]
STATIC = THEMES[0] / "pydata_sphinx_theme" / "static"
CSS = Path("styles/pydata-sphinx-theme.css")
FONT = Path("vendor/fontawesome/webfonts/fa-solid-900.woff2")
RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')


def provide_icons(app: Sphinx) -> None:
    """Put the small font and style sheet among the static files, over the theme's.

    Raises:
        OSError: the theme has them no more where it had them (the names above).
    """
    templates = "".join(
        template.read_text("utf-8")
        for theme in THEMES
        for template in theme.rglob("*.html")
    )
    named = set(re.findall(r"\bfa-[a-z-]+", templates))
    css = (STATIC / CSS).read_text("utf-8")
    icons = set(map(ord, re.findall("[\ue000-\uf8ff]", css)))  # shown by the CSS itself

    def keep_if_named(rule: re.Match[str]) -> str:
        if not named & set(re.findall(r"fa-[a-z-]+", rule[1])):
            return ""
        icons.add(int(rule[2], 16))
        return rule[0]

    static = Path(app.doctreedir).parent / "generated" / "icons"
    for file in (CSS, FONT):
        (static / file).parent.mkdir(parents=True, exist_ok=True)
    (static / CSS).write_text(RULE.sub(keep_if_named, css), "utf-8")
    options = subset.Options(flavor="woff2", layout_features=[], hinting=False)
    font = subset.load_font(STATIC / FONT, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=icons)
    subsetter.subset(font)
    subset.save_font(font, static / FONT, options)
    app.config.html_static_path.append(str(static))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", provide_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
