"""Homework 0, a product of three, without loops."""

from tests.support.solutions import mistakes, styles

WRONG = mistakes(
    "mix",
    "mix_test",
    {
        "W forgotten": ({" @ W.T": ""}, "W is not applied"),
        "W not transposed": ({"W.T": "W"}, "W is transposed|shapes"),
        "A transposed": ({"A @": "A.mT @"}, "A is transposed"),
        "weights of the first example for all": (
            {"A @": "A[0] @"},
            "Every example gets the weights of the first",
        ),
        "mean over s": ({"return A": "return A / A.shape[2]"}, "It is the mean over s"),
        "examples summed up": (
            {"A @ V @ W.T": 'torch.einsum("bts,bsd,od->to", A, V, W)'},
            "The examples are summed up",
        ),
        "W before V": (
            {"A @ V @ W.T": "A @ W.T @ V"},
            "Expected size|shapes|must match",
        ),
        "result always float64": (
            {"A @ V @ W.T": "A.double() @ V.double() @ W.T.double()"},
            "keep torch.float32",
        ),
    },
)

WRONG += mistakes(
    "mix",
    "mix_calls_test",
    {
        "a loop over the examples": (
            {
                "return A @ V @ W.T": (
                    "return torch.stack([a @ v @ W.T for a, v in zip(A, V)])"
                )
            },
            r"calls PyTorch \d+ times; 30 are allowed",
        ),
        "a loop over the outputs": (
            {
                "return A @ V @ W.T": (
                    "return torch.stack([A[:, t, None] @ V @ W.T for t in range(A.shape[1])]"
                    ", 1).squeeze(2)"
                )
            },
            "For B = 2, T = 100, S = 2, mix calls",
        ),
        "a loop over the sum": (
            {
                "return A @ V @ W.T": (
                    "total = 0\n    for s in range(V.shape[1]):\n"
                    "        total = total + A[:, :, s, None] * V[:, None, s]\n"
                    "    return total @ W.T"
                )
            },
            "For B = 2, T = 2, S = 100, mix calls",
        ),
        "calls slow_mix": (
            {"return A @ V @ W.T": "return slow_mix(A, V, W)"},
            r"mix calls PyTorch [\d,]+ times",
        ),
    },
)

RIGHT = styles(
    "mix",
    {
        "einsum": """
def mix(A, V, W):
    return torch.einsum("bts,bsd,od->bto", A, V, W)
""",
        "broadcast and sum": """
def mix(A, V, W):
    totals = (A[:, :, :, None] * V[:, None, :, :]).sum(2)  # (B, T, d)
    return (totals[:, :, None, :] * W).sum(-1)
""",
        "W first, bmm": """
def mix(A, V, W):
    B, S, d = V.shape
    U = torch.matmul(V.reshape(B * S, d), W.t()).reshape(B, S, -1)
    return torch.bmm(A, U)
""",
    },
)
