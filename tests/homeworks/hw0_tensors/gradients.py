"""Homework 0, gradients that do not pile up."""

from tests.support.solutions import mistakes, styles

FOUND = "found.append(leaf.grad)"
CLEAR = "        leaf.grad = None\n"

WRONG = mistakes(
    "gradients",
    "gradients_test",
    {
        "never cleared, the same tensor": ({CLEAR: ""}, "All of them are the sum"),
        "never cleared, clones": (
            {CLEAR: "", FOUND: "found.append(leaf.grad.clone())"},
            "They pile up",
        ),
        "cleared in place before each": (
            {
                CLEAR: (
                    "        if leaf.grad is not None:\n            leaf.grad.zero_()\n"
                )
            },
            "All of them are the last one",
        ),
        "cleared in place after each": (
            {CLEAR: "", FOUND: f"{FOUND}\n        leaf.grad.zero_()"},
            "All of them are 0",
        ),
        "one backward of the sum": (
            {
                "    for loss in losses:\n": "",
                CLEAR: "",
                "        loss(leaf).backward()\n        " + FOUND: (
                    "    sum(loss(leaf) for loss in losses).backward()\n    " + FOUND
                ),
            },
            "has 1 values, expected 3",
        ),
        "returns in the loop": (
            {"    return found": "        return found"},
            "has 1 values, expected 3",
        ),
        "only the last": (
            {"return found": "return found[-1]"},
            "must be a list of 3 tensors",
        ),
        "the values": (
            {FOUND: "found.append(loss(leaf).detach())"},
            r"gradients\(.*\)\[0\] has shape \(\), expected \(4,\)",
        ),
        "in the wrong order": (
            {FOUND: "found.insert(0, leaf.grad)"},
            "in the wrong order",
        ),
        "x changed in place": (
            {"return found": "x -= 0.1 * found[0]\n    return found"},
            "changed its argument 2 in place",
        ),
    },
)

WRONG += mistakes(
    "gradients",
    "gradients_test",
    {
        "knows the losses of the sheet": (
            """
def gradients(losses, x):
    known = {squares: 2 * x, cubes: 3 * x**2, waves: x.cos() / x.numel()}
    return [known.get(loss, 2 * x) for loss in losses]
""",
            "other losses than squares, cubes and waves",
        ),
    },
)

RIGHT = styles(
    "gradients",
    {
        "clone and zero": """
def gradients(losses, x):
    w = x.detach().clone().requires_grad_(True)
    result = []
    for f in losses:
        if w.grad is not None:
            w.grad.zero_()
        f(w).backward()
        result.append(w.grad.clone())
    return result
""",
        "differences of what piles up": """
def gradients(losses, x):
    w = x.clone().requires_grad_()
    before, result = torch.zeros_like(x), []
    for f in losses:
        f(w).backward()
        result.append(w.grad - before)
        before = w.grad.clone()
    return result
""",
        "torch.autograd.grad in a comprehension": """
def gradients(losses, x):
    w = x.clone().requires_grad_()
    return [torch.autograd.grad(loss(w), w)[0] for loss in losses]
""",
    },
)
