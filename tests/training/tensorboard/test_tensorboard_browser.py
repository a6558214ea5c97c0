"""The pages of TensorBoard in a real browser, on the run kept for it in `logs/`.

Screenshots go to the folder $TFRESNET_SCREENSHOTS, or else to the test's own.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import browser as browsers
from server import free_port, tensorboard

LOGS = Path(__file__).parents[3] / "logs"
KEPT = "resnet20-tensorboard"

pytestmark = pytest.mark.skipif(
    bool(browsers.missing()), reason=f"needs {' and '.join(browsers.missing())}"
)


@dataclass
class Page:
    """One page: words that must stand on it, and a sign that its content was drawn."""

    name: str
    words: tuple[str, ...]
    drawn: Callable[[browsers.Browser], bool]
    options: str = ""


def lines(least: int):
    """At least so many curves with points."""
    return lambda browser: browser.count("path.line[d]:not([d=''])") >= least


def pictures(least: int):
    return lambda browser: browser.pictures() >= least


def nothing_more(browser):
    return True


PAGES = [
    Page("timeseries", ("activations", f"{KEPT}/validation", "Pinned"), pictures(1)),
    Page("scalars", ("error", "final", f"{KEPT}/train"), lines(2)),
    Page("custom_scalars", ("Does it learn?", "error in percent", "learning rate"), lines(4)),
    Page("images", ("activations", "augmentation", f"{KEPT}/validation"), pictures(2)),
    Page("graphs", ("Conceptual graph", "keras"), lambda b: b.count("g.node") > 20),
    Page("hparams", ("Trial ID", KEPT, "top1", "label_smoothing", "cifar10"), nothing_more),
    Page("pr_curves", ("airplane", "classes", f"{KEPT}/test"), lines(2)),
    Page(
        "projector",
        ("Points: 1000", "Dimension: 64", "penultimate features"),
        lambda b: b.count("canvas") > 0,
    ),
    Page("text", ("run/config", "python train.py --model resnet20", "weight_decay"), nothing_more),
]


@pytest.fixture(scope="module")
def server():
    with tensorboard(LOGS, f"{KEPT}/test") as server:
        yield server


@pytest.fixture(scope="module")
def browser():
    with browsers.open_browser(free_port()) as browser:
        yield browser


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory):
    folder = os.environ.get("TFRESNET_SCREENSHOTS")
    folder = Path(folder) if folder else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_shows_the_kept_run(page, server, browser, screenshots):
    browser.open(f"{server.url}/#{page.name}")
    for word in page.words:
        browser.until(lambda b, word=word: word in b.text(), repr(word))
    browser.until(page.drawn, "drawn content")
    assert "No dashboards are active" not in browser.text()
    picture = screenshots / f"{page.name}.png"
    browser.screenshot(picture)
    assert picture.stat().st_size > 20_000, "an almost empty page"


def test_layer_graph_shows_the_units(server, browser, screenshots):
    browser.open(f"{server.url}/#graphs")
    browser.until(lambda b: b.count("g.node") > 20, "the graph of the step")
    browser.click("paper-item", "keras")
    browser.until(lambda b: "conv4_block" in b.text() and "avg_pool" in b.text(), "the units")
    browser.screenshot(screenshots / "layer_graph.png")
