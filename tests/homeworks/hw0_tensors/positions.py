"""Homework 0, channels that say where a pixel is."""

from tests.support.solutions import mistakes, styles

LINSPACE = 'like = {"dtype": X.dtype, "device": X.device}'

WRONG = mistakes(
    "with_positions",
    "positions_test",
    {
        "rows and columns exchanged": (
            {"[X, rows, columns]": "[X, columns, rows]"},
            "Rows and columns are exchanged",
        ),
        "in front": (
            {"[X, rows, columns]": "[rows, columns, X]"},
            "come before those of X",
        ),
        "from 0 to 1": (
            {"linspace(-1, 1, H": "linspace(0, 1, H", "(-1, 1, W": "(0, 1, W"},
            "go from 0 to 1",
        ),
        "counted in pixels": (
            {"linspace(-1, 1, H, ": "arange(H, ", "linspace(-1, 1, W, ": "arange(W, "},
            "counted in pixels",
        ),
        "last end left out": (
            {
                "linspace(-1, 1, H,": "arange(-1, 1, 2 / H,",
                "linspace(-1, 1, W,": "arange(-1, 1, 2 / W,",
            },
            "last position is less than 1",
        ),
        "upwards": ({"linspace(-1, 1, H": "linspace(1, -1, H"}, "grow upwards"),
        "one channel only": (
            {"[X, rows, columns]": "[X, rows]"},
            r"has shape \(2, 2, 4, 4\), expected \(2, 3, 4, 4\)",
        ),
        "written into X": (
            {"return torch": "X[:, :1] = rows\n    return torch"},
            "is wrong|in place",
        ),
    },
)

WRONG += mistakes(
    "with_positions",
    "positions_device_test",
    {
        "float32 on the CPU": (
            {LINSPACE: "like = {}"},
            "dtype=X.dtype|X's device|device=X.device",
        ),
        "dtype forgotten": (
            {LINSPACE: 'like = {"device": X.device}'},
            "made in float32 and then converted",
        ),
        "made in float32, then converted": (
            {
                LINSPACE: 'like = {"device": X.device}',
                "[X, rows, columns]": "[X, rows.to(X.dtype), columns.to(X.dtype)]",
            },
            "made in float32 and then converted",
        ),
        "device forgotten": (
            {LINSPACE: 'like = {"dtype": X.dtype}'},
            "on the device meta, with_positions fails",
        ),
        "made on the course's default device": (
            {LINSPACE: 'like = {"dtype": X.dtype, "device": default_device()}'},
            "on the device (cpu|meta), with_positions fails",
        ),
        "everything made float32": (
            {"[X, rows, columns]": "[X.float(), rows.float(), columns.float()]"},
            "make new tensors with dtype=X.dtype",
        ),
    },
)

RIGHT = styles(
    "with_positions",
    {
        "filled into a new tensor": """
def with_positions(X):
    N, C, H, W = X.shape
    out = X.new_empty(N, C + 2, H, W)
    out[:, :C] = X
    out[:, C] = torch.linspace(-1, 1, H, dtype=X.dtype, device=X.device)[:, None]
    out[:, C + 1] = torch.linspace(-1, 1, W, dtype=X.dtype, device=X.device)
    return out
""",
        "meshgrid, moved with to(X)": """
def with_positions(X):
    N, C, H, W = X.shape
    down = torch.linspace(-1, 1, H, dtype=torch.float64).to(X)
    right = torch.linspace(-1, 1, W, dtype=torch.float64).to(X)
    grid = torch.stack(torch.meshgrid(down, right, indexing="ij"))
    return torch.cat((X, grid.unsqueeze(0).repeat(N, 1, 1, 1)), dim=1)
""",
        "counted with arange and scaled": """
def with_positions(X):
    N, _, H, W = X.shape
    rows = 2 * torch.arange(H, dtype=X.dtype, device=X.device) / (H - 1) - 1
    columns = 2 * torch.arange(W, dtype=X.dtype, device=X.device) / (W - 1) - 1
    new = torch.stack([rows[:, None].repeat(1, W), columns.repeat(H, 1)])
    return torch.cat([X, new.repeat(N, 1, 1, 1)], 1)
""",
    },
)
