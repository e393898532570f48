"""The row of links under a chapter's title."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.append(str(Path(__file__).parents[1] / "book/_ext"))
from launch_row import add_row, is_set, say_what_is_not_set

HUB = "https://hub.uni.example/hub/user-redirect/git-pull?repo=r&urlpath=lab/tree/x"


def row(*buttons: tuple[str, str]) -> str:
    """The body of a chapter whose theme offers these."""
    context = {
        "page_source_suffix": ".ipynb",
        "header_buttons": [{"buttons": [{"text": t, "url": u} for t, u in buttons]}],
        "pathto": lambda path, _: f"../{path}",
        "sourcename": "book/a.ipynb",
        "body": "<h1>A</h1><p>",
    }
    add_row(None, "book/a", "page.html", context, None)
    return context["body"]


def test_links_in_their_order():
    body = row(("JupyterHub", HUB), ("Colab", "https://colab.example/a"), ("Live", "x"))
    assert body.index("Open in Colab") < body.index("Open in JupyterHub")
    assert "repo=r&amp;urlpath" in body and 'href="../_sources/book/a.ipynb"' in body
    assert body.count("<li>") == 3


def test_nobodys_hub_has_no_button():
    body = row(("JupyterHub", "https://hub.example.org/hub/user-redirect"))
    assert body.count("<li>") == 1 and "JupyterHub" not in body


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("https://hub.example.org/x", False),
        ("https://example.org", False),
        ("https://notexample.org", True),
        ("http://127.0.0.1:8000", True),
    ],
)
def test_placeholders(address, known):
    assert is_set(address) == known


def test_the_build_names_the_setting(monkeypatch):
    said = []
    monkeypatch.setattr(
        "launch_row.logger", SimpleNamespace(info=lambda *a: said.append(a))
    )
    buttons = {"jupyterhub_url": "https://hub.example.org", "colab_url": "https://c.d"}
    options = {"launch_buttons": buttons}
    app = SimpleNamespace(config=SimpleNamespace(html_theme_options=options))
    say_what_is_not_set(app, None)
    ((words, *values),) = said
    assert "launch_buttons.jupyterhub_url" in words % tuple(values)
