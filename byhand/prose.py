"""Sentences whose numbers are computed, never typed in."""

from IPython.display import Markdown, display


def say(text: str) -> None:
    """Show ``text`` as Markdown, in a notebook and in the published page.

    Chapters use it for every sentence that states a measured number, so that the
    sentence and the measurement cannot disagree.

    Args:
        text: Markdown, with formulas in ``$…$`` or ``$$…$$``.
    """
    display(Markdown(text))
