"""The browser that the tests of the published pages drive.

``python -m tests.support.browser`` exits with 1 when there is none, for bootstrap.sh.
"""

import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# no sandbox: the pages are our own, and containers often forbid it;
# nothing may leave this machine but what a page asks for
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def executable(playwright) -> str | None:
    """The path of Chromium: the system's, else the one that Playwright installed."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


@contextmanager
def browser():
    """A headless Chromium, closed afterwards.

    Raises:
        RuntimeError: there is no Chromium; the message says how to get one.
    """
    with sync_playwright() as playwright:
        path = executable(playwright)
        if path is None:
            raise RuntimeError("No Chromium here. Run: ./bootstrap.sh test")
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield chromium
        finally:
            chromium.close()


if __name__ == "__main__":
    with sync_playwright() as found:
        sys.exit(executable(found) is None)
