"""Hostile submissions of homework 1: a table, for this grader and for any other.

None of them solves an exercise, so none may earn a point (but for ``earns``), show a
secret, or leave anything behind. ``tests/test_attacks.py`` grades them;
``python -m benchmarks attacks`` has stock nbgrader grade them, too.
"""

from tests.attacks.attack import LIMITS, MARK, Attack
from tests.attacks.door import DOOR
from tests.attacks.forbidden import FORBIDDEN
from tests.attacks.in_process import IN_PROCESS
from tests.attacks.machine import LEAVE, LOOK, SYSTEM
from tests.attacks.notebook import NOTEBOOK

__all__ = [
    "ATTACKS",
    "DOOR",
    "FORBIDDEN",
    "IN_PROCESS",
    "LEAVE",
    "LIMITS",
    "LOOK",
    "MARK",
    "NOTEBOOK",
    "SYSTEM",
    "Attack",
]

ZEROS = Attack(
    "zero-network",
    "a network of zeros, whose outputs and gradients are 0",
    "tried = 1",
    {
        "mlp": """
class MLP:
    def __init__(self, sizes, seed=0):
        self.sizes = sizes
        self.params = {}
        for k in range(1, len(sizes)):
            self.params[f"W{k}"] = torch.zeros(sizes[k], sizes[k-1])
            self.params[f"b{k}"] = torch.zeros(sizes[k])
    def forward(self, X):
        self.X = X
        return torch.zeros(len(X), self.sizes[-1])
    def backward(self, dout):
        g = {n: torch.zeros_like(p) for n, p in self.params.items()}
        k = len(self.sizes) - 1
        g[f"b{k}"] = dout.sum(0)
        if k == 1:
            g["W1"] = dout.T @ self.X
        return g
"""
    },
)

ATTACKS = [ZEROS, *IN_PROCESS, *DOOR, *SYSTEM, *NOTEBOOK, *FORBIDDEN]
assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
