"""Homework 3, evaluation, and one update."""

from tests.support.solutions import mistakes, styles

CLIP = "    clip_grad_norm(model.parameters(), max_norm)\n"
WEIGH = "loss_fn(model, *part) * (len(part[0]) / N)"

WRONG = mistakes(
    "evaluate",
    "evaluate_test",
    {
        "mean of the batches' means": (
            {
                " * len(batch[0])": "",
                "return total / len(tensors[0])": (
                    "return total / math.ceil(len(tensors[0]) / batch_size)"
                ),
            },
            "mean of the batches' means",
        ),
        "sum of the batches' means": (
            {" * len(batch[0])": "", "return total / len(tensors[0])": "return total"},
            "a sum over the batches",
        ),
        "sum over the rows": (
            {"return total / len(tensors[0])": "return total"},
            "a sum over the rows, not their mean",
        ),
        "last batch dropped": (
            {
                "            total +=": (
                    "            if len(batch[0]) < batch_size:\n"
                    "                continue\n            total +="
                )
            },
            "left out, but its rows are counted",
        ),
        "every batch taken for a full one": (
            {"* len(batch[0])": "* batch_size"},
            "the loss of 7 rows in batches of 3 is wrong",
        ),
        "mode for use forgotten": (
            {"    model.eval()\n": ""},
            r"call model.eval\(\) first",
        ),
        "mode not put back": (
            {"    model.train(was_training)\n": ""},
            "training mode before, and is not afterwards",
        ),
        "training mode afterwards, whatever it was": (
            {"model.train(was_training)": "model.train()"},
            "eval mode before, and is not afterwards",
        ),
        "autograd left on": ({"with torch.no_grad():": "if True:"}, "Autograd was on"),
        "returns a tensor": ({".item()": ""}, "must return a float"),
        "all rows at once": (
            {".split(batch_size)": ".split(len(t))"},
            "more than batch_size rows at once",
        ),
        "batch size not used for full batches": (
            {
                "return total / len(tensors[0])": (
                    "return total / (len(tensors[0]) // batch_size * batch_size)"
                )
            },
            "divided by the number of full batches",
        ),
    },
)

WRONG += mistakes(
    "update",
    "update_test",
    {
        "gradients not zeroed": (
            {"    optimiser.zero_grad()\n": ""},
            r"update 2 .*gradients of the update before are still there",
        ),
        "gradients zeroed before each part": (
            {
                "    optimiser.zero_grad()\n": "",
                "        loss = loss_fn": (
                    "        optimiser.zero_grad()\n        loss = loss_fn"
                ),
            },
            "Only the last part counts",
        ),
        "parts summed": (
            {WEIGH: "loss_fn(model, *part)"},
            "parts' mean losses are summed",
        ),
        "parts weighed alike": (
            {WEIGH: "loss_fn(model, *part) / math.ceil(N / micro_size)"},
            "Each part counts the same",
        ),
        "parts taken for full": (
            {"len(part[0]) / N": "micro_size / N"},
            "Parts are taken for full ones",
        ),
        "last part dropped": (
            {
                "        loss = loss_fn": (
                    "        if len(part[0]) < min(N, micro_size):\n"
                    "            continue\n"
                    "        loss = loss_fn"
                )
            },
            "The last, smaller part is left out",
        ),
        "a step after every part": (
            {
                f"{CLIP}    optimiser.step()\n": (
                    f"    {CLIP}"
                    "        optimiser.step()\n"
                    "        optimiser.zero_grad()\n"
                )
            },
            "There is a step after every part",
        ),
        "not clipped": (
            {CLIP: ""},
            "The gradient is not clipped",
        ),
        "clipped before the gradient is there": (
            {
                CLIP: "",
                "    optimiser.zero_grad()\n": f"    optimiser.zero_grad()\n{CLIP}",
            },
            "The gradient is not clipped",
        ),
        "each part clipped": (
            {
                "        total += loss.item()\n    clip_grad_norm": (
                    "        total += loss.item()\n        clip_grad_norm"
                )
            },
            "Each part is clipped",
        ),
        "step forgotten": ({"    optimiser.step()\n": ""}, r"Is step\(\) called"),
        "loss summed over the parts": (
            {"total += loss.item()": "total += loss.item() * N / len(part[0])"},
            "the loss that update returns is wrong",
        ),
        "returns a tensor": ({"loss.item()": "loss.detach()"}, "must return a float"),
        "micro_size not used": (
            {".split(micro_size)": ".split(N)"},
            "more than micro_size rows at once",
        ),
    },
)

RIGHT = styles(
    "evaluate",
    {
        "decorated, with the byhand batches": """
@torch.no_grad()
def evaluate(model, loss_fn, tensors, batch_size):
    mode, total, count = model.training, 0.0, 0
    model.train(False)
    for batch in data.batches(*tensors, batch_size=batch_size):
        n = batch[0].shape[0]
        total, count = total + n * float(loss_fn(model, *batch)), count + n
    if mode:
        model.train()
    return total / count
""",
        "inference mode, slices, each module's own mode": """
def evaluate(model, loss_fn, tensors, batch_size):
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    N, losses = len(tensors[0]), []
    with torch.inference_mode():
        for start in range(0, N, batch_size):
            batch = [t[start : start + batch_size] for t in tensors]
            losses.append(loss_fn(model, *batch).double() * len(batch[0]) / N)
    for module, training in modes:
        module.training = training
    return torch.stack(losses).sum().item()
""",
    },
)

RIGHT += styles(
    "update",
    {
        "gradients scaled at the end": """
def update(model, loss_fn, optimiser, tensors, micro_size, max_norm):
    optimiser.zero_grad()
    N, total = tensors[0].shape[0], 0.0
    for start in range(0, N, micro_size):
        part = [t[start : start + micro_size] for t in tensors]
        loss = loss_fn(model, *part) * len(part[0])
        loss.backward()
        total += loss.item()
    for p in model.parameters():
        if p.grad is not None:
            p.grad /= N
    clip_grad_norm(model.parameters(), max_norm)
    optimiser.step()
    return total / N
""",
        "by torch.autograd.grad": """
def update(model, loss_fn, optimiser, tensors, micro_size, max_norm):
    params = list(model.parameters())
    sums, mean, N = [torch.zeros_like(p) for p in params], 0.0, len(tensors[0])
    for part in zip(*[torch.split(t, micro_size) for t in tensors]):
        share = part[0].size(0) / N
        loss = loss_fn(model, *part)
        for total, grad in zip(sums, torch.autograd.grad(loss, params)):
            total += share * grad
        mean += share * float(loss.detach())
    optimiser.zero_grad()
    for p, total in zip(params, sums):
        p.grad = total
    clip_grad_norm(params, max_norm)
    optimiser.step()
    return mean
""",
    },
)
