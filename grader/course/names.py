"""Students' names: what a platform calls them, made safe for paths and screens."""

import re
import unicodedata

from grader.errors import Refused

MAX_CHARACTERS = 128  # of the gradebook's column
MAX_BYTES = 200  # in UTF-8; a file system allows 255, and files' names have endings
# letters of any script, their accents, digits, and what stands in names
PUNCTUATION = "_.-@ '’ʼ·"
RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")


def student_name(raw: str) -> str:
    """A student's name as it is kept: with accents in one piece (NFC).

    macOS writes an é as an e and an accent; the same name from two machines is one.

    Raises:
        Refused: nobody can be called that here; the message says why.
    """
    name = unicodedata.normalize("NFC", raw).strip()
    for character in name:
        kind = unicodedata.category(character)
        if kind[0] not in "LMN" and character not in PUNCTUATION:
            raise Refused(
                f"this is no student's name, because of {_named(character)}: use letters, "
                "digits, spaces and . _ - @ ' only"
            )
    if not name or unicodedata.category(name[0])[0] not in "LN":
        raise Refused("this is no student's name: it must begin with a letter or digit")
    if ".." in name or RESERVED.fullmatch(name):
        raise Refused("this is no student's name: some systems keep it for themselves")
    if len(name) > MAX_CHARACTERS or len(name.encode()) > MAX_BYTES:
        raise Refused("this is no student's name: it is too long")
    return name


def is_name(student: str) -> bool:
    """Whether a student can be called exactly that."""
    try:
        return student_name(student) == student
    except Refused:
        return False


def check_name(student: str) -> None:
    """Raises Refused: it is no name as they are kept."""
    if student_name(student) != student:
        raise Refused(
            "this name is written with accents apart or spaces around it: collect the "
            "submission, or rename its folder"
        )


def folded(student: str) -> str:
    """The same for names that are one and the same on some file systems."""
    whole = unicodedata.normalize("NFC", student).casefold()
    return unicodedata.normalize("NFC", whole)


def visible(text: str) -> str:
    """A text of somebody else's for a screen: nothing in it steers the terminal.

    Control characters, marks that turn the direction, and halves of characters are
    written out.
    """
    return "".join(c if _is_plain(c) else _escaped(c) for c in text)


def _is_plain(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _named(character: str) -> str:
    name = unicodedata.name(character, "a control character").lower()
    return (
        f"{character} ({name})"
        if _is_plain(character)
        else f"{_escaped(character)} ({name})"
    )
