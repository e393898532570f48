"""Figures that read well on light and dark pages, in colour or without."""

import shutil
from collections.abc import Sequence
from io import BytesIO

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from graphviz import Digraph
from IPython import get_ipython
from IPython.core.pylabtools import retina_figure
from IPython.display import SVG, display
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib_inline.backend_inline import set_matplotlib_formats
from PIL import Image
from torch import Tensor

from byhand.prose import say

# Okabe and Ito's colours, told apart by colour-blind readers; yellow is left out,
# which is too pale for lines on white. https://jfly.uni-koeln.de/color/
COLOURS = {
    "blue": "#0072b2",
    "orange": "#d55e00",
    "green": "#009e73",
    "pink": "#cc79a7",
    "sky": "#56b4e9",
    "amber": "#e69f00",
    "black": "#222222",
}
CLASS_COLOURS = ListedColormap([COLOURS["blue"], COLOURS["orange"]])


def use_style() -> None:
    """Set matplotlib up for the course: sizes, colours, dashes, transparent SVG.

    Lines differ in dash as well as in colour. In a notebook, figures become SVG
    whose text stays text.
    """
    mpl.rcdefaults()
    colours = ["blue", "orange", "green", "pink", "sky", "amber"]
    cycle = cycler(color=[COLOURS[c] for c in colours])
    cycle += cycler(linestyle=["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1))])
    mpl.rcParams.update(
        {
            "axes.prop_cycle": cycle,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.titlesize": 11,
            "axes.labelsize": 10,
            "figure.figsize": (6.4, 3.4),
            "figure.dpi": 110,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "savefig.transparent": True,
            "font.size": 10,
            "grid.alpha": 0.25,
            "grid.linewidth": 0.6,
            "image.cmap": "cividis",
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "figure.constrained_layout.use": True,
            "svg.fonttype": "none",
            "svg.hashsalt": "byhand",  # the same figure is the same file
        }
    )
    lines()


def pixels() -> None:
    """Make the figures of this cell PNG, at twice the resolution: for images, dense
    scatters and maps of colour, where an SVG would be heavier. The next call of
    :func:`lines` goes back.
    """
    _formats("retina")
    if get_ipython() is not None:
        formatters = get_ipython().display_formatter.formatters
        formatters["image/png"].for_type(Figure, _light_png)


def lines() -> None:
    """Back to SVG, the default of :func:`use_style`."""
    _formats("svg", metadata={"Date": None})  # the same figure is the same file


def _formats(name: str, **options: object) -> None:
    if get_ipython() is not None:
        set_matplotlib_formats(name, **options)


def _light_png(figure: Figure) -> tuple[bytes, dict] | None:
    """PNG at twice the resolution, and the size to show it at; None if it is empty.

    A figure without colour is stored as grey and opacity, a third lighter.
    """
    shown = retina_figure(figure)
    if shown is None:
        return None
    png, size = shown
    image: Image.Image = Image.open(BytesIO(png))
    red, green, blue, _ = image.split()
    if red == green == blue:
        image = image.convert("LA")
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue(), size


def show_images(
    images: Tensor,
    titles: Sequence | None = None,
    columns: int = 10,
    size: float = 0.8,
    cmap: str = "gray",
    limits: tuple[float, float] | None = (0, 1),
) -> plt.Figure:
    """A grid of grey images.

    Args:
        images: (N, H, W) or (N, 1, H, W), N at least 1, any device.
        titles: one a picture; default: none.
        columns: pictures in a row.
        size: of one picture, in inches.
        cmap: colour map.
        limits: values shown as the map's ends; None: each image's own.

    Returns:
        The figure; each column is 1.05 · ``size`` inches wide.

    Raises:
        ValueError: the shape is neither of the two, or titles are too few.
    """
    images = torch.as_tensor(images).detach().cpu()
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    if images.ndim != 3 or len(images) == 0:
        raise ValueError(
            "show_images() takes images of shape (N, H, W) or (N, 1, H, W) with N of at "
            f"least 1, not {tuple(images.shape)}."
        )
    if titles is not None and len(titles) < len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images.")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height = size * (1.35 if titles is not None else 1.05)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * size * 1.05, rows * height), squeeze=False
    )
    low, high = limits or (None, None)
    for i, axis in enumerate(axes.flat):
        axis.set_axis_off()
        if i < len(images):
            axis.imshow(images[i].numpy(), cmap=cmap, vmin=low, vmax=high)
            if titles is not None:
                axis.set_title(str(titles[i]), fontsize=9)
    return figure


def show_points(
    X: Tensor, y: Tensor, axis: Axes | None = None, size: float = 12
) -> Axes:
    """Points of two classes in the plane, told apart by colour and by marker.

    Args:
        X: (N, 2), any device.
        y: (N,) of 0 and 1, on the same one.
        axis: where to draw; default: a new figure.
        size: of a marker, in points² (Matplotlib's ``s``).

    Returns:
        The axes drawn into.
    """
    axis = axis or plt.subplots(figsize=(3.4, 3.4))[1]
    for label, marker in ((0, "o"), (1, "^")):
        points = X[y == label].cpu().numpy()
        colour = CLASS_COLOURS(label)
        axis.scatter(
            points[:, 0], points[:, 1], s=size, color=colour, marker=marker,
            edgecolors="white", linewidths=0.4, label=f"class {label}",
        )  # fmt: skip
    axis.set_aspect("equal")
    axis.grid(False)
    return axis


def show_graph(graph: Digraph, width: float = 6.0, height: float = 7.0) -> None:
    """Show a Graphviz graph (torchviz's, torchview's or your own) as SVG.

    Without Graphviz's program ``dot`` there is a line that says how to get it, and
    the chapter goes on.

    Args:
        graph: what ``torchviz.make_dot`` or ``draw_graph(…).visual_graph`` returns.
        width, height: the picture is shrunk, not enlarged, to fit, in inches.

    Raises:
        subprocess.CalledProcessError: ``dot`` cannot read the graph.

    Source: https://graphviz.org/docs/attrs/size/
    """
    if shutil.which("dot") is None:
        say(
            "*This picture needs the program `dot`: install Graphviz "
            "(<https://graphviz.org/download/>) and run this cell again.*"
        )
        return
    graph = graph.copy()
    graph.attr(bgcolor="transparent", size=f"{width},{height}")
    display(SVG(graph.pipe(format="svg", encoding="utf8")))
