"""The library as a wheel, served with the pages: a notebook's first cell installs it.

A wheel of Python alone is an archive of the package with a few texts that describe it,
so none of the tools that build one is needed, and the same library gives the same bytes.
"""

import base64
import hashlib
import tomllib
from email.message import Message
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

SUFFIXES = {".py", ".js", ".css", ".typed"}  # what a module, or a figure, consists of
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<title>The course's library</title>
<p>pip install --no-index --find-links (this page) byhand</p>
<a href="{name}#sha256={digest}">{name}</a>
</html>
"""


def write_wheel(root: Path, library: Path, folder: Path) -> Path:
    """Write a wheel of the library, and the page on which pip finds it.

    Args:
        root: of the project, with pyproject.toml and the licences.
        library: the folder byhand/.
        folder: made unless it is there.

    Returns:
        The path of the wheel.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text("utf8"))["project"]
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"byhand-{project['version']}"
    wheel = folder / f"{stem}-py3-none-any.whl"
    content = _content(root, library, project, f"{stem}.dist-info")
    with ZipFile(wheel, "w", ZIP_DEFLATED) as archive:
        for name, data in content.items():
            info = ZipInfo(name)  # of a fixed date
            info.compress_type, info.external_attr = ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, data)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    page = PAGE.format(name=wheel.name, digest=digest)
    (folder / "index.html").write_text(page, "utf8")
    return wheel


def _content(root: Path, library: Path, project: dict, about: str) -> dict[str, bytes]:
    """The files of the wheel, by name, in the order of the format's description."""
    found = {
        path.relative_to(library.parent).as_posix(): path.read_bytes()
        for path in sorted(library.rglob("*"))
        if path.suffix in SUFFIXES and path.is_file()
    }
    found |= {
        f"{about}/licenses/{name}": (root / name).read_bytes()
        for name in project["license-files"]
    }
    found[f"{about}/METADATA"] = _metadata(project)
    found[f"{about}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: book/pack.py\n"
        b"Root-Is-Purelib: true\nTag: py3-none-any\n"
    )
    command = f"[console_scripts]\nbyhand = {project['scripts']['byhand']}\n"
    found[f"{about}/entry_points.txt"] = command.encode()
    found[f"{about}/RECORD"] = _record(found, f"{about}/RECORD")
    return found


def _metadata(project: dict) -> bytes:
    text = Message()
    text["Metadata-Version"] = "2.4"
    text["Name"] = project["name"]
    text["Version"] = project["version"]
    text["Summary"] = project["description"]
    text["License-Expression"] = project["license"]
    text["Requires-Python"] = project["requires-python"]
    for name in project["license-files"]:
        text["License-File"] = name
    for requirement in project["dependencies"]:
        text["Requires-Dist"] = requirement
    for what, address in project["urls"].items():
        text["Project-URL"] = f"{what}, {address}"
    return text.as_bytes()


def _record(content: dict[str, bytes], name: str) -> bytes:
    """What lists every file with its hash and size, except itself."""
    lines = []
    for path, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
        lines.append(f"{path},sha256={digest.decode().rstrip('=')},{len(data)}")
    return "\n".join([*lines, f"{name},,", ""]).encode()
