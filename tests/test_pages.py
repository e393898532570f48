"""The published pages, as readers meet them: in a browser, from a server or a folder."""

import functools
import gzip
import http.server
import itertools
import json
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import nbformat
import pytest
import yaml
from filelock import FileLock
from sphinx_external_toc.parsing import parse_toc_yaml

from tests.support.browser import browser

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"
PAGES = list(parse_toc_yaml(ROOT / "_toc.yml"))
CHAPTERS = [page for page in PAGES if page.removeprefix("book/")[:2].isdigit()]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
BUDGET = 600_000  # bytes, compressed
TRAINED = 800_000  # of pages whose figures carry the networks that they trained
THEMES, WIDTHS = ("light", "dark"), (1280, 390)

each_page = pytest.mark.parametrize("page", [*PAGES, "search"])
each_source = pytest.mark.parametrize("page", PAGES)
each_chapter = pytest.mark.parametrize("page", CHAPTERS)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The folder of the built book, built now unless it is up to date."""
    with FileLock(tmp_path_factory.getbasetemp().parent / "book.lock"):
        build = subprocess.run(
            [sys.executable, ROOT / "book" / "build.py"],
            capture_output=True,
            text=True,
        )
    assert build.returncode == 0, build.stdout[-4000:] + build.stderr[-8000:]
    return SITE


@pytest.fixture(scope="session")
def address(site):
    """Where a server on this machine offers the book."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *values):
            pass

    handler = functools.partial(Handler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def chromium():
    with browser() as chromium:
        yield chromium


@dataclass
class Visit:
    """What one visit to a page saw."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    weight: int = 0
    facts: dict = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    sideways: dict[int, int] = field(default_factory=dict)


FACTS = """() => {
  const article = document.querySelector("article") ?? document.body;
  const text = article.cloneNode(true);
  text.querySelectorAll("pre, code, .katex, script").forEach((e) => e.remove());
  return {
    text: text.textContent,
    formulas: article.querySelectorAll(".math, .math-block").length,
    rendered: article.querySelectorAll(":is(.math, .math-block) .katex-html").length,
    displayed: article.querySelectorAll(".katex-display").length,
    katexFont: document.fonts.check("16px KaTeX_Main"),
    pictures: [...document.querySelectorAll("main img")].map((image) => ({
      alt: image.getAttribute("alt"), src: image.getAttribute("src"),
      width: image.naturalWidth })),
    launch: [...document.querySelectorAll(".launch a")].map((a) => a.href),
  };
}"""
# Everything that opens is opened, so that it is seen and checked too.
SHOW_ALL = """async () => {
  document.querySelectorAll("main details").forEach((d) => (d.open = true));
  for (let y = 0; y < document.body.scrollHeight; y += innerHeight) {
    scrollTo(0, y);
    await new Promise((done) => setTimeout(done, 30));
  }
  scrollTo(0, 0);
}"""


# After a resize: laid out anew, with all that glides to its place.
SETTLE = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  await frame();
  const gliding = document.getAnimations().filter((a) => a instanceof CSSTransition);
  await Promise.allSettled(gliding.map((transition) => transition.finished));
  await frame();
  await frame();
}"""
# axe looks at every element, and a chapter has 20,000, nearly all of them in code and
# formulas: one of each kind of coloured word and twenty inline formulas tell as much.
THIN_OUT = """() => {
  const seen = new Set();
  for (const word of document.querySelectorAll("pre span")) {
    const kind = Boolean(word.closest(".cell_output")) + word.className;
    if (seen.has(kind)) word.replaceWith(word.textContent);
    seen.add(kind);
  }
  const inline = [...document.querySelectorAll(".math > .katex")];
  inline.slice(20).forEach((formula) => formula.replaceWith("formula"));
}"""


def listen(tab, visit: Visit) -> None:
    """Write down what a tab asks for and complains about."""

    def response(answer):
        if answer.ok and answer.url.startswith("http"):
            body = answer.body()
            packed = answer.url.endswith((".woff2", ".webp", ".png"))
            visit.weight += len(body) if packed else len(gzip.compress(body))

    tab.on("request", lambda request: visit.requests.append(request.url))
    tab.on("response", response)
    tab.on("requestfailed", lambda r: visit.complaints.append(f"failed: {r.url}"))
    tab.on("pageerror", lambda error: visit.complaints.append(str(error)))
    tab.on(
        "console",
        lambda message: (
            message.type in ("error", "warning")
            and visit.complaints.append(message.text)
        ),
    )


def violations(tab, theme: str, width: int) -> list[str]:
    """What axe finds in a tab, which has it."""
    found = tab.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{theme}, {width} px: {violation['id']}: {node['html']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def axe_source() -> str:
    return (ROOT / "book/node_modules/axe-core/axe.min.js").read_text("utf8")


@pytest.fixture(scope="session")
def visit(address, chromium):
    """Visit a page: in both themes, at both widths; each page once in a session."""
    axe = axe_source()

    @functools.cache
    def visit(page: str) -> Visit:
        seen = Visit()
        context = chromium.new_context(color_scheme="light")
        tab = context.new_page()
        listen(tab, seen)
        tab.goto(f"{address}{page}.html", wait_until="load")
        tab.evaluate(SHOW_ALL)
        tab.wait_for_load_state("networkidle")
        seen.facts = tab.evaluate(FACTS)
        for width in WIDTHS:
            tab.set_viewport_size({"width": width, "height": 844})
            tab.evaluate(SETTLE)
            seen.sideways[width] = tab.evaluate(
                "document.documentElement.scrollWidth - innerWidth"
            )
        tab.evaluate(THIN_OUT)
        tab.evaluate(axe)
        for theme, width in itertools.product(THEMES, WIDTHS):
            tab.emulate_media(color_scheme=theme)
            tab.set_viewport_size({"width": width, "height": 844})
            tab.wait_for_function(
                f"document.documentElement.dataset.theme == '{theme}'"
            )
            tab.evaluate(SETTLE)
            seen.violations += violations(tab, theme, width)
        context.close()
        return seen

    return visit


@each_page
def test_nothing_fails_and_nothing_leaves_the_site(visit, address, page):
    seen = visit(page)
    assert seen.complaints == []
    elsewhere = [
        u for u in seen.requests if not u.startswith((address, "blob:", "data:"))
    ]
    assert elsewhere == []
    assert len(seen.requests) > 10  # the page's style and scripts were asked for


@each_page
def test_weight(visit, page):
    trained = page in ("book/13_convnets", "book/14_vae")
    assert 50_000 < visit(page).weight <= (TRAINED if trained else BUDGET)


@each_page
def test_axe_finds_nothing_in_both_themes_at_both_widths(visit, page):
    assert visit(page).violations == []


@each_page
def test_no_page_scrolls_sideways(visit, page):
    assert all(excess <= 0 for excess in visit(page).sideways.values())


@each_source
def test_formulas_are_rendered(visit, page):
    facts = visit(page).facts
    source = markdown_of(page)
    assert facts["rendered"] == facts["formulas"]
    assert facts["displayed"] >= source.count("$$") // 2
    assert facts["formulas"] >= facts["displayed"]
    assert facts["katexFont"] or not facts["formulas"]
    raw = re.findall(r"\$[^$\n]+\$|\\begin\{|\\frac|\\tag", facts["text"])
    assert raw == []


def markdown_of(page: str) -> str:
    """The Markdown of a page without its code, in which a $ is no formula."""
    path = ROOT / f"{page}.ipynb"
    if path.exists():
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(c.source for c in cells if c.cell_type == "markdown")
    else:
        text = path.with_suffix(".md").read_text("utf8")
    return re.sub(r"```.*?```|`[^`\n]+`", "", text, flags=re.DOTALL)


@each_source
def test_pictures_load_and_have_a_text_of_their_own(visit, page):
    for picture in visit(page).facts["pictures"]:
        alt, name = picture["alt"] or "", Path(picture["src"]).name
        assert len(alt.split()) >= 3, picture
        assert name not in alt and "/" not in alt.split()[0], picture
        assert picture["width"] > 0, f"{name} did not load"


@each_chapter
def test_launch_buttons(visit, site, address, page):
    colab, binder, download = visit(page).facts["launch"]  # nobody's hub is set
    repository, branch = CONFIG["repository"]["url"], CONFIG["repository"]["branch"]
    *_, owner, name = repository.split("/")
    buttons = CONFIG["launch_buttons"]
    notebook = f"{page}.ipynb"
    assert (
        colab
        == f"{buttons['colab_url']}/github/{owner}/{name}/blob/{branch}/{notebook}"
    )
    assert binder == (
        f"{buttons['binderhub_url']}/v2/gh/{owner}/{name}/{branch}"
        f"?urlpath=lab/tree/{notebook}"
    )
    assert download.startswith(address)
    offered = json.loads((site / download.removeprefix(address)).read_text("utf8"))
    assert offered == json.loads((ROOT / notebook).read_text("utf8"))


@each_page
def test_from_a_folder(site, chromium, page):
    seen = Visit()
    context = chromium.new_context()
    tab = context.new_page()
    listen(tab, seen)
    tab.goto((site / f"{page}.html").as_uri(), wait_until="load")
    tab.evaluate(SHOW_ALL)
    tab.wait_for_load_state("networkidle")
    facts = tab.evaluate(FACTS)
    context.close()
    assert seen.complaints == []
    assert all(u.startswith(("file:", "blob:", "data:")) for u in seen.requests)
    assert facts["katexFont"] or not facts["formulas"]
    assert all(picture["width"] > 0 for picture in facts["pictures"])


@pytest.mark.parametrize("kind", ["server", "folder"])
def test_search_by_keyboard(site, address, chromium, kind):
    start = address if kind == "server" else site.as_uri() + "/"
    tab = chromium.new_page()
    tab.goto(f"{start}{PAGES[0]}.html", wait_until="load")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("notation")
    tab.keyboard.press("Enter")
    link = tab.locator("#search-results a", has_text="Notation").first
    link.wait_for(timeout=10_000)
    link.click()
    tab.wait_for_load_state("load")
    assert urlsplit(tab.url).path.endswith("book/notation.html")
    tab.close()


def test_first_tab_stop_skips_to_the_content(address, chromium):
    tab = chromium.new_page()
    tab.goto(f"{address}{PAGES[0]}.html", wait_until="load")
    tab.keyboard.press("Tab")
    focused = "document.activeElement.getAttribute('href')"
    assert tab.evaluate(focused) == "#main-content"
    tab.close()


def test_code_scrolls_by_keyboard_whatever_made_it_too_wide(address, chromium):
    """The text column narrows, and no resize of the window tells of it."""
    tab = chromium.new_page()
    tab.goto(f"{address}{(CHAPTERS or PAGES)[0]}.html", wait_until="load")
    tab.evaluate(SETTLE)
    reach = """(width) => new Promise((done) => {
      document.querySelector("article").style.maxWidth = width;
      const frame = requestAnimationFrame;
      frame(() => frame(() => {
        const code = [...document.querySelectorAll("article pre")];
        const wide = code.filter((box) => box.scrollWidth > box.clientWidth);
        const focusable = code.filter((box) => box.tabIndex == 0);
        done([wide.map((box) => box.id), focusable.map((box) => box.id)]);
      }));
    })"""
    few, focusable = tab.evaluate(reach, "none")
    assert focusable == few
    many, focusable = tab.evaluate(reach, "20rem")
    assert focusable == many and len(many) > len(few)
    tab.close()


def test_theme_can_be_chosen_and_is_kept(address, chromium):
    context = chromium.new_context(color_scheme="light")
    tab = context.new_page()
    tab.goto(f"{address}{PAGES[0]}.html", wait_until="load")
    background = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(background)
    tab.get_by_role("button", name="Color mode").press("Enter")
    dark = tab.evaluate(background)
    tab.goto(f"{address}{PAGES[-1]}.html", wait_until="load")
    assert light != dark == tab.evaluate(background)
    context.close()


def test_readable_without_javascript(address, chromium):
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{address}{(CHAPTERS or PAGES)[0]}.html", wait_until="load")
    assert tab.locator("article h1").is_visible()
    assert not tab.locator(".theme-switch-button").is_visible()
    assert not CHAPTERS or tab.locator(".launch a").count() == 3
    context.close()


class Links(HTMLParser):
    """Where a page leads (href, src), and the places in it that a link can name."""

    def __init__(self, path: Path):
        super().__init__()
        self.targets, self.places = [], {""}
        self.feed(path.read_text("utf8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.targets += [attributes[k] for k in ("href", "src") if attributes.get(k)]
        self.places.add(attributes.get("id") or "")


def test_links_and_anchors_lead_somewhere(site):
    pages = {
        path.as_uri(): Links(path)
        for path in site.rglob("*.html")
        if "_static" not in path.parts  # the theme's own templates
    }
    broken = []
    for address, page in pages.items():
        for target in page.targets:
            if urlsplit(target).scheme in ("http", "https", "mailto", "data"):
                continue
            url, place = urldefrag(urljoin(address, target))
            url = url.split("?")[0]
            exists = Path(unquote(urlsplit(url).path)).is_file()
            if not exists or (
                place and url in pages and place not in pages[url].places
            ):
                broken.append(f"{address}: {target}")
    assert broken == []
    assert len(pages) >= len(PAGES)


# -- instructors only
def test_no_solution_is_in_the_pages(site):
    from publish.leaks import Secrets, folder

    pages = folder(site)
    assert [name for name in pages if name.endswith(".whl")]
    assert Secrets.of(ROOT).found_in(pages) == []


def test_the_feedback_page(site, chromium, html):
    """What students get back: nothing is asked for, and axe finds nothing."""
    for theme, width in itertools.product(THEMES, WIDTHS):
        context = chromium.new_context(
            color_scheme=theme,
            viewport={"width": width, "height": 844},
            bypass_csp=True,
        )
        tab, seen = context.new_page(), Visit()
        listen(tab, seen)
        tab.set_content(html)
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        tab.evaluate(axe_source())
        assert violations(tab, theme, width) == []
        assert seen.requests == [] and seen.complaints == []
        context.close()


# -- for all
