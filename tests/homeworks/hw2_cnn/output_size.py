"""Homework 2, the size of what a convolution returns."""

from tests.support.solutions import mistakes, styles

SIZE = "(size + 2 * padding - span) // stride + 1"

WRONG = mistakes(
    "output_size",
    "output_size_test",
    {
        "first place not counted": (
            {"// stride + 1": "// stride"},
            "one too small: count the first place",
        ),
        "padding on one side only": (
            {"2 * padding": "padding"},
            "Padding is on both sides",
        ),
        "dilation ignored": (
            {"dilation * (kernel - 1) + 1": "kernel"},
            "dilation is ignored",
        ),
        "rounded up": (
            {SIZE: "math.ceil((size + 2 * padding - span) / stride) + 1"},
            "sticks out does not count: round down",
        ),
        "span of kernel times dilation": (
            {"dilation * (kernel - 1) + 1": "dilation * kernel"},
            "as many gaps as entries, less one",
        ),
        "division that gives a float": (
            {
                SIZE: (
                    "(size + 2 * padding - span - (size + 2 * padding - span) % stride)"
                    " / stride + 1"
                )
            },
            r"must be an int, not 5\.0",
        ),
        "stride ignored": (
            {"// stride + 1": "+ 1"},
            r"output_size\['size 7, kernel 2, stride 2, padding 0, dilation 1'\] is wrong",
        ),
        "rounded to the nearest": (
            {SIZE: "round((size + 2 * padding - span) / stride + 1)"},
            "is wrong",
        ),
    },
)

RIGHT = styles(
    "output_size",
    {
        "places counted": """
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    last = size + 2 * padding - dilation * (kernel - 1)
    return len(range(0, last, stride))
""",
        "the formula of PyTorch's manual": """
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    return math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1)
""",
        "kernel moved in a loop": """
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    count, end = 0, 1 + (kernel - 1) * dilation
    while end <= size + padding + padding:
        count += 1
        end += stride
    return count
""",
    },
)
