"""Homework 1, cross-entropy."""

from tests.support.solutions import mistakes, styles

SHIFTED = "    shifted = logits - logits.amax(1, keepdim=True)\n"
PICK = "-log_probs[torch.arange(len(labels)), labels].mean()"

WRONG = mistakes(
    "cross_entropy_forward",
    "cross_entropy_forward_test",
    {
        "summed over the batch": (
            {".mean()": ".sum()"},
            "sum over the batch, not the mean",
        ),
        "averaged over the classes too": (
            {
                PICK: (
                    "-log_probs[torch.arange(len(labels)), labels].sum() / logits.numel()"
                )
            },
            "divided by the number of classes too",
        ),
        "mean over all classes": (
            {PICK: "-log_probs.mean()"},
            "mean over all classes: only the right one",
        ),
        "minus forgotten": ({"return -": "return "}, "wrong sign"),
        "softmax over the batch": (
            {"amax(1,": "amax(0,", "sum(1,": "sum(0,"},
            "softmax runs over the batch",
        ),
        "every label in every row": (
            {"[torch.arange(len(labels)), labels]": "[:, labels]"},
            "every label in every row",
        ),
        "keepdim missing in the sum": (
            {"sum(1, keepdim=True)": "sum(1)"},
            "size of tensor",
        ),
        "logarithm missing": (
            {"return -log_probs[": "return -log_probs.exp()["},
            "logarithm is missing",
        ),
        "softmax missing": ({"log_probs[torch": "logits[torch"}, "without a softmax"),
        "one loss for each example": ({".mean()": ""}, "should be one number"),
        "logarithm to base 2": (
            {"keepdim=True).log()": "keepdim=True).log2()"},
            "is wrong",
        ),
    },
)

WRONG += mistakes(
    "cross_entropy_forward",
    "loss_more_test",
    {
        "largest logit not subtracted": (
            {SHIFTED: "    shifted = logits\n"},
            r"cross_entropy_forward \(large logits\) is wrong.*(infinite|NaN)",
        ),
        "largest logit of the whole batch subtracted": (
            {"logits.amax(1, keepdim=True)": "logits.max()"},
            r"\(rows of very different size\) is wrong.*(infinite|NaN)",
        ),
        "logarithm of a probability rounded to 0, plus a little": (
            {
                "shifted - shifted.exp().sum(1, keepdim=True).log()": (
                    "(shifted.exp() / shifted.exp().sum(1, keepdim=True) + 1e-12).log()"
                )
            },
            r"\(large logits\) is wrong",
        ),
        "logits shifted in place": (
            {
                "shifted = logits - logits.amax(1, keepdim=True)": (
                    "shifted = logits\n    shifted -= logits.amax(1, keepdim=True)"
                )
            },
            "cross_entropy_forward changed its argument 1 in place",
        ),
        "Python number returned": (
            {".mean()": ".mean().item()"},
            "cross_entropy_forward must return a tensor",
        ),
    },
)

WRONG += mistakes(
    "cross_entropy_backward",
    "cross_entropy_backward_test",
    {
        "not divided by the batch size": (
            {" / len(labels)": ""},
            "gradient of the sum over the batch",
        ),
        "label not subtracted": (
            {"    dlogits[torch.arange(len(labels)), labels] -= 1\n": ""},
            "where does the label come in",
        ),
        "sign": ({"return dlogits": "return -dlogits"}, "wrong sign"),
        "divided by the number of entries": (
            {"/ len(labels)": "/ logits.numel()"},
            "divided by the number of classes too",
        ),
        "1 taken off whole columns": (
            {"[torch.arange(len(labels)), labels]": "[:, labels]"},
            "taken off whole columns",
        ),
        "keepdim missing in the sum": (
            {"exps.sum(1, keepdim=True)": "exps.sum(1)"},
            "size of tensor",
        ),
        "softmax over the batch": (
            {"amax(1,": "amax(0,", "exps.sum(1,": "exps.sum(0,"},
            "softmax runs over the batch",
        ),
    },
)

WRONG += mistakes(
    "cross_entropy_backward",
    "loss_more_test",
    {
        "largest logit not subtracted": (
            {"(logits - logits.amax(1, keepdim=True)).exp()": "logits.exp()"},
            r"cross_entropy_backward \(large logits\) is wrong.*NaN",
        ),
        "logits changed in place": (
            {
                "exps = (logits - logits.amax(1, keepdim=True)).exp()": (
                    "logits -= logits.amax(1, keepdim=True)\n    exps = logits.exp()"
                )
            },
            "cross_entropy_backward changed its argument 1 in place",
        ),
        "one-hot in float64 whatever the input": (
            {"return dlogits /": "return dlogits.double() /"},
            "cross_entropy_backward must return a tensor of the logits' dtype",
        ),
    },
)

RIGHT = styles(
    "cross_entropy_forward",
    {
        "one-hot and a sum": """
def cross_entropy_forward(logits, labels):
    N, C = logits.shape
    onehot = (labels[:, None] == torch.arange(C)).to(logits.dtype)
    largest = logits.max(dim=1, keepdim=True).values
    log_sum = largest + torch.log(torch.exp(logits - largest).sum(1, keepdim=True))
    return -(onehot * (logits - log_sum)).sum() / N
""",
        "example by example": """
def cross_entropy_forward(logits, labels):
    losses = []
    for z, label in zip(logits, labels):
        z = z - z.max()
        losses.append(z.exp().sum().log() - z[label])
    return sum(losses) / len(losses)
""",
        "gather": """
def cross_entropy_forward(logits, labels):
    m = logits.amax(dim=-1)
    log_sum = m + (logits - m.unsqueeze(-1)).exp().sum(-1).log()
    chosen = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
    return (log_sum - chosen).mean()
""",
    },
)

RIGHT += styles(
    "cross_entropy_backward",
    {
        "one-hot subtracted": """
def cross_entropy_backward(logits, labels):
    N, C = logits.shape
    onehot = torch.eye(C, dtype=logits.dtype)[labels]
    e = torch.exp(logits - logits.max(dim=1, keepdim=True).values)
    return (e / e.sum(dim=1, keepdim=True) - onehot) / N
""",
        "example by example": """
def cross_entropy_backward(logits, labels):
    dlogits = torch.zeros_like(logits)
    for n in range(len(labels)):
        z = logits[n] - logits[n].max()
        dlogits[n] = z.exp() / z.exp().sum()
        dlogits[n, labels[n]] -= 1
    return dlogits / len(labels)
""",
    },
)
