"""The figures in Chromium: from a hand's movement to the picture that answers it.

Each slider of each figure is moved on, step by step, and the time is taken from the event
until the frame that follows has been drawn; the browser does not wait for the
screen's next refresh. Two presets are measured as well as the state at the start.

The playground trains as fast as it can and draws once a frame. Its rival is the same
figure in the way of TensorFlow's playground, which draws all heat maps anew after each
step: same network, points and resolution, in turns.
"""

import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from byhand import figures
from tests.support.browser import ARGUMENTS, executable
from tests.support.figures import settle, write

FREE = ["--disable-frame-rate-limit", "--disable-gpu-vsync"]
MOVE = """async (rounds) => {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => done(performance.now());
    port2.postMessage(0);
  }));
  const times = [];
  const sliders = [...document.querySelectorAll(".bh-figure input[type=range]")]
    .filter((slider) => slider.offsetParent);
  for (const slider of sliders) {
    let up = true;
    for (let round = 0; round < rounds; round++) {
      if (slider.value === slider.max) up = false;
      up ? slider.stepUp() : slider.stepDown();
      const start = performance.now();
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      const time = (await drawn()) - start;
      if (round > 1) times.push(time);
      await new Promise((done) => setTimeout(done, 5));
    }
  }
  return times;
}"""
TRAIN = """async (seconds) => {
  const slider = document.querySelector(".bh-figure input[type=range]");
  const play = [...document.querySelectorAll(".bh-figure button")]
    .find((button) => button.textContent === "Play");
  play.click();
  const [start, from] = [performance.now(), Number(slider.value)];
  while (performance.now() - start < 1000 * seconds && Number(slider.value) < 3000) {
    await new Promise(requestAnimationFrame);
  }
  const rate = (Number(slider.value) - from) / (performance.now() - start) * 1000;
  if (play.textContent === "Pause") play.click();
  return rate;
}"""
NETWORKS = {
    "2-4-1": {"width": 4},
    "2-4-4-1": {"width": 4, "depth": 2},
    "2-8-8-8-1": {"width": 8, "depth": 3},
}


def page(chromium: Browser, figure: figures.figure.Figure, folder: Path) -> Page:
    """Open a page that shows a figure."""
    tab = chromium.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(write(folder, figure))
    tab.locator(".widget[data-ready] .bh-figure").wait_for()
    settle(tab)
    return tab


def answers(chromium: Browser, name: str, folder: Path) -> list[float]:
    """Milliseconds from each movement to its picture, sorted."""
    tab = page(chromium, getattr(figures, name)(), folder)
    times = tab.evaluate(MOVE, 10)
    for place in (1, 2):
        tab.locator(".bh-presets button").nth(place).click()
        tab.wait_for_timeout(500)
        times += tab.evaluate(MOVE, 10)
    tab.close()
    return sorted(times)


def steps_a_second(chromium: Browser, network: dict, speed: int, folder: Path) -> float:
    """Training steps that the playground does in a second; speed as its trait."""
    figure = figures.Playground(**network, step=0, speed=speed)
    tab = page(chromium, figure, folder)
    rate = tab.evaluate(TRAIN, 2)
    tab.close()
    return rate


def main() -> None:
    """Print both tables."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chromium = playwright.chromium.launch(
            executable_path=executable(playwright), args=[*ARGUMENTS, *FREE]
        )
        print(f"{'ms from input to repaint':<34}  median     p95")
        for kind in figures.__all__:
            times = answers(chromium, kind, folder)
            late = times[int(0.95 * len(times))]
            print(f"{kind:<34}{statistics.median(times):8.1f}{late:8.1f}")
        print(f"\n{'training steps a second':<26}every step drawn    ours   faster")
        for label, network in NETWORKS.items():
            pairs = [
                [steps_a_second(chromium, network, speed, folder) for speed in (1, 0)]
                for _ in range(3)
            ]
            rival, ours = (statistics.median(p) for p in zip(*pairs, strict=True))
            print(f"{label:<26}{rival:16.0f}{ours:8.0f}{ours / rival:8.1f}×")
        chromium.close()


if __name__ == "__main__":
    main()
