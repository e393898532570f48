"""The page that a student gets back."""

import base64
import re

from nbformat.v4 import new_code_cell, new_notebook, new_output

from grader.feedback import Page

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


def test_a_page_shows_code_in_colours_and_pictures_with_words():
    shown = new_output("display_data", data={"image/png": PIXEL})
    cell = new_code_cell("def f(x):\n    return x", outputs=[shown])
    for _ in range(2):  # the second time, the templates are there
        html, _ = Page(template_name="classic").from_notebook_node(
            new_notebook(cells=[cell])
        )
        assert '<span class="k">def</span>' in html
        (picture,) = re.findall("<img[^>]*>", html)
        assert 'alt="A picture that this cell has shown."' in picture
