"""Firefox, driven by WebDriver BiDi: the system's own, without a driver program.

https://w3c.github.io/webdriver-bidi/ says what it understands.
"""

import json
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websocket import create_connection

NAMES = ("firefox-esr", "firefox")
LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
KEYS = {"ArrowLeft": "\ue012", "ArrowRight": "\ue014", "Tab": "\ue004"}


def executable() -> str | None:
    """The path of Firefox, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Firefox:
    """One tab; ``complaints``: errors and warnings of its console."""

    def __init__(self, address: str):
        self.socket = create_connection(address, timeout=60, suppress_origin=True)
        self.number = 0
        self.complaints: list[str] = []
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])
        (tab, *_) = self.call("browsingContext.getTree")["contexts"]
        self.tab = tab["context"]

    def call(self, method: str, **params) -> dict[str, Any]:
        """Do what the protocol calls so.

        Raises:
            RuntimeError: Firefox says that it cannot.
        """
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        self.socket.send(json.dumps(message))
        while True:
            said = json.loads(self.socket.recv())
            if said.get("method") == "log.entryAdded":
                if said["params"]["level"] in ("error", "warn"):
                    self.complaints.append(said["params"]["text"])
            elif said.get("id") == self.number:
                if said["type"] == "error":
                    raise RuntimeError(f"{method}: {said['message']}")
                return said["result"]

    def open(self, address: str) -> None:
        """Load a page, and forget what was complained of before."""
        self.complaints.clear()
        self.call(
            "browsingContext.navigate", context=self.tab, url=address, wait="complete"
        )

    def size(self, width: int, height: int) -> None:
        viewport = {"width": width, "height": height}
        self.call("browsingContext.setViewport", context=self.tab, viewport=viewport)

    def evaluate(self, expression: str) -> Any:
        """What an expression gives, waited for if it is a promise: JSON, or an element."""
        said = self.call(
            "script.evaluate",
            expression=expression,
            target={"context": self.tab},
            awaitPromise=True,
        )
        if said["type"] == "exception":
            raise RuntimeError(said["exceptionDetails"]["text"])
        result = said["result"]
        return result if result["type"] == "node" else result.get("value")

    def press(self, key: str) -> None:
        keys = [{"type": kind, "value": KEYS[key]} for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": keys})

    def click(self, expression: str) -> None:
        """Press the mouse on the element that an expression gives."""
        element = {"sharedId": self.evaluate(expression)["sharedId"]}
        origin = {"type": "element", "element": element}
        actions = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._act({"type": "pointer", "id": "mouse", "actions": actions})

    def _act(self, source: dict) -> None:
        self.call("input.performActions", context=self.tab, actions=[source])


@contextmanager
def firefox():
    """A headless Firefox, ended afterwards.

    Raises:
        RuntimeError: there is none, or it does not start.
    """
    path = executable()
    if not path:
        raise RuntimeError("Firefox is needed: apt-get install firefox-esr")
    with tempfile.TemporaryDirectory() as profile:
        prefs = {  # nothing leaves this machine but what a page asks for
            "datareporting.policy.dataSubmissionEnabled": False,
            "toolkit.telemetry.enabled": False,
            "app.update.enabled": False,
            "network.captive-portal-service.enabled": False,
            "network.connectivity-service.enabled": False,
            "browser.safebrowsing.update.enabled": False,
            "extensions.getAddons.cache.enabled": False,
        }
        lines = [
            f"user_pref({json.dumps(n)}, {json.dumps(v)});" for n, v in prefs.items()
        ]
        Path(profile, "user.js").write_text("\n".join(lines))
        options = ("--headless", "--no-remote", "--profile", profile)
        process = subprocess.Popen(
            [path, *options, "--remote-debugging-port", "0", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            found = next(filter(None, map(LISTENS.search, process.stderr)), None)
            if not found:
                raise RuntimeError("Firefox did not start")
            yield Firefox(f"{found[1]}/session")
        finally:
            process.kill()
            process.wait()
