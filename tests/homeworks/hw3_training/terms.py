"""Homework 3, the terms of the ELBO."""

from tests.support.solutions import mistakes, styles

KL = "0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)"
NLL = "(F.softplus(logits) - x * logits).sum(1)"

WRONG = mistakes(
    "reparameterise",
    "reparameterise_test",
    {
        "variance in place of sigma": (
            {"torch.exp(0.5 * logvar)": "torch.exp(logvar)"},
            "multiplied by the variance",
        ),
        "logvar taken for sigma": (
            {"torch.exp(0.5 * logvar)": "logvar"},
            "not sigma itself",
        ),
        "no sigma": ({"torch.exp(0.5 * logvar) * eps": "eps"}, "not scaled by sigma"),
        "no noise": ({" + torch.exp(0.5 * logvar) * eps": ""}, "noise is left out"),
        "detached": (
            {"0.5 * logvar)": "0.5 * logvar).detach()"},
            "No gradient gets through to logvar",
        ),
        "a draw that autograd does not see through": (
            {
                "    if eps is None:\n        eps = torch.randn_like(mu)\n": (
                    "    if eps is None:\n"
                    "        return torch.normal(mu, logvar.exp().sqrt())\n"
                    "    mu, logvar = mu.data, logvar.data\n"
                )
            },
            "No gradient gets through to mu",
        ),
        "one noise for the whole batch": (
            {"torch.randn_like(mu)": "torch.randn_like(mu[0])"},
            "All pictures of a batch get the same noise",
        ),
        "one noise for a whole code": (
            {"torch.randn_like(mu)": "torch.randn_like(mu[:, :1])"},
            "All entries of a code get the same noise",
        ),
        "uniform noise": (
            {"torch.randn_like(mu)": "torch.rand_like(mu)"},
            "must be standard normal: its mean is wrong",
        ),
        "seeded in each call": (
            {
                "        eps = torch": (
                    "        torch.manual_seed(0)\n        eps = torch"
                )
            },
            "Each call must draw new noise",
        ),
        "float32 whatever the input": (
            {
                "torch.randn_like(mu)": "torch.randn(mu.shape)",
                "mu + torch": "mu.float() + torch",
                "0.5 * logvar": "0.5 * logvar.float()",
            },
            "wrong|keep the input's dtype",
        ),
        "given noise not used": (
            {"    if eps is None:\n        eps": "    eps"},
            r"reparameterise\(mu, logvar, eps\) is wrong",
        ),
    },
)

WRONG += mistakes(
    "kl_to_prior",
    "kl_test",
    {
        "sign": ({"0.5 *": "-0.5 *"}, "The sign is wrong"),
        "mean over the code": (
            {".sum(1)": ".mean(1)"},
            "mean over the entries of the code",
        ),
        "summed over the batch": ({".sum(1)": ".sum(0)"}, "summed over the batch"),
        "not summed": ({".sum(1)": ""}, "one value for each"),
        "summed over everything": (
            {".sum(1)": ".sum()"},
            "one number for the whole batch",
        ),
        "half missing": ({"0.5 *": ""}, "½ is missing"),
        "logvar taken for log sigma": (
            {KL: "(0.5 * (mu**2 + (2 * logvar).exp() - 1) - logvar).sum(1)"},
            "taken for log sigma",
        ),
        "the other way round": (
            {KL: "0.5 * ((1 + mu**2) / logvar.exp() - 1 + logvar).sum(1)"},
            "the other way round",
        ),
        "mu not squared": ({"mu**2": "mu"}, "square of mu"),
        "mu forgotten": ({"mu**2 + ": ""}, "Where is mu"),
        "1 forgotten": ({" - 1": ""}, "Where is the −1"),
        "sign of the logarithm": (
            {"- 1 - logvar": "- 1 + logvar"},
            "sign of the logvar is wrong",
        ),
        "detached": (
            {"mu**2 + logvar.exp()": "mu.data**2 + logvar.detach().exp()"},
            "No gradient gets through kl_to_prior",
        ),
    },
)

WRONG += mistakes(
    "bernoulli_nll",
    "bernoulli_nll_test",
    {
        "mean over the pixels": ({".sum(1)": ".mean(1)"}, "mean over the pixels"),
        "one number": ({".sum(1)": ".sum()"}, "one number for the whole batch"),
        "mean over everything": (
            {".sum(1)": ".mean()"},
            "one number for the whole batch, a mean",
        ),
        "summed over the batch": ({".sum(1)": ".sum(0)"}, "summed over the batch"),
        "sign": ({"return (": "return -("}, "The sign is wrong"),
        "sigmoid twice": (
            {"    return": "    logits = torch.sigmoid(logits)\n    return"},
            "sigmoid is applied twice",
        ),
        "only the ink": (
            {NLL: "-(x * F.logsigmoid(logits)).sum(1)"},
            "The paper is forgotten",
        ),
        "ink and paper swapped": (
            {"x * logits": "(1 - x) * logits"},
            "Ink and paper are swapped",
        ),
        "1 − x forgotten": (
            {NLL: "-(x * F.logsigmoid(logits) + F.logsigmoid(-logits)).sum(1)"},
            r"Is log \(1 − p\) multiplied by 1 − x",
        ),
        "logarithm of a rounded probability": (
            {
                "    return " + NLL: (
                    "    p = torch.sigmoid(logits)\n"
                    "    return -(x * p.log() + (1 - x) * (1 - p).log()).sum(1)"
                )
            },
            "for logits of ±50 is wrong.*(infinite|NaN)|for logits of ±1000",
        ),
        "a little added to the probability": (
            {
                "    return " + NLL: (
                    "    p = torch.sigmoid(logits)\n    e = 1e-12\n"
                    "    return -(x * (p + e).log() + (1 - x) * (1 - p + e).log()).sum(1)"
                )
            },
            "for logits of ±50 is wrong",
        ),
        "exp overflows": (
            {"F.softplus(logits)": "(1 + logits.exp()).log()"},
            "for logits of ±1000 is wrong.*(infinite|NaN)",
        ),
        "detached": (
            {"    return": "    logits = logits.detach()\n    return"},
            "No gradient gets through bernoulli_nll",
        ),
    },
)

RIGHT = styles(
    "reparameterise",
    {
        "root of the variance": """
def reparameterise(mu, logvar, eps=None):
    noise = torch.randn(mu.shape, dtype=mu.dtype) if eps is None else eps
    return mu + noise * logvar.exp().sqrt()
""",
        "addcmul": """
def reparameterise(mu, logvar, eps=None):
    if eps is None:
        eps = torch.empty_like(mu).normal_()
    sigma = (logvar / 2).exp()
    return torch.addcmul(mu, sigma, eps)
""",
    },
)

RIGHT += styles(
    "kl_to_prior",
    {
        "with the minus in front": """
def kl_to_prior(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=-1)
""",
        "expm1 and einsum": """
def kl_to_prior(mu, logvar):
    return (torch.einsum("nk,nk->n", mu, mu) + (torch.expm1(logvar) - logvar).sum(1)) / 2
""",
    },
)

RIGHT += styles(
    "bernoulli_nll",
    {
        "two logsigmoids": """
def bernoulli_nll(logits, x):
    log_p, log_not_p = F.logsigmoid(logits), F.logsigmoid(-logits)
    return -(x * log_p + (1 - x) * log_not_p).sum(dim=-1)
""",
        "softplus by hand": """
def bernoulli_nll(logits, x):
    softplus = logits.clamp(min=0) + torch.log1p(torch.exp(-logits.abs()))
    return (softplus - logits * x).sum(1)
""",
        "logaddexp": """
def bernoulli_nll(logits, x):
    each = torch.logaddexp(logits, torch.zeros_like(logits)) - x * logits
    return torch.einsum("nd->n", each)
""",
    },
)
