"""Large PNG pictures are stored with a palette of 256 colours, a quarter of the weight.

Figures of lines are SVG and digits are grey already (`byhand.plots`); what is left are
maps of colour and dense scatters, in which nobody can tell 256 colours from millions.
"""

from pathlib import Path

from PIL import Image

LARGE = 40_000  # bytes


def store_with_palette(path: Path) -> None:
    """Store a PNG with a palette, if that makes it smaller."""
    with Image.open(path) as image:
        if image.mode not in ("LA", "RGB", "RGBA"):
            return
        opaque = image.mode == "RGB" or image.getextrema()[-1] == (255, 255)
        method = Image.Quantize.MEDIANCUT if opaque else Image.Quantize.FASTOCTREE
        source = image.convert("RGB" if opaque else "RGBA")
        small = source.quantize(256, method=method, dither=Image.Dither.NONE)
    lighter = path.with_suffix(".lighter")
    small.save(lighter, "PNG", optimize=True)
    if lighter.stat().st_size < path.stat().st_size:
        lighter.replace(path)
    else:
        lighter.unlink()


def lighten(app, exception) -> None:
    """Go through the site's pictures once all pages are written."""
    if exception is None and app.builder.format == "html":
        for path in sorted(Path(app.outdir, "_images").glob("*.png")):
            if path.stat().st_size > LARGE:
                store_with_palette(path)


def setup(app):
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
