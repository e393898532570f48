"""What a hostile submission is, and how attacks are put together.

In their code, @COURSE@, @ROOT@ and @PORT@ stand for the course folder, the repository
and a port of this machine on which somebody listens: these attackers know everything.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field

FUNCTIONS = {  # of each solution cell
    "linear_forward": ["linear_forward"],
    "linear_backward": ["linear_backward"],
    "relu": ["relu_forward", "relu_backward"],
    "sigmoid": ["sigmoid_forward", "sigmoid_backward"],
    "cross_entropy_forward": ["cross_entropy_forward"],
    "cross_entropy_backward": ["cross_entropy_backward"],
    "numerical_gradient": ["numerical_gradient"],
    "mlp": ["MLP"],
    "train": ["train"],
}
MARK = "byhand-attack"  # in the name of all that they leave behind
# of the class in which they are graded: what does not end is to cost little
LIMITS = {"cell": 1, "total": 4, "memory": 500, "processes": 32, "files": 16}


@dataclass(frozen=True)
class Attack:
    """A hostile submission: the released notebook with these changes.

    Args:
        name: short, and the name of the student.
        idea: what it tries, in a few words.
        code: of a cell of its own, before the first exercise.
        cells: sources of solution cells.
        edit: changes the notebook, as JSON, after that.
        earns: points for what it really solves.
        bomb: it would take down a machine that does not stop it.
        silent: what it prints is lost with its process.
    """

    name: str
    idea: str
    code: str = ""
    cells: dict[str, str] = field(default_factory=dict)
    edit: Callable[[dict], None] | None = None
    earns: float = 0
    bomb: bool = False
    silent: bool = False

    def notebook(self, released: dict, **places) -> dict:
        """What is handed in, from the released notebook."""
        content = copy.deepcopy(released)
        for cell in content["cells"]:
            cell["source"] = self.cells.get(cell["id"], "".join(cell["source"]))
        if self.code:
            code = f'print("tried {self.name}", flush=True)\n{self.code.strip()}\n'
            content["cells"].insert(place(content, "setup") + 1, code_cell(code))
        if self.edit:
            self.edit(content)
        text = json.dumps(content)
        for name, value in places.items():
            text = text.replace(f"@{name.upper()}@", str(value))
        return json.loads(text)


def code_cell(source: str, **metadata) -> dict:
    return {
        "cell_type": "code",
        "id": f"cell-{abs(hash(source)) % 10**8}",
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def place(content: dict, name: str) -> int:
    return [cell.get("id") for cell in content["cells"]].index(name)


def everything(value: str) -> dict[str, str]:
    """Solution cells whose functions, and class, do nothing but to return a value."""
    return {
        cell: "\n".join(f"def {name}(*a, **k):\n    return {value}" for name in names)
        for cell, names in FUNCTIONS.items()
    }


def linear(body: str) -> dict[str, str]:
    """A solution cell in which ``linear_forward(X, W, b)`` has this body."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return {"linear_forward": f"def linear_forward(X, W, b):\n{lines}\n"}
