"""Submissions that are nearly the same are found, and those that need not be are not."""

import re
import time

import pytest
from nbformat.v4 import new_code_cell

from grader.notebook.sheet import Sheet, SheetCell
from grader.records.alike import LEAST, MOST, Reader, alike
from tests.support.submissions import HW, filled, reference, released, style

ORIGINAL = '''
def total(values, start=0):
    """Add them up."""
    result = start
    for position, value in enumerate(values):
        if value is None:
            continue
        result += value * weights[position]
    smallest = min(values)
    largest = max(values)
    if largest > 10 * smallest and len(values) > 3:
        print("wide:", largest - smallest)
    return result, [v / largest for v in values], {"n": len(values)}
'''


@pytest.fixture(scope="module")
def reader() -> Reader:
    """Reads homework 1; the starter is what students get."""
    cells = [
        SheetCell(c.id, "solution", c.cell_type, c.source, "", False)
        for c in released().cells
        if c.metadata.get("nbgrader", {}).get("solution")
    ]
    return Reader(Sheet(HW, tuple(cells)))


def one(source: str, name: str = "f"):
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": name}})


@pytest.fixture
def plain() -> Reader:
    """Of a homework with one cell, which was empty."""
    return Reader(Sheet("hw", (SheetCell("f", "solution", "code", "", "", False),)))


def renamed(source: str) -> str:
    """The same in other words: names, comments, layout, numbers, texts."""
    for old, new in {
        "total": "add_up",
        "values": "xs",
        "value": "x",
        "result": "s",
        "position": "i",
        "smallest": "lo",
        "largest": "hi",
        "weights": "w",
        "start": "begin",
    }.items():
        source = re.sub(rf"\b{old}\b", new, source)
    source = source.replace("Add them up.", "Sum.").replace("wide:", "range")
    return source.replace("\n", "   # mine\n\n").replace(" + ", "+")


def test_a_copy_with_other_names_is_found(plain):
    works = [
        plain.read("ada", [one(ORIGINAL)]),
        plain.read("bob", [one(renamed(ORIGINAL))]),
    ]
    found = alike(works)
    (group,) = found.groups
    assert group.students == ("ada", "bob")
    assert group.structure == (1, 1)
    assert group.wording[1] < 0.8  # that it was renamed, shows


def test_one_changed_line_hides_nothing(plain):
    edited = ORIGINAL.replace(
        "    smallest = min(values)\n", "    smallest = values[0]\n"
    )
    works = [plain.read(s, [one(text)]) for s, text in (("a", ORIGINAL), ("b", edited))]
    (group,) = alike(works).groups
    assert 0.9 < group.structure[0] < 1


def test_other_solutions_are_not(reader):
    """The reference and two other styles of the same homework, all of it right."""
    notebooks = {"ada": reference(), "bob": style(1), "cy": style(2)}
    works = [reader.read(s, filled(work).cells) for s, work in notebooks.items()]
    found = alike(works)
    assert found.groups == [] and found.compared == 3 and found.usual < 0.8


def test_what_was_given_out_does_not_count(reader):
    works = [reader.read(student, released().cells) for student in ("ada", "bob")]
    assert [work.structure for work in works] == ["", ""]
    assert alike(works) == ([], None, 0)


def test_tests_and_given_cells_do_not_count(plain):
    other = [one("# a long given cell\n" + ORIGINAL, "given"), one(ORIGINAL, "f_test")]
    cells = [*other, new_code_cell(ORIGINAL), one("x = 1")]
    assert len(plain.read("ada", cells).structure) == 3


def test_short_work_says_nothing(plain):
    works = [
        plain.read(student, [one("x = 1\n" * (LEAST // 3 - 1))]) for student in "ab"
    ]
    assert alike(works).compared == 0
    works = [plain.read(student, [one("x = 1\n" * (LEAST // 3))]) for student in "ab"]
    assert len(alike(works).groups) == 1


def test_groups(plain):
    """Those who are near to each other are one group; every pair is in some group."""
    other = "\n".join(f"while total({n}): total -= {n}" for n in range(20))
    texts = {
        "a": ORIGINAL,
        "b": ORIGINAL,
        "c": renamed(ORIGINAL),
        "d": other,
        "e": other,
    }
    works = [plain.read(student, [one(text)]) for student, text in texts.items()]
    found = alike(works)
    assert {group.students for group in found.groups} == {("a", "b", "c"), ("d", "e")}
    # of three in a row, the middle one is near to both, and they are not to each other
    line = "values[0] = weights(0, len(values))\n"
    rows = [ORIGINAL + line * n for n in (0, 1, 2)]
    works = [
        plain.read(student, [one(text)])
        for student, text in zip("xyz", rows, strict=True)
    ]
    assert {group.students for group in alike(works).groups} == {("x", "y"), ("y", "z")}


@pytest.mark.parametrize(
    "text",
    [
        "def f(x: return ((",
        "'''" * 5000,
        '"""' + "a" * 400_000,
        "\\" * 50_000,
        "\"\\" * 50_000,
        "%%bash\nrm -rf /\n",
        "x " * 200_000,
        "\ud83d\ude00 é \x00",
    ],
    ids=range(8),
)  # fmt: skip
def test_whatever_is_written_there(plain, text):
    before = time.process_time()
    work = plain.read("ada", [one(text)])
    assert len(work.structure) <= MOST and len(work.wording) <= MOST
    assert time.process_time() - before < 5  # 400, with time that grew as the square
    alike([work, work._replace(student="bob")])
