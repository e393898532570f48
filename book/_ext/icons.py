"""The theme's icons as a font of a few kilobytes.

By default the theme draws its icons with a 1.5 MB script that knows all of Font
Awesome. Its style sheet can show them from a font just as well; this extension cuts
that font down to the icons that the theme's templates and style sheet really use.
(`_templates/layout.html` leaves the script out.)
"""

import re
from pathlib import Path

import pydata_sphinx_theme
import sphinx_book_theme
from fontTools import subset

THEMES = [
    Path(m.__file__).parent / "theme" for m in (pydata_sphinx_theme, sphinx_book_theme)
]
STATIC = THEMES[0] / "pydata_sphinx_theme" / "static"
FONT = Path("vendor/fontawesome/webfonts/fa-solid-900.woff2")


def icons_in_use() -> set[int]:
    """Return the code points of the icons that the templates or the CSS show."""
    templates = "".join(
        template.read_text("utf-8")
        for theme in THEMES
        for template in theme.rglob("*.html")
    )
    css = (STATIC / "styles" / "pydata-sphinx-theme.css").read_text("utf-8")
    rules = re.findall(r'([^{}]*):before{content:"\\([0-9a-f]+)"}', css)
    named = set(re.findall(r"\bfa-[a-z-]+", templates))
    shown = {
        int(code, 16)
        for selectors, code in rules
        if named & set(re.findall(r"fa-[a-z-]+", selectors))
    }
    return shown | set(map(ord, re.findall("[\ue000-\uf8ff]", css)))


def provide_font(app) -> None:
    """Put the small font among the static files, in place of the theme's."""
    static = Path(app.doctreedir).parent / "generated" / "icons"
    (static / FONT).parent.mkdir(parents=True, exist_ok=True)
    options = subset.Options(flavor="woff2", layout_features=[], hinting=False)
    font = subset.load_font(STATIC / FONT, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=icons_in_use())
    subsetter.subset(font)
    subset.save_font(font, static / FONT, options)
    app.config.html_static_path.append(str(static))


def setup(app):
    app.connect("builder-inited", provide_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
