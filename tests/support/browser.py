"""A headless Chromium, driven over WebDriver's HTTP with the standard library."""

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # The projector draws with WebGL, here without a graphics card.
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--window-size=1400,900"),
)

# All text and all elements of a page, through shadow roots and frames of the same origin.
WALK = """
const found = [], text = [];
const walk = (root) => {
  for (const node of root.querySelectorAll('*')) {
    if (arguments[0] && node.matches(arguments[0])) found.push(node);
    if (node.shadowRoot) walk(node.shadowRoot);
    if (node.tagName === 'IFRAME' && node.contentDocument) walk(node.contentDocument);
    for (const child of node.childNodes)
      if (child.nodeType === 3 && !['STYLE', 'SCRIPT'].includes(node.tagName))
        text.push(child.textContent);
  }
};
walk(document);
"""


def missing() -> list[str]:
    """Programs that a browser test needs and this machine lacks."""
    return [name for name in ("chromium", "chromedriver") if not shutil.which(name)]


class Browser:
    """One page. `wait` is how long, in seconds, content may take to appear."""

    def __init__(self, driver: str, profile: str, wait: float):
        self._wait = wait
        args = [*FLAGS, f"--user-data-dir={profile}"]
        options = {"goog:chromeOptions": {"args": args, "binary": shutil.which("chromium")}}
        session = _call(f"{driver}/session", {"capabilities": {"alwaysMatch": options}})
        self._url = f"{driver}/session/{session['sessionId']}"

    def open(self, url: str) -> None:
        _call(f"{self._url}/url", {"url": "about:blank"})
        _call(f"{self._url}/url", {"url": url})

    def run(self, script: str, *arguments):
        """What a script returns; `WALK` may stand before it."""
        return _call(f"{self._url}/execute/sync", {"script": script, "args": list(arguments)})

    def text(self) -> str:
        return " ".join(self.run(WALK + "return text.join(' ')", None).split())

    def until(self, condition, what: str):
        """Waits until `condition(self)` is true.

        Raises:
            AssertionError: it did not become true; shows what the page says.
        """
        latest = time.monotonic() + self._wait
        while time.monotonic() < latest:
            if value := condition(self):
                return value
            time.sleep(0.25)
        raise AssertionError(f"no {what} on the page, which says: {self.text()}")

    def count(self, selector: str) -> int:
        return self.run(WALK + "return found.length", selector)

    def pictures(self) -> int:
        """How many images have been loaded, without icons."""
        return self.run(WALK + "return found.filter(e => e.naturalWidth > 99).length", "img")

    def click(self, selector: str, text: str = "") -> None:
        """Clicks the first element of a selector that holds `text`."""
        script = "const e = found.find(e => e.textContent.includes(arguments[1])); e && e.click(); "
        self.until(
            lambda b: b.run(WALK + script + "return !!e", selector, text), f"{selector} {text}"
        )

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(_call(f"{self._url}/screenshot")))

    def quit(self) -> None:
        _call(self._url, method="DELETE")


@contextlib.contextmanager
def open_browser(port: int, wait: float = 60):
    """A browser whose driver listens on `port` of 127.0.0.1."""
    driver = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromedriver", f"--port={port}", "--log-level=OFF"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(f"{driver}/status", process)
            browser = Browser(driver, profile, wait)
            try:
                yield browser
            finally:
                browser.quit()
        finally:
            end(process)


def end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for(url: str, process: subprocess.Popen, seconds: float = 180) -> None:
    """Until `url` answers; an error if `process` ends first."""
    latest = time.monotonic() + seconds
    while time.monotonic() < latest and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"no answer from {url}")


def _call(url, content=None, method=None):
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["value"]
