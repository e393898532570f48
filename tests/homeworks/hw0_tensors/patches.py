"""Homework 0, patches."""

from tests.support.solutions import mistakes, styles

TILES = "tiles.permute(0, 2, 4, 1, 3, 5)"

WRONG = mistakes(
    "patches",
    "patches_test",
    {
        "a reshape alone": (
            {
                f"{TILES}.reshape(N, -1, C * size * size)": (
                    "X.reshape(N, -1, C * size * size)"
                )
            },
            "A reshape alone takes the pixels as they lie in memory",
        ),
        "from top to bottom first": (
            {TILES: "tiles.permute(0, 4, 2, 1, 3, 5)"},
            "they must go from left to right first",
        ),
        "channels last in a patch": (
            {TILES: "tiles.permute(0, 2, 4, 3, 5, 1)"},
            "the channels of each pixel lie together",
        ),
        "rows and columns of a patch exchanged": (
            {TILES: "tiles.permute(0, 2, 4, 1, 5, 3)"},
            "Each patch is transposed",
        ),
        "channels kept as an axis": (
            {"reshape(N, -1, C * size * size)": "reshape(N, -1, C, size * size)"},
            "patches.* has shape",
        ),
        "patches of all images in one list": (
            {"reshape(N, -1, C * size * size)": "reshape(-1, C * size * size)"},
            r"has shape \(12, 12\), expected \(2, 6, 12\)",
        ),
        "split axes the wrong way round": (
            {"W // size, size)": "size, W // size)"},
            "has shape|is wrong in",
        ),
        "view of what is not contiguous": (
            {"permute(0, 2, 4, 1, 3, 5).reshape": "permute(0, 2, 4, 1, 3, 5).view"},
            "Use .reshape",
        ),
    },
)

WRONG += mistakes(
    "patches",
    "patches_more_test",
    {
        "result always float32": (
            {"return tiles": "return tiles.float()"},
            "keep the input's dtype",
        ),
        "squeezes the batch away": (
            {"C * size * size)": "C * size * size).squeeze(0)"},
            "The sizes agree but for dimensions of 1",
        ),
    },
)

RIGHT = styles(
    "patches",
    {
        "by the method unfold": """
def patches(X, size):
    N, C = X.shape[:2]
    windows = X.unfold(2, size, size).unfold(3, size, size)
    return windows.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
""",
        "two loops": """
def patches(X, size):
    rows = []
    for i in range(0, X.shape[2], size):
        for j in range(0, X.shape[3], size):
            rows.append(X[:, :, i : i + size, j : j + size].flatten(1))
    return torch.stack(rows, dim=1)
""",
        "transposes and split": """
def patches(X, size):
    N, C, H, W = X.shape
    strips = torch.stack(X.split(size, dim=2), 1)
    tiles = torch.stack(strips.split(size, dim=4), 2)
    return tiles.contiguous().view(N, (H // size) * (W // size), -1)
""",
    },
)
