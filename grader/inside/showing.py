"""What a cell shows, as far as it is kept: what it prints, values, pictures."""

import io

from IPython.core.displayhook import CapturingDisplayHook
from IPython.core.displaypub import DisplayPublisher

MAX_TEXT = 20_000  # characters of one output
SENT = 50  # outputs of one cell that a room sends
MAX_PICTURES = 3_000_000  # characters of the pictures of one cell, in base64
FORMATS = ("text/plain", "image/png")  # HTML could hold scripts


class Stream(io.TextIOBase):
    """Keeps the beginning of what is printed."""

    def __init__(self, name: str, outputs: list):
        self.name, self.outputs, self.left = name, outputs, MAX_TEXT

    def write(self, text: str) -> int:
        part = str(text)[: self.left]
        if part:
            self.left -= len(part)
            last = self.outputs[-1] if self.outputs else {}
            if last.get("stream") == self.name:
                last["text"] += part
            else:
                self.outputs.append({"stream": self.name, "text": part})
            if not self.left:
                self.outputs[-1]["text"] += "\n… (more was printed; it is not kept)\n"
        return len(text)

    def isatty(self) -> bool:
        return False


def _add(outputs: list, kind: str, data: dict) -> None:
    if len(outputs) < SENT:
        kept = {k: str(data[k])[:MAX_TEXT] for k in FORMATS[:1] if k in data}
        picture = data.get("image/png")
        before = sum(
            len(o["data"].get("image/png", "")) for o in outputs if "data" in o
        )
        if isinstance(picture, str) and before + len(picture) <= MAX_PICTURES:
            kept["image/png"] = picture
        outputs.append({"shown": kind, "data": kept})


class Publisher(DisplayPublisher):
    def __init__(self, outputs: list):
        super().__init__()
        self.outputs = outputs

    def publish(  # type: ignore[override] # by name, as IPython calls it
        self, data, metadata=None, **_
    ):
        _add(self.outputs, "display_data", data)

    def clear_output(self, wait=False):
        self.outputs.clear()


class Hook(CapturingDisplayHook):
    is_active = False

    def __init__(self, shell, outputs: list):
        super().__init__(shell, [])
        self.kept = outputs

    def __call__(self, result=None):
        if result is not None:
            data, _ = self.shell.display_formatter.format(result, include=FORMATS)
            _add(self.kept, "execute_result", data)
