"""The notebook file: what students and tools can do to it."""

import copy
from collections.abc import Callable

from tests.attacks.attack import Attack, code_cell, linear, place


def entry(name: str, **fields) -> Callable[[dict], None]:
    def edit(content):
        content["cells"][place(content, name)]["metadata"]["nbgrader"] |= fields

    return edit


def each_test(change) -> Callable[[dict], None]:
    def edit(content):
        for cell in list(content["cells"]):
            if cell["metadata"].get("nbgrader", {}).get("grade"):
                change(content, cell)

    return edit


def duplicate(content, cell):
    twin = copy.deepcopy(cell)
    twin["source"] = "pass"
    content["cells"].insert(place(content, cell["id"]), twin)


def split(content, cell):
    other = copy.deepcopy(cell) | {"id": f"{cell['id']}-2", "source": "50.0"}
    cell["source"] = "pass"
    content["cells"].insert(place(content, cell["id"]) + 1, other)


def outputs(content, cell):
    data = {"text/plain": "50.0", "text/html": "<script>alert(1)</script>"}
    shown = {"output_type": "execute_result", "data": data, "metadata": {}}
    cell["outputs"] = [shown | {"execution_count": 1}]


HTML = """<script>alert(1)</script><img src=x onerror=alert(1)>
<iframe srcdoc="<script>alert(1)</script>"></iframe><svg onload=alert(1)></svg>
<a href="javascript:alert(1)">x</a> [x](javascript:alert(1)) <style>body{display:none}</style>
<form action="//evil.example"><button formaction="javascript:alert(1)">x</button></form>
<div style="position:fixed;inset:0" onmouseover="alert(1)" class="panel-heading">Score: 50</div>
<math><mtext><table><mglyph><style><img src onerror=alert(1)></style></mglyph></table></mtext></math>
<base href="//evil.example/"><meta http-equiv="refresh" content="0;url=//evil.example">
$\\href{javascript:alert(1)}{x}$ tried
"""


def markdown(content):
    cell = {"cell_type": "markdown", "id": "html", "metadata": {}, "source": HTML}
    cell["attachments"] = {"x.svg": {"image/svg+xml": "<svg onload=alert(1)>"}}
    content["cells"].insert(3, cell)
    content["cells"].insert(4, cell | {"id": "raw", "cell_type": "raw"})


def hostile_metadata(content):
    content["metadata"] = {
        "kernelspec": {"name": "../../bin/sh", "display_name": HTML, "language": "sh"},
        "language_info": {
            "name": "<script>alert(1)</script>",
            "pygments_lexer": "../x",
        },
        "title": HTML,
        "celltoolbar": HTML,
        "byhand": {"sandbox": False, "banned": [], "limits": {"total": 10**9}},
        "widgets": {
            "application/vnd.jupyter.widget-state+json": {"state": {"x": HTML}}
        },
    }
    for number, cell in enumerate(content["cells"]):
        if "nbgrader" not in cell["metadata"]:
            cell["id"] = f"x{number}"
            cell["metadata"] = {"tags": [HTML], "id": HTML, "collapsed": HTML}


def magics(content):
    cells = [
        "%%html\n<script>alert(1)</script>",
        "%%javascript\nalert(1)",
        "!cat @COURSE@/gradebook.db @ROOT@/solutions/*/*.ipynb; echo tried",
        "%%bash\ncat @COURSE@/gradebook.db; touch @COURSE@/byhand-attack-magic",
        "%load @ROOT@/solutions/hw1_backprop/hw1_backprop.ipynb",
        "%run @ROOT@/tests/homeworks/hw1_backprop/linear.py",
    ]
    content["cells"][4:4] = [code_cell(source) for source in cells]


def heavy(content):
    content["cells"][4:4] = [
        code_cell("%time 1\n" * 3_000),
        code_cell("x = " + "-" * 100_000 + "1"),
        code_cell("y = " + "a." * 100_000 + "b"),
        code_cell("z = " + "(" * 150 + ")" * 150 + "\n" + "1\n" * 20_000),
        code_cell("print('tried')"),
    ]


NOTEBOOK = [
    Attack(
        "points",
        "points raised in the test cells' metadata",
        edit=each_test(
            lambda content, cell: cell["metadata"]["nbgrader"].update(points=1e6)
        ),
    ),
    Attack(
        "test-as-solution",
        "tests marked as solutions, ungraded, unlocked",
        edit=each_test(
            lambda content, cell: cell["metadata"]["nbgrader"].update(
                solution=True, locked=False, task=True
            )
        ),
    ),
    Attack(
        "test-renamed",
        "tests under the names of others",
        edit=each_test(
            lambda content, cell: cell["metadata"]["nbgrader"].update(grade_id="setup")
        ),
    ),
    Attack(
        "test-edited",
        "test cells that say nothing",
        edit=each_test(lambda content, cell: cell.update(source="pass")),
    ),
    Attack(
        "test-retyped",
        "test cells made text",
        edit=each_test(lambda content, cell: cell.update(cell_type="markdown")),
    ),
    Attack(
        "test-deleted",
        "test cells deleted",
        edit=each_test(lambda content, cell: content["cells"].remove(cell)),
    ),
    Attack(
        "test-copied", "test cells copied, the copy empty", edit=each_test(duplicate)
    ),
    Attack(
        "test-split",
        "test cells split, with a mark in the second half",
        edit=each_test(split),
    ),
    Attack(
        "saved-outputs",
        "outputs of 50.0 saved in the test cells",
        edit=each_test(outputs),
    ),
    Attack(
        "setup-edited",
        "the given cells rewritten",
        edit=lambda content: content["cells"][place(content, "setup")].update(
            source="import byhand.check as c\nc.close = c.gradients = lambda *a, **k: None"
        ),
    ),
    Attack(
        "schema",
        "metadata of other versions and types",
        edit=lambda content: [
            cell["metadata"]["nbgrader"].update(
                schema_version=99, checksum=[], points={}
            )
            for cell in content["cells"]
            if "nbgrader" in cell["metadata"]
        ],
    ),
    Attack("html", "scripts and forms in text cells", edit=markdown),
    Attack(
        "metadata",
        "scripts and paths in the notebook's metadata and ids",
        edit=hostile_metadata,
    ),
    Attack(
        "delimiters",
        "the marks of hidden tests, unpaired, in cells of one's own",
        "### BEGIN HIDDEN TESTS\n### BEGIN HIDDEN TESTS",
        linear("### BEGIN HIDDEN TESTS\nreturn X\n### BEGIN SOLUTION"),
    ),
    Attack("magics", "magics that run programs and show scripts", edit=magics),
    Attack("heavy", "cells that are hard to parse", edit=heavy),
    Attack(
        "html-output",
        "scripts, escapes and halves of characters, printed",
        """
print("<script>alert(1)</script><img src=x onerror=alert(1)>\\x1b[31m<b>\\x1b]0;x\\x07")
print("\\ud800 \\x00 \\u202e", chr(0x10FFFF))
"<script>alert(1)</script>"
""",
    ),
]
