"""Homework 3, learning rates, and gradients that are clipped."""

from tests.support.solutions import mistakes, styles

COSINE = "(step - warmup) / (total - warmup)"

WRONG = mistakes(
    "learning_rate",
    "learning_rate_test",
    {
        "warm-up from 0": (
            {"peak * (step + 1) / warmup": "peak * step / warmup"},
            "its first rate is peak / warmup",
        ),
        "no warm-up": ({"peak * (step + 1) / warmup": "peak"}, "There is no warm-up"),
        "cosine over all updates": (
            {COSINE: "step / total"},
            "cosine begins at update 0",
        ),
        "cosine takes total updates after the warm-up": (
            {COSINE: "(step - warmup) / total"},
            "warm-up and cosine together",
        ),
        "cosine one update early": (
            {COSINE: "(step + 1 - warmup) / (total - warmup)"},
            "begins one update too early",
        ),
        "the peak one update late": (
            {"if step < warmup": "if step <= warmup"},
            "the list of rates .* wrong",
        ),
        "reaches 0 at the last update": (
            {COSINE: "(step - warmup) / (total - 1 - warmup)"},
            "the list of rates .* wrong",
        ),
        "half forgotten": ({" / 2\n": "\n"}, "The half is missing"),
        "rises again after the end": (
            {"    if step >= total:\n        return 0.0\n": ""},
            "rises again after update total",
        ),
        "division by a warm-up of 0": (
            {"if step < warmup:": "if step <= warmup - 1 or step / warmup < 0:"},
            "ZeroDivisionError",
        ),
    },
)

WRONG += mistakes(
    "clip_grad_norm",
    "clip_grad_norm_test",
    {
        "each tensor by its own norm": (
            {
                "if norm > max_norm:": "if True:",
                "grad.mul_(max_norm / norm)": (
                    "grad.mul_(min(1.0, max_norm / float(grad.norm())))"
                ),
            },
            "Each tensor is clipped by itself",
        ),
        "short gradients made longer": (
            {"if norm > max_norm:": "if norm > 0:"},
            "short enough stay as they are",
        ),
        "each entry": (
            {"grad.mul_(max_norm / norm)": "grad.clamp_(-max_norm, max_norm)"},
            "Each entry is clipped by itself",
        ),
        "sum of the norms": (
            {
                "math.sqrt(sum(float((grad**2).sum()) for grad in grads))": (
                    "sum(float(grad.norm()) for grad in grads)"
                )
            },
            "not the sum of the tensors' norms",
        ),
        "root forgotten": (
            {"math.sqrt(sum(": "(sum("},
            "root of the sum of squares is missing",
        ),
        "gradients not changed in place": (
            {"grad.mul_(max_norm / norm)": "grad = grad * (max_norm / norm)"},
            "They are not clipped",
        ),
        "generator used twice": (
            {
                "        for grad in grads:\n            grad.mul_": (
                    "        for p in params:\n            p.grad.mul_"
                )
            },
            "Go through it once only",
        ),
        "scaled to length 1": (
            {"grad.mul_(max_norm / norm)": "grad.mul_(1 / norm)"},
            "They now have length 1",
        ),
        "norm after clipping returned": (
            {"return norm": "return min(norm, max_norm)"},
            "norm after clipping; return that from before",
        ),
        "nothing returned": ({"    return norm\n": ""}, "return statement missing"),
        "gradients of None not foreseen": (
            {" if p.grad is not None]": "]"},
            "NoneType",
        ),
        "NaN for gradients of 0": (
            {
                "if norm > max_norm:": "if True:",
                "grad.mul_(max_norm / norm)": (
                    "grad.mul_((max_norm / torch.tensor(norm)).clamp(max=1) + 0 / "
                    "torch.tensor(norm))"
                ),
            },
            "gradients of 0, clipped.*NaN",
        ),
    },
)

RIGHT = styles(
    "learning_rate",
    {
        "as fractions": """
def learning_rate(step, peak, warmup, total):
    if step >= warmup:
        part = min(1.0, (step - warmup) / max(1, total - warmup))
        return 0.5 * peak * (1 + math.cos(math.pi * part))
    return peak * ((step + 1) / warmup)
""",
        "by the square of a cosine": """
def learning_rate(step, peak, warmup, total):
    rise = (step + 1) / warmup if warmup > 0 else 1.0
    if rise <= 1.0 and warmup > 0:
        return rise * peak
    if total <= step:
        return 0
    return peak * math.cos(math.pi / 2 * (step - warmup) / (total - warmup)) ** 2
""",
    },
)

RIGHT += styles(
    "clip_grad_norm",
    {
        "one long vector, a small number added, a tensor returned": """
def clip_grad_norm(params, max_norm):
    params = [p for p in params if p.grad is not None]
    norm = torch.cat([p.grad.flatten() for p in params]).norm()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for p in params:
        p.grad = p.grad * factor
    return norm
""",
        "norm of the norms": """
def clip_grad_norm(params, max_norm):
    params = list(params)
    norms = [p.grad.norm() for p in params if p.grad is not None]
    norm = torch.stack(norms).norm().item()
    scale = min(1.0, max_norm / norm) if norm > 0 else 1.0
    with torch.no_grad():
        for p in params:
            if p.grad is not None:
                p.grad *= scale
    return norm
""",
    },
)
