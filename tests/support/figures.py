"""Figures on pages of their own, as the book shows them, and their modules alone."""

import json
from pathlib import Path

import torch
from ipywidgets.embed import embed_data

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "byhand/figures"
ALT = "The figure as the chapter made it, standing still."
PAGE = """<!doctype html>
<html lang="en" data-theme="{theme}"><head><meta charset="utf-8"><title>Figures</title>
<meta name="viewport" content="width=device-width">
<style>{theme_css}</style><style>{css}</style>
<script defer src="{host}"></script></head>
<body><main class="bd-article"><h1>Figures</h1>{views}</main>
<script type="application/vnd.jupyter.widget-state+json">{state}</script></body></html>
"""
VIEW = """<p>What to try.</p><div class="cell_output">
<script type="application/vnd.jupyter.widget-view+json">{view}</script>
<noscript><img alt="{alt}" src="{still}"></noscript></div>
"""
# what pydata-sphinx-theme sets besides what book.css does
THEME = """html { color: var(--pst-color-text-base); background: var(--pst-color-background); }
html[data-theme=light] { --pst-color-background: #ffffff; color-scheme: light; }
html[data-theme=dark] { color-scheme: dark; }
body { margin: 1rem; font-family: sans-serif; }"""


def write(folder: Path, *figures, theme: str = "light", damage=None) -> str:
    """Write a page with these figures; return its address.

    Args:
        folder: where; the still pictures come to lie there as well.
        theme: light or dark.
        damage: a function that changes the state of the page's widgets, by id.
    """
    data = embed_data(views=figures, drop_defaults=False)
    state = json.loads(json.dumps(data["manager_state"]))
    if damage:
        damage(state["state"])
    views = []
    for place, (figure, view) in enumerate(
        zip(figures, data["view_specs"], strict=True)
    ):
        still = folder / f"still-{place}.svg"
        still.write_text(figure._repr_mimebundle_()[0]["image/svg+xml"], "utf8")
        views.append(VIEW.format(view=json.dumps(view), alt=ALT, still=still.name))
    page = folder / f"{theme}.html"
    page.write_text(
        PAGE.format(
            theme=theme,
            theme_css=THEME,
            css=(ROOT / "book/_assets/book.css").read_text("utf8"),
            host=(ROOT / "book/_assets/widget-host.js").as_uri(),
            views="".join(views),
            state=json.dumps(state).replace("<", "\\u003c"),
        ),
        "utf8",
    )
    return page.as_uri()


def load(tab, figure: type) -> None:
    """Load a figure's module into an empty tab, as `figure`: what it exports."""
    tab.goto("about:blank")
    tab.evaluate(
        """async (source) => {
          const blob = new Blob([source], { type: "text/javascript" });
          window.figure = await import(URL.createObjectURL(blob));
        }""",
        figure._esm,
    )


def settle(tab) -> None:
    """Wait until the page has drawn what was changed."""
    frame = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    tab.evaluate(frame)


def close(ours, theirs: torch.Tensor) -> None:
    """Compare numbers of JavaScript, which counts in 64 bits, with PyTorch's: 1e-5."""
    ours = torch.tensor(ours, dtype=torch.float64)
    torch.testing.assert_close(ours, theirs.detach().double(), rtol=1e-5, atol=1e-9)
