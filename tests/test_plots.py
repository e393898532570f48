"""Plotting helpers: what they draw, what they refuse, and that colours can be seen."""

from io import BytesIO

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest
import torch
from graphviz import Digraph
from IPython.core.pylabtools import retina_figure
from matplotlib.colors import to_rgb
from PIL import Image

from byhand import data, plots, use_style


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context():
        use_style()
        yield
        plt.close("all")


def contrast(a: str, b: str) -> float:
    """WCAG 2.2 contrast ratio of two colours."""

    def luminance(colour):
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in to_rgb(colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted([luminance(a), luminance(b)], reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_main_colours_stand_out_from_white():
    for name in ("blue", "orange", "green", "black"):
        assert contrast(plots.COLOURS[name], "white") >= 3, name


def test_lines_differ_in_dash_as_well_as_colour():
    cycle = list(matplotlib.rcParams["axes.prop_cycle"])
    assert len({str(entry["linestyle"]) for entry in cycle}) == len(cycle)
    assert len({entry["color"] for entry in cycle}) == len(cycle)


def test_svg_text_stays_text(tmp_path):
    figure, axis = plt.subplots()
    axis.set_title("loss per epoch")
    figure.savefig(tmp_path / "figure.svg")
    assert "loss per epoch" in (tmp_path / "figure.svg").read_text()


@pytest.mark.parametrize(("cmap", "mode"), [("gray", "LA"), ("cividis", "RGBA")])
def test_pictures_without_colour_are_stored_without(cmap, mode):
    figure = plots.show_images(torch.rand(4, 8, 8), cmap=cmap)
    png, size = plots._light_png(figure)
    image = Image.open(BytesIO(png))
    assert image.mode == mode and image.width == 2 * size["width"]
    original = Image.open(BytesIO(retina_figure(figure)[0]))
    assert image.convert("RGBA").tobytes() == original.tobytes()


@pytest.mark.parametrize("shape", [(12, 28, 28), (12, 1, 28, 28), (3, 8, 8)])
def test_show_images(shape):
    figure = plots.show_images(torch.rand(shape), titles=range(shape[0]))
    shown = [a for a in figure.axes if a.images]
    assert len(shown) == shape[0] and shown[1].get_title() == "1"


def test_show_images_refuses_bad_input():
    with pytest.raises(ValueError, match=r"not \(784,\)"):
        plots.show_images(torch.rand(784))
    with pytest.raises(ValueError, match="1 titles for 2 images"):
        plots.show_images(torch.rand(2, 28, 28), titles=["a"])


def test_show_points_tells_classes_apart_by_marker_too():
    X, y = data.toy("moons", n=50)
    axis = plots.show_points(X, y)
    zero, one = axis.collections
    assert len(zero.get_offsets()) == len(one.get_offsets()) == 25
    assert zero.get_paths()[0].vertices.shape != one.get_paths()[0].vertices.shape


def test_show_graph(capsys, monkeypatch):
    graph = Digraph()
    graph.edge("x", "y")
    shown = []
    monkeypatch.setattr(plots, "display", shown.append)
    plots.show_graph(graph)
    assert "<svg" in shown[0].data and "white" not in shown[0].data
    assert "size" not in graph.source, "the caller's graph is left alone"


def test_show_graph_without_dot_says_how_to_get_it(monkeypatch):
    said = []
    monkeypatch.setattr(plots.shutil, "which", lambda name: None)
    monkeypatch.setattr(plots, "say", said.append)
    plots.show_graph(Digraph())
    assert "graphviz.org/download" in said[0]
