"""How learning platforms name what they give out: whose a file is, and which attempt.

``PLATFORMS`` is the table: a new platform is an entry there, and a made-up download in
`tests/platforms.py`. Sources of the patterns, where there are any: Canvas
(instructure/canvas-lms, ``content_zipper.rb``), Moodle (``mod/assign``,
``downloader.php``), ILIAS (``ilExSubmission.php``), OpenOlat (``GTACourseNode.java``),
Sakai (``AssignmentServiceImpl.java``), nbgrader (``exchange/default/submit.py``); for the
others, what their users' tools read.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import NamedTuple

import yaml
from nbgrader.utils import parse_utc

from grader.course.submission import NOTEBOOK


class Piece(NamedTuple):
    """A file of a download.

    Args:
        keys: whose it is: kinds of keys (`grader.course.people`) with their values, the
            surest first; one such tuple for each person.
        inner: what the student called it.
        attempt: of several the greatest counts.
        time: when it was handed in (UTC); None: the download does not say.
        late: whether the platform calls it late; None: it does not say.
        said: a name for messages.
        blank: nothing of the student's, like the platform's notes beside the work.
    """

    keys: tuple[tuple[tuple[str, str], ...], ...]
    inner: PurePosixPath
    attempt: str = ""
    time: datetime | None = None
    late: bool | None = None
    said: str = ""
    blank: bool = False


Read = Callable[[str], bytes]  # a file of the download, by its path there
Split = Callable[[str], Piece | None]
Begin = Callable[[Sequence[str], Read], Split]


class Platform(NamedTuple):
    """A platform's way.

    Args:
        name: what people call it.
        begin: given the paths and a way to read files: what tells whose a path is.
        needs: the list without which nobody is known by these names; "" if none.
        dated: whether a file's time is that of its being handed in; else it is that of
            the download.
    """

    name: str
    begin: Begin
    needs: str = ""
    dated: bool = False


def _one(*keys: tuple[str, str]) -> tuple[tuple[tuple[str, str], ...], ...]:
    return (keys,)


def _local(text: str, form: str) -> datetime | None:
    """A time without a zone: by the zone of this machine."""
    try:
        return datetime.strptime(text, form).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


CANVAS = (
    r"(?:(?P<late>LATE)_)?(?P<user>anon_[0-9A-Za-z]+)_(?:\d+_(?P<file>.+)|(?:text|link)\.html)",
    r"(?:(?P<name>\w+?)_)?(?:(?P<late>LATE)_)?(?P<user>\d+)_(?:\d+_(?P<file>.+)|(?:text|link)\.html)",
)


def _canvas(paths: Sequence[str], read: Read) -> Split:
    def split(path: str) -> Piece | None:
        for pattern in CANVAS:
            if match := re.fullmatch(pattern, path):
                name = match.groupdict().get("name") or match["user"]
                return Piece(
                    _one(("canvas", match["user"])),
                    PurePosixPath(match["file"] or "text.html"),
                    late=match["late"] is not None,
                    said=name,
                    blank=not match["file"],
                )
        return None

    return split


def _named(pattern: str, piece: Callable[[re.Match[str]], Piece]) -> Begin:
    """A platform whose paths tell all: what they look like, and what that means."""
    known = re.compile(pattern)

    def split(path: str) -> Piece | None:
        match = known.fullmatch(path)
        return piece(match) if match else None

    return lambda paths, read: split


MOODLE = (
    r"(?P<name>[^_/]+)_(?:(?P<id>\d+)_)?assignsubmission_"
    r"(?P<kind>[a-z]+)(?:_?/|_)(?P<file>.+)"
)


def _moodle(match: re.Match[str]) -> Piece:
    name, number = match["name"], match["id"] or ""
    # a group's number may be that of a participant
    keys = (("participant", f"{number} {name}"), ("group", name))
    return Piece(
        _one(*keys, ("participant", number)),
        PurePosixPath(match["file"]),
        said=f"{name} ({number})" if number else name,
        blank=match["kind"] == "onlinetext",
    )


BLACKBOARD = re.compile(
    r"(?P<start>.+?)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:\.txt|_(?P<file>.+))"
)


def _blackboard(paths: Sequence[str], read: Read) -> Split:
    users: dict[str, str] = {}  # a title may hold what looks like a username's start
    for path in paths:
        if (match := BLACKBOARD.fullmatch(path)) and path.endswith(".txt"):
            text = read(path)[:2000].decode("utf-8", "replace")
            if found := re.search(r"(?m)^Name: .*\(([^()\s]+)\)\s*$", text):
                users[match["start"]] = found[1]

    def split(path: str) -> Piece | None:
        match = BLACKBOARD.fullmatch(path)
        if not match:
            return None
        user = users.get(match["start"]) or match["start"].rpartition("_")[2]
        return Piece(
            _one(("username", user)),
            PurePosixPath(match["file"] or "note.txt"),
            attempt=match["time"],
            time=_local(match["time"], "%Y-%m-%d-%H-%M-%S"),
            said=user,
            blank=not match["file"],
        )

    return split


BRIGHTSPACE = (
    r"\d+-\d+(?:-\d+)? - (?P<name>.+?) - "
    r"(?P<time>[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:?\d\d [AP]M)(?:/| - )(?P<file>.+)"
)


def _brightspace(match: re.Match[str]) -> Piece:
    time = _local(match["time"].replace(":", ""), "%b %d, %Y %I%M %p")
    return Piece(
        _one(("name", match["name"])),
        PurePosixPath(match["file"]),
        attempt=f"{time:%Y-%m-%d %H:%M}" if time else "",
        time=time,
        said=match["name"],
    )


METADATA = "submission_metadata.yml"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast


def _gradescope(paths: Sequence[str], read: Read) -> Split:
    if METADATA not in paths:
        return lambda path: None
    try:
        known = yaml.load(read(METADATA).decode("utf-8", "replace"), LOADER)
    except (yaml.YAMLError, ValueError, RecursionError):
        known = None
    known = known if isinstance(known, dict) else {}

    def split(path: str) -> Piece | None:
        if path == METADATA:
            return Piece((), PurePosixPath(METADATA), blank=True)
        first, *rest = PurePosixPath(path).parts
        found = known.get(first)
        if not isinstance(found, dict):
            return None
        people = found.get(":submitters") or []
        keys = []
        for person in people if isinstance(people, list) else []:
            said = person if isinstance(person, dict) else {}
            named = ((k, said.get(f":{k}")) for k in ("sid", "email", "name"))
            if one := tuple((k, str(v)) for k, v in named if v):
                keys.append(one)
        time = found.get(":created_at")
        if isinstance(time, str):
            try:
                time = datetime.fromisoformat(time.replace(" UTC", "+00:00"))
            except ValueError:
                time = None
        if isinstance(time, datetime):
            time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
        return Piece(
            tuple(keys),
            PurePosixPath(*(rest or [first])),
            time=time if isinstance(time, datetime) else None,
            said=first,
        )

    return split


def _github(paths: Sequence[str], read: Read) -> Split:
    """Clones ``SLUG-username/``: what all names begin with is the slug."""
    folders = sorted({PurePosixPath(p).parts[0] for p in paths if "/" in p})
    if len(folders) < 2:
        return lambda path: None
    pairs = enumerate(zip(folders[0], folders[-1], strict=False))
    differ = next((n for n, (one, other) in pairs if one != other), 0)
    slug = folders[0][:differ]
    slug = slug[: slug.rfind("-") + 1]
    if not slug:
        return lambda path: None

    def split(path: str) -> Piece | None:
        first, _, rest = path.partition("/")
        user = first.removeprefix(slug)
        if not rest or not user:
            return None
        keys = _one(("github", user), ("username", user))
        return Piece(keys, PurePosixPath(rest), said=user)

    return split


ILIAS = r"(?:[^/]+ \d+/)?[^/]+_[^_/]+_(?P<login>[^_/]+)_(?P<user>\d+)/(?P<file>.+)"


def _ilias(match: re.Match[str]) -> Piece:
    keys = _one(("username", match["login"]), ("sid", match["user"]))
    return Piece(keys, PurePosixPath(match["file"]), said=match["login"])


OPENOLAT = (
    r"[^/]+_(?P<user>[^_/]+)/\d+_(?P<step>task|submissions|corrections|assessment|"
    r"revisions_(?P<round>\d+)|corrections_\d+)/(?P<file>.+)"
)


def _openolat(match: re.Match[str]) -> Piece:
    return Piece(
        _one(("username", match["user"])),
        PurePosixPath(match["file"]),
        attempt=f"{int(match['round'] or 0):04}",
        said=match["user"],
        blank=not match["step"].startswith(("submissions", "revisions")),
    )


SAKAI = r"[^/,]+, [^/(]*\((?P<eid>[^()/]+)\)[/_](?P<file>.+)"


def _sakai(match: re.Match[str]) -> Piece:
    keys = _one(("username", match["eid"]))
    return Piece(keys, PurePosixPath(match["file"]), said=match["eid"])


NBGRADER = (
    r"(?P<user>[^/]+)\+[^+/]+\+(?P<time>\d{4}-\d\d-\d\d [\d:.]+ [^+/]+)"
    r"(?:\+[\w-]{12})?/(?P<file>.+)"
)


def _nbgrader(match: re.Match[str]) -> Piece:
    try:
        time = parse_utc(match["time"]).replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError):
        time = None
    return Piece(
        _one(("username", match["user"])),
        PurePosixPath(match["file"]),
        attempt=match["time"],
        time=time,
        said=match["user"],
    )


def _studip(paths: Sequence[str], read: Read) -> Split:
    if "archive_filelist.csv" not in map(str.casefold, paths):
        return lambda path: None
    return lambda path: Piece((), PurePosixPath(path), said=path)


# the first of those that fit best
PLATFORMS = (
    Platform("Gradescope", _gradescope),
    Platform("Canvas", _canvas),
    Platform("Moodle", _named(MOODLE, _moodle), "the assignment's grading worksheet"),
    Platform("Blackboard", _blackboard),
    Platform(
        "Brightspace",
        _named(BRIGHTSPACE, _brightspace),
        "the exported grades, with names",
    ),
    Platform("nbgrader's exchange", _named(NBGRADER, _nbgrader)),
    Platform("OpenOlat", _named(OPENOLAT, _openolat)),
    Platform("Sakai", _named(SAKAI, _sakai)),
    Platform("ILIAS", _named(ILIAS, _ilias)),
    Platform("Stud.IP", _studip),
    Platform("repositories cloned from GitHub", _github),
)


def by_people(homework_name: Callable[[str], str]) -> Platform:
    """No platform: a folder or file for each person, called as they are.

    Its files have their own times.

    Args:
        homework_name: whose a file or folder is, by its name.
    """

    def begin(paths: Sequence[str], read: Read) -> Split:
        def split(path: str) -> Piece:
            first, *rest = PurePosixPath(path).parts
            student = homework_name(first)
            kinds = ("username", "sid", "email", "canvas", "github", "identifier")
            keys = tuple((kind, student) for kind in (*kinds, "name"))
            return Piece((keys,), PurePosixPath(*(rest or [first])), said=student)

        return split

    return Platform("names that people gave", begin, dated=True)


ENOUGH = 0.5  # of the entries with notebooks and archives, to tell a platform
MAX_OUTER = 4  # folders around everything


class Recognised(NamedTuple):
    """A platform that was recognised, and how it splits paths without this start."""

    platform: Platform
    split: Split
    start: str


def recognise(paths: Sequence[str], read: Read, github: bool) -> Recognised | None:
    """Which platform has given these files out; None if none of those in the table.

    Args:
        paths: of the files, with "/" between folders, without what tools leave.
        read: a file's content, by its path.
        github: whether folders are repositories.
    """
    work = [p for p in paths if is_work(p)]
    best: tuple[float, Recognised] | None = None
    for start in _starts(work):
        below = [p.removeprefix(start) for p in paths if p.startswith(start)]

        def read_below(path: str, start: str = start) -> bytes:
            try:
                return read(start + path)
            except MemoryError:
                raise
            except Exception:  # it is damaged, and tells nothing
                return b""

        for platform in PLATFORMS:
            if platform.begin is _github and not github:
                continue
            split = platform.begin(below, read_below)
            share = _share(split, [p.removeprefix(start) for p in work])
            if share >= ENOUGH and (best is None or share > best[0]):
                best = share, Recognised(platform, split, start)
    return best[1] if best else None


def _share(split: Split, work: Sequence[str]) -> float:
    """How many of the entries at the top are the platform's, as a share.

    Entries, and not files: of those a student may hand in as many as they like, with
    names as they like.
    """
    entries: dict[str, bool] = {}
    for path in work:
        first = path.partition("/")[0]
        entries[first] = entries.get(first, True) and split(path) is not None
    return sum(entries.values()) / max(1, len(entries))


def is_work(path: str) -> bool:
    """Whether a file may be somebody's submission: a notebook or an archive."""
    name = PurePosixPath(path).name
    return bool(NOTEBOOK.fullmatch(name)) or name.lower().endswith(".zip")


def _starts(paths: Sequence[str]) -> list[str]:
    """Nothing, and the folders, one in the other, in which all of it lies."""
    starts = [""]
    while len(starts) <= MAX_OUTER:
        start = starts[-1]
        first = {p.removeprefix(start).partition("/") for p in paths}
        names = {name for name, _, _ in first}
        if len(names) != 1 or not all(rest for _, _, rest in first):
            return starts
        starts.append(f"{start}{names.pop()}/")
    return starts
