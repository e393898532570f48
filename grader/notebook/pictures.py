"""Pictures that students put into text cells: checked, made small, bounded."""

import base64
import binascii
import io
import re
import warnings
from typing import Any
from urllib.parse import unquote

SIDE = 1_200  # pixels: larger pictures are scaled down to it
MAX_PIXELS = 30_000_000  # of one picture, which decoding holds in memory
MAX_PIXELS_JPEG = 110_000_000  # which need not be decoded in full
MAX_BYTES = 30_000_000  # of one picture as it was handed in
KEEP = (
    150_000  # bytes: a picture that is no larger, nor wider than SIDE, stays as it is
)
# of a notebook
PIXELS = 240_000_000
PICTURES = 60
BYTES = 4_000_000  # of all, when they are small

FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
TYPES = {"image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp"}
INLINE = re.compile(r"data:image/[\w.+-]{1,20}(?:;[\w=-]{1,30}){0,3},[A-Za-z0-9+/=%]*")


class Album:
    """The pictures of one notebook's text cells: how much there may be of them.

    Attributes:
        refused: how many were left out.
    """

    def __init__(self) -> None:
        self.pixels, self.pictures, self.bytes = PIXELS, PICTURES, BYTES
        self.refused = 0
        self._known: dict[bytes, dict[str, str] | None] = {}

    def attachments(self, found: object) -> dict[str, dict[str, str]]:
        """A cell's attachments, those that are pictures, as a notebook holds them."""
        kept: dict[str, dict[str, str]] = {}
        for name, kinds in found.items() if isinstance(found, dict) else ():
            if not isinstance(name, str) or not isinstance(kinds, dict):
                continue
            for kind, text in kinds.items():
                text = "".join(map(str, text)) if isinstance(text, list) else text
                picture = self._add(text) if kind in TYPES else None
                if picture:
                    kept[name] = picture
                    break
            else:
                self.refused += 1
        return kept

    def taken_out(self, source: str, kept: dict[str, dict[str, str]]) -> str:
        """A text whose ``data:`` pictures have become attachments, put into ``kept``."""
        if "data:image/" not in source:
            return source

        def replace(match: re.Match[str]) -> str:
            kind, _, text = match[0].removeprefix("data:").partition(",")
            kind, _, coding = kind.partition(";")
            right = kind in TYPES and coding.endswith("base64")
            picture = self._add(unquote(text)) if right else None
            name = f"picture-{len(kept) + 1}"
            while name in kept:
                name += "-"
            if picture is None:
                self.refused += 1
                return "attachment:left-out"
            kept[name] = picture
            return f"attachment:{name}"

        return INLINE.sub(replace, source)

    def _add(self, text: object) -> dict[str, str] | None:
        """A picture in base64 as it is kept, by its type; None: it is none, or too much."""
        if not isinstance(text, str) or len(text) > 1.4 * MAX_BYTES:
            return None
        try:
            data = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            return None
        if data in self._known:  # the same again costs nothing but its bytes
            kept = self._known[data]
            self.bytes -= sum(map(len, kept.values())) if kept else 0
            return kept if self.bytes > 0 else None
        picture = None
        if self.pictures > 0:
            self.pictures -= 1
            picture, used = small(data, self.pixels)
            self.pixels -= used
        kept = None
        if picture and len(picture[1]) <= self.bytes:
            self.bytes -= len(picture[1])
            kept = {picture[0]: base64.b64encode(picture[1]).decode()}
        self._known[data] = kept
        return kept


def small(data: bytes, left: int = PIXELS) -> tuple[tuple[str, bytes] | None, int]:
    """A picture with at most ``SIDE`` pixels each way: its type and bytes, or None.

    How large it is says its first line, before anything is decoded: few bytes can stand
    for many pixels.

    Args:
        left: how many pixels may be decoded for it.

    Returns:
        It, and how many pixels were decoded.
    """
    if len(data) > MAX_BYTES:
        return None, 0
    from PIL import Image, ImageOps  # most notebooks have no pictures

    used = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                pixels = image.width * image.height
                baseline = image.format == "JPEG" and not image.info.get("progressive")
                if pixels > (MAX_PIXELS_JPEG if baseline else MAX_PIXELS):
                    return None, 0
                fits = max(image.size) <= SIDE
                turned = image.getexif().get(0x0112, 1) != 1
                if pixels > left:
                    return None, 0
                used = pixels
                if image.format == "JPEG":
                    image.draft("RGB", (SIDE, SIDE))
                image.load()
                plain = image.format in ("PNG", "JPEG") and not image.info.get("exif")
                if fits and plain and not turned and len(data) <= KEEP:
                    return (f"image/{str(image.format).lower()}", data), used
                photo = image.format in ("JPEG", "WEBP")
                found: Any = ImageOps.exif_transpose(image)
                found.thumbnail((SIDE, SIDE))
                return _encoded(found, photo), used
    except Exception:  # whatever a file that is no picture leads to
        return None, used


def _encoded(image: Any, photo: bool) -> tuple[str, bytes]:
    """As PNG, which keeps drawings sharp; photographs and large ones as JPEG."""
    from PIL import Image

    if not photo:
        clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
        if image.mode not in ("1", "L", "P", "RGB", "RGBA", "LA"):
            image = image.convert("RGBA" if clear else "RGB")
        file = io.BytesIO()
        image.save(file, "PNG", optimize=False)
        if file.tell() <= 2 * KEEP:
            return "image/png", file.getvalue()
    if image.mode != "RGB":
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        image = paper.convert("RGB")
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return "image/jpeg", file.getvalue()
