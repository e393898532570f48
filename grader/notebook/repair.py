"""Put right what tools and students do to a notebook's cells; the grader's rules win.

Colab and VS Code rewrite or drop metadata; cells get copied, split, moved, retyped or
deleted; points and locks get edited. After :func:`repair`, each registered cell is
there once, with the metadata, the points and (if it is locked) the source that it must
have, in an order in which it can be graded; all other cells are ordinary ones.
"""

import re
from functools import lru_cache

from nbformat import NotebookNode

from byhand.cells import defined, names, tree
from grader.notebook.parts import Course, Part, parts, released
from grader.notebook.reading import new_cell
from grader.notebook.sheet import Sheet, SheetCell

BELOW = "From the grader: there is text of the student's in the cells below."
ELSEWHERE = "# From the grader: what this cell asks for stands in another cell."
HALF = 0.5  # so much of a test stands in a cell that is a copy of it
# the parts of a cell, and of which registered cell each is
Labelled = list[tuple[Part, str | None]]


def repair(notebook: NotebookNode, sheet: Sheet) -> list[str]:
    """Put the registered cells right, in place; what was done, in words.

    A registered cell is known by its nbgrader entry; without one by its id, by its
    source (a locked cell), by the functions and classes that it defines, or by what it
    binds and says (`grader.notebook.parts`). What students have written stays, wherever
    it stands; what a blank would bind anew is left out of it.
    """
    notes: list[str] = []
    _join_halves(notebook, notes)
    chosen = _assign(notebook.cells, sheet, notes)
    _take_apart(notebook, sheet, chosen, notes)
    _assign_rest(notebook.cells, sheet, chosen, notes)
    # other copies of tests and given cells are no work of the student's
    given = {_words(released(cell.source)) for cell in sheet.cells if cell.locked}
    registered = {id(cell) for cell in chosen.values()}
    notebook.cells = [
        cell
        for cell in notebook.cells
        if id(cell) in registered or _words(cell.source) not in given
    ]
    registered_as = {id(cell): name for name, cell in chosen.items()}
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
        name = registered_as.get(id(cell))
        if name:
            _put_right(cell, sheet[name], notes)
    _blank(notebook, sheet, chosen, notes)
    _say_if_empty(notebook, sheet, notes)
    _put_back(notebook, sheet, chosen, notes)
    _see_below(notebook, sheet, notes)
    _unique_ids(notebook)
    return notes


def _assign(
    cells: list[NotebookNode], sheet: Sheet, notes: list[str]
) -> dict[str, NotebookNode]:
    """Which cell is which registered one."""
    chosen: dict[str, NotebookNode] = {}
    taken: set[int] = set()

    entries: dict[str, list[NotebookNode]] = {}
    ids: dict[str, list[NotebookNode]] = {}
    for cell in cells:
        if entry := cell.metadata.get("nbgrader"):
            entries.setdefault(entry["grade_id"], []).append(cell)
        else:
            ids.setdefault(cell.id, []).append(cell)
    rest = [c for c in cells if "nbgrader" not in c.metadata]

    def candidates(registered: SheetCell, step: int) -> list[NotebookNode]:
        if step == 0:
            return entries.get(registered.name, [])
        if step == 1:
            return ids.get(registered.name, [])
        if registered.locked:
            return [c for c in rest if _same(c.source, released(registered.source))]
        return []

    for step in range(3):
        for registered in sheet.cells:
            if registered.name in chosen:
                continue
            found = candidates(registered, step)
            free = [c for c in found if id(c) not in taken]
            if not free:
                continue
            cell = _choose(free, registered)
            chosen[registered.name] = cell
            taken.add(id(cell))
            if step:
                notes.append(f"{registered.name}: it had lost its metadata")
            if len(free) > 1:
                notes.append(
                    f"{registered.name}: it was there {len(free)} times; one of them "
                    "counts"
                )
    return chosen


def _assign_rest(
    cells: list[NotebookNode],
    sheet: Sheet,
    chosen: dict[str, NotebookNode],
    notes: list[str],
) -> None:
    """What asks for functions and classes: by what a cell defines, all of it or some."""
    taken = {id(cell) for cell in chosen.values()}
    for registered in sheet.cells:
        if registered.locked:
            continue
        found = chosen.get(registered.name)
        if found is not None and not _same(found.source, registered.source):
            continue
        free = [c for c in cells if id(c) not in taken]
        if registered.cell_type != "code":
            cell = None if found is not None else _answer(free, registered)
        else:
            code = [c for c in free if c.cell_type == "code"]
            cell = _worked_on(code, registered, blank=found is None)
        if cell is None:
            continue
        if found is not None:
            taken.discard(id(found))
            notes.append(f"{registered.name}: the work stands in another cell")
        else:
            notes.append(f"{registered.name}: it had lost its metadata")
        chosen[registered.name] = cell
        taken.add(id(cell))


def _worked_on(
    cells: list[NotebookNode], registered: SheetCell, blank: bool
) -> NotebookNode | None:
    """The cell that defines most of what is asked for; of several, a written one.

    Args:
        blank: whether one in which nothing has been written will do.
    """
    made = defined(registered.source)
    best: tuple[int, bool] = (0, False)
    found = None
    for cell in cells:
        here = made & _defined(cell.source)
        if not here:
            continue
        written = bool(here & _written(cell.source, registered))
        if (written or blank) and (len(here), written) > best:
            best, found = (len(here), written), cell
    return found


def _answer(cells: list[NotebookNode], registered: SheetCell) -> NotebookNode | None:
    """A text that begins as the one to fill in did."""
    first = _words(registered.source.strip().partition("\n")[0])
    for cell in cells if first else ():
        begins = _words(cell.source.strip().partition("\n")[0])
        if cell.cell_type != "code" and begins == first:
            return cell
    return None


def _defined(source: str) -> frozenset[str]:
    """What a cell defines, also below ``%%time``."""
    if source.lstrip().startswith(("%%", "#")) and tree(source) is None:
        return frozenset(re.findall(r"^(?:def|class)\s+(\w+)", source, re.M))
    return defined(source)


def _written(source: str, registered: SheetCell) -> frozenset[str]:
    """What a cell defines, and not as it was given out."""
    blanks = _blanks(registered.source)
    found = _defined(source)
    if tree(source) is None:
        return found
    return found - {
        name for part in parts(source) if part.keys in blanks for name in part.defines
    }


@lru_cache(1024)
def _blanks(source: str) -> frozenset[tuple[str, ...]]:
    """The functions and classes that a cell asks for, as they are given out."""
    return frozenset(part.keys for part in parts(source) if part.defines)


def _join_halves(notebook: NotebookNode, notes: list[str]) -> None:
    """A function or a class that was split in two is made one again."""
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        above = cells[-1] if cells else None
        if above is not None and above.cell_type == cell.cell_type == "code":
            text = cell.source.strip("\n")
            indented = text[:1].isspace() and text.strip()
            if indented or (_is_cut_off(above.source) and text.strip()):
                whole = above.source.rstrip() + "\n" + text
                if tree(text) is None and tree(whole) is not None:
                    if "nbgrader" in cell.metadata and not above.metadata:
                        above.metadata = cell.metadata
                    if not above.id or "nbgrader" in above.metadata:
                        above.id = above.id or cell.id
                    above.source = whole
                    notes.append("a cell that was split in two was made one again")
                    continue
        cells.append(cell)
    notebook.cells = cells


def _is_cut_off(source: str) -> bool:
    """Whether a cell ends in the middle of a statement."""
    last = source.rstrip().rpartition("\n")[2]
    return last.endswith((":", "(", ",", "[", "{", "\\")) and tree(source) is None


@lru_cache(8)
def _course(sheet: tuple[SheetCell, ...], others: tuple[str, ...]) -> Course:
    asked = {
        made: cell.name
        for cell in sheet
        if not cell.locked and cell.cell_type == "code"
        for made in defined(cell.source)
    }
    given = [cell for cell in sheet if cell.locked and cell.cell_type == "code"]
    return Course(given, asked, others)


def _take_apart(
    notebook: NotebookNode,
    sheet: Sheet,
    chosen: dict[str, NotebookNode],
    notes: list[str],
) -> None:
    """Cut what belongs to several registered cells, or to the student, apart.

    Pieces of given and test cells are dropped, as these are restored; what is the
    student's stays, in cells of its own.
    """
    course = _course(sheet.cells, sheet.others)
    home_of = {id(cell): name for name, cell in chosen.items()}
    lost = any(cell.locked and cell.name not in chosen for cell in sheet.cells)
    mixed: list[NotebookNode] = []
    for cell in notebook.cells:
        home = home_of.get(id(cell))
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if home and sheet[home].locked:
            own = sheet[home].source
            if cell.source == own or _same(cell.source, released(own)):
                continue
        elif not course.may_be_in(cell.source, lost) and not _asks_elsewhere(
            cell, home, course, chosen
        ):
            continue
        mixed.append(cell)
    if not mixed:
        return
    found = [(cell, part) for cell in mixed for part in parts(cell.source)]
    homes = [home_of.get(id(cell)) for cell, _ in found]
    labels = course.labels([part for _, part in found], homes)
    by_cell: dict[int, Labelled] = {}
    for (cell, part), label in zip(found, labels, strict=True):
        by_cell.setdefault(id(cell), []).append((part, label))
    cut = _Cut(sheet, course, chosen, notes)
    for cell in notebook.cells:
        if id(cell) in by_cell:
            cut.apart(cell, home_of.get(id(cell)), by_cell[id(cell)])
        else:
            cut.cells.append(cell)
    notebook.cells = cut.cells


def _asks_elsewhere(
    cell: NotebookNode,
    home: str | None,
    course: Course,
    chosen: dict[str, NotebookNode],
) -> bool:
    """Whether a cell holds what several cells, or a deleted one, have asked for."""
    asked = {course.asked[n] for n in _defined(cell.source) if n in course.asked}
    missing = {name for name in asked if name not in chosen and name != home}
    return bool(missing) and bool(home or len(asked) > 1)


class _Cut:
    """Cells of which parts are the course's, or of several solutions, taken apart.

    Args:
        chosen: which cell is which registered one; gets those that are found in others.
        notes: what was done, in words.
    """

    def __init__(
        self,
        sheet: Sheet,
        course: Course,
        chosen: dict[str, NotebookNode],
        notes: list[str],
    ):
        self.sheet, self.course = sheet, course
        self.chosen, self.notes = chosen, notes
        self.lost = {cell.name for cell in sheet.cells if cell.name not in chosen}
        self.cells: list[NotebookNode] = []

    def apart(self, cell: NotebookNode, name: str | None, found: Labelled) -> None:
        """Add what takes the place of a cell, of which these are the parts."""
        home = self.sheet.get(name)
        if home is not None and home.locked:
            self._locked(cell, home, found)
        elif self._worth_it(name, found):
            self._open(cell, name, found)
        else:
            self.cells.append(cell)

    def _locked(self, cell: NotebookNode, home: SheetCell, found: Labelled) -> None:
        """A given or test cell: what is the student's is kept around it."""
        before: Labelled = []
        after: Labelled = []
        for part, label in found:
            registered = self.sheet.get(label)
            if label is None or registered is None or not registered.locked:
                if label is None and self._is_the_courses(part, home):
                    continue
                later = label is None and _goes_after(part, home)
                (after if later else before).append((part, label))
            elif label in self.lost:
                self._flush(before)
                self._found(registered)
        if before or after:
            words = "what else stands in it is kept in a cell of its own"
            self.notes.append(f"{home.name}: {words}")
        self._flush(before)
        self.cells.append(cell)
        self._flush(after)

    def _open(self, cell: NotebookNode, name: str | None, found: Labelled) -> None:
        """Any other cell: what is the course's is taken out of it."""
        own: Labelled = []
        left: list[NotebookNode] = [cell]
        for part, label in found:
            registered = self.sheet.get(label)
            if label is None or registered is None or not registered.locked:
                own.append((part, label or name))
            elif label in self.lost:
                self._flush(own, name, left)
                self._found(registered)
        self._flush(own, name, left)
        if name and left:
            del self.chosen[name]  # nothing of it was in there

    def _found(self, registered: SheetCell) -> None:
        """A part of a given cell or a test that was lost; where its last one stands."""
        cell = self.chosen.get(registered.name)
        if cell is None:
            cell = self.chosen[registered.name] = new_cell(True, registered.source)
            self.notes.append(f"{registered.name}: it was found in other cells")
        elif registered.kind == "given":
            return
        else:
            self.cells = [other for other in self.cells if other is not cell]
        self.cells.append(cell)

    def _flush(
        self,
        some: Labelled,
        name: str | None = None,
        left: list[NotebookNode] | None = None,
    ) -> None:
        """Cells for these parts; the one that is ``name``'s stays the one it was."""
        for label, text in _runs(some):
            cell = left.pop() if left and name in (None, label) else new_cell(True, "")
            cell.source = text
            self.cells.append(cell)
        some.clear()

    def _is_the_courses(self, part: Part, home: SheetCell) -> bool:
        """Whether a part of a locked cell that nobody knows is the cell's, edited."""
        if part.idle or self.course.is_edited(part, home.name):
            return True
        return home.kind == "test" and not part.binds

    def _worth_it(self, name: str | None, found: Labelled) -> bool:
        """Whether a cell is to be cut at all: not for a line that is like a test's."""
        labels = [label for _, label in found]
        locked = {n for n in labels if n and self.sheet[n].locked}
        asked = {n for n in labels if n} - locked
        if locked & self.lost or (
            len(asked | {name} - {None}) > 1 and asked & self.lost
        ):
            return True
        # a copy of a cell that is there, with little changed
        return any(
            labels.count(n) >= HALF * len(self.course.cells[n])
            and labels.count(n) == len(labels)
            for n in locked
        )


def _runs(some: Labelled) -> list[tuple[str | None, str]]:
    """Parts that follow one another and are of the same solution, or of none."""
    found: list[tuple[str | None, list[str]]] = []
    for part, label in some:
        if not found or label != found[-1][0]:
            found.append((label, []))
        found[-1][1].append(part.text)
    return [
        (name, "\n".join(texts).strip("\n"))
        for name, texts in found
        if "".join(texts).strip()
    ]


def _goes_after(part: Part, home: SheetCell) -> bool:
    """Whether what was added to a given cell uses what that cell binds."""
    return home.kind == "given" and bool(names(part.text)[0] & names(home.source)[1])


def _choose(cells: list[NotebookNode], registered: SheetCell) -> NotebookNode:
    """Of copies of a cell, the one that counts: the first that was worked on."""
    if registered.kind in ("solution", "manual"):
        made = defined(registered.source)
        for cell in cells:
            changed = not _same(cell.source, registered.source)
            if changed and cell.source.strip() and made <= defined(cell.source):
                return cell
    return cells[0]


def _put_right(cell: NotebookNode, registered: SheetCell, notes: list[str]) -> None:
    cell.metadata["nbgrader"] = registered.metadata
    if cell.cell_type != registered.cell_type:
        notes.append(f"{registered.name}: it was made a {cell.cell_type} cell")
        cell.cell_type = registered.cell_type
        if registered.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.pop("attachments", None)
        else:
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    if registered.locked and cell.source != registered.source:
        cell.source = registered.source


def _bound(cells: list[NotebookNode]) -> frozenset[str]:
    """The names that the student's own code binds."""
    found: set[str] = set()
    for cell in cells:
        entry = cell.metadata.get("nbgrader")
        if cell.cell_type == "code" and not (entry and entry["locked"]):
            found |= names(cell.source)[1] | _defined(cell.source)
    return frozenset(found)


def _without(source: str, bound: frozenset[str]) -> str:
    """A blank without the functions and classes that are bound elsewhere."""
    left = [part.text for part in parts(source) if not part.defines & bound]
    if len(left) == len(parts(source)):
        return source
    return "\n".join(left).strip("\n") or ELSEWHERE


def _blank(
    notebook: NotebookNode,
    sheet: Sheet,
    chosen: dict[str, NotebookNode],
    notes: list[str],
) -> None:
    """Take blanks out of the cells where what they ask for is written elsewhere."""
    unwritten: dict[tuple[str, ...], SheetCell] = {}
    for registered in sheet.cells:
        if registered.cell_type == "code" and not registered.locked:
            unwritten |= {keys: registered for keys in _blanks(registered.source)}
    asked = {made for cell in set(unwritten.values()) for made in defined(cell.source)}
    code = []
    for cell in notebook.cells:
        entry = cell.metadata.get("nbgrader")
        made = _defined(cell.source) if cell.cell_type == "code" else frozenset()
        if made & asked and not (entry and entry["locked"]):
            code.append((cell, made & asked))
    twice = {n for _, made in code for n in made if sum(n in m for _, m in code) > 1}
    if not twice:
        return
    written: set[str] = set()
    blanks: list[tuple[NotebookNode, Part]] = []
    for cell, made in code:
        if not made & twice:
            continue
        here = set(made)
        for part in parts(cell.source):
            if part.defines & twice and part.keys in unwritten:
                blanks.append((cell, part))
                here -= part.defines
        written |= here
    for cell in {id(cell): cell for cell, _ in blanks}.values():
        gone = [p.text for c, p in blanks if c is cell and p.defines <= written]
        left = [part.text for part in parts(cell.source) if part.text not in gone]
        cell.source = "\n".join(left).strip("\n") or ELSEWHERE
    kept = {id(cell) for cell in chosen.values()}
    notebook.cells = [
        c for c in notebook.cells if id(c) in kept or c.source != ELSEWHERE
    ]


def _say_if_empty(notebook: NotebookNode, sheet: Sheet, notes: list[str]) -> None:
    """Say so if a converter has made text of the code, or emptied its cells."""
    asks = any(c.kind == "solution" and c.cell_type == "code" for c in sheet.cells)
    code = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    own = [c for c in code if not c.metadata or not c.metadata["nbgrader"]["locked"]]
    if asks and not own:
        notes.insert(
            0,
            "there is no code of yours in the file: a converter has made text of it or "
            "emptied its cells. Open your notebook in Jupyter or Colab, save it as "
            ".ipynb, and hand in that file",
        )


def _see_below(notebook: NotebookNode, sheet: Sheet, notes: list[str]) -> None:
    """An answer that was written below the cell to fill in waits for a person."""
    known = {_words(text) for text in sheet.others} | {""}
    waiting: tuple[NotebookNode, SheetCell] | None = None
    for cell in notebook.cells:
        entry = cell.metadata.get("nbgrader")
        if entry:
            registered = sheet[entry["grade_id"]]
            untouched = _same(cell.source, registered.source)
            by_hand = registered.kind == "manual" and untouched
            waiting = (cell, registered) if by_hand else None
        elif waiting and _words(cell.source) not in known:
            empty, registered = waiting
            mark = f"# {BELOW}" if registered.cell_type == "code" else f"*{BELOW}*"
            empty.source += f"\n\n{mark}"
            notes.append(
                f"{registered.name}: it was left as it was, but there is text below it; "
                "the mark waits"
            )
            waiting = None


def _put_back(
    notebook: NotebookNode,
    sheet: Sheet,
    chosen: dict[str, NotebookNode],
    notes: list[str],
) -> None:
    """Restore deleted cells after the one before them; and tests that moved up."""
    place = {id(cell): n for n, cell in enumerate(notebook.cells)}
    latest = (
        -1.0
    )  # no registered cell runs before one that comes before it in the sheet
    moved: list[tuple[float, NotebookNode]] = []
    for registered in sheet.cells:
        cell = chosen.get(registered.name)
        if cell is None:
            notes.append(f"{registered.name}: it was deleted, and is put back")
            code = registered.cell_type == "code"
            source = registered.source
            if code and not registered.locked:
                source = _without(source, _bound(notebook.cells))
            cell = new_cell(code, source)
            cell.metadata["nbgrader"] = registered.metadata
            moved.append((latest + 0.5, cell))
        elif place[id(cell)] < latest and registered.kind == "test":
            notes.append(f"{registered.name}: it had been moved up")
            moved.append((latest + 0.5, cell))
        else:
            latest = max(latest, place[id(cell)])
    away = {id(cell) for _, cell in moved}
    rest = [(n, c) for n, c in enumerate(notebook.cells) if id(c) not in away]
    # stable: in the sheet's order
    ordered = sorted([*rest, *moved], key=lambda pair: pair[0])
    notebook.cells = [cell for _, cell in ordered]


def _unique_ids(notebook: NotebookNode) -> None:
    """Registered cells are called as in the sheet, all others cell-1, cell-2, …"""
    seen = {c.metadata.nbgrader.grade_id for c in notebook.cells if c.metadata}
    for n, cell in enumerate(notebook.cells, start=1):
        if cell.metadata:
            name = cell.metadata["nbgrader"]["grade_id"]
            cell.id = name if re.fullmatch(r"[\w-]{1,64}", name) else f"registered-{n}"
        elif not cell.id or cell.id in seen:
            cell.id = f"cell-{n}" if f"cell-{n}" not in seen else f"other-{n}"
        seen.add(cell.id)


def _same(one: str, other: str) -> bool:
    return _words(one) == _words(other)


@lru_cache(4096)
def _words(source: str) -> str:
    return " ".join(source.split())
