"""Pictures made of pixels become WebP, a third to a half of their PNG.

The pixels stay exactly what the chapter drew, unless the picture is still heavy then:
a smooth map of colour at twice the screen's resolution can outweigh the rest of its
page, and shows the same at quality 90. (A palette of 256 colours would be lighter
still, but draws contours into such a map that are not there.)

It changes what myst-nb 1.4.0 writes: one `_images/<hash>.png` for each figure, and its
name in the page. Delete this when chapters can draw WebP themselves (Matplotlib's
backend for notebooks offers PNG, JPEG, SVG and PDF).
"""

import re
import shutil
from pathlib import Path

from PIL import Image
from sphinx.application import Sphinx

HEAVY = 150_000  # bytes
FIGURE = "[0-9a-f]{64}"  # myst-nb names a figure by the hash of its content


def to_webp(png: Path, webp: Path) -> None:
    """Write the picture as WebP: exactly, if that is light enough.

    Args:
        png: any picture that Pillow reads.
        webp: the file to write; more than HEAVY bytes only if quality 90 needs them.
    """
    with Image.open(png) as picture:
        pixels = picture.convert("RGBA")
    pixels.save(webp, lossless=True)
    if webp.stat().st_size > HEAVY:
        pixels.save(webp, quality=90)


def lighten(app: Sphinx, exception: Exception | None) -> None:
    """Convert the chapters' pictures, each once, and make the pages show them.

    A handler of `build-finished`; it does nothing if the build failed.
    """
    if exception or app.builder.format != "html":
        return
    site, kept = Path(app.outdir), Path(app.doctreedir).parent / "generated" / "webp"
    kept.mkdir(parents=True, exist_ok=True)
    for png in site.glob("_images/*.png"):
        if not re.fullmatch(FIGURE, png.stem):
            continue
        webp = kept / f"{png.stem}.webp"
        if not webp.exists():
            to_webp(png, webp)
        shutil.copy(webp, png.with_suffix(".webp"))
        png.unlink()
    for page in site.rglob("*.html"):
        html = page.read_text("utf-8")
        html = re.sub(rf"(_images/{FIGURE})\.png", r"\1.webp", html)
        page.write_text(html, "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
