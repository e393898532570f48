"""Homework 2, how kernels start."""

from tests.support.solutions import mistakes, styles

WRONG = mistakes(
    "he_init",
    "he_init_test",
    {
        "variance as standard deviation": (
            {"math.sqrt(2 / fan_in)": "2 / fan_in"},
            "2/fan-in is the variance, not the standard deviation",
        ),
        "fan-out": (
            {"math.prod(shape[1:])": "shape[0] * math.prod(shape[2:])"},
            "by the fan-out",
        ),
        "input channels only": (
            {"math.prod(shape[1:])": "shape[1]"},
            "fan-in is not C_in alone",
        ),
        "variance 1/fan-in": ({"2 / fan_in": "1 / fan_in"}, "The 2 is missing"),
        "uniform from 0": (
            {"torch.randn(": "math.sqrt(12) * torch.rand("},
            "mean is .*not 0",
        ),
        "uniform": (
            {
                "torch.randn(shape, generator=g)": (
                    "math.sqrt(12) * (torch.rand(shape, generator=g) - 0.5)"
                )
            },
            "normal distribution",
        ),
        "seed not used": ({"manual_seed(seed)": "manual_seed(0)"}, "seed is not used"),
        "generator not used": (
            {", generator=g)": ")"},
            "same seed gives other numbers",
        ),
        "divided by all entries": (
            {"math.prod(shape[1:])": "math.prod(shape)"},
            "times what it should be",
        ),
    },
)

RIGHT = styles(
    "he_init",
    {
        "normal_ on an empty tensor": """
def he_init(shape, seed):
    W = torch.empty(shape)
    std = (2 / W[0].numel()) ** 0.5
    return W.normal_(0, std, generator=torch.Generator().manual_seed(seed))
""",
        "torch.normal, product in a loop": """
def he_init(shape, seed):
    generator = torch.Generator()
    generator.manual_seed(seed)
    fan_in = 1
    for n in shape[1:]:
        fan_in *= n
    return torch.normal(0.0, math.sqrt(2.0 / fan_in), tuple(shape), generator=generator)
""",
    },
)
