"""The pages of TensorBoard in a real browser, on the run kept for it in `docs/runs/`.

Screenshots go to the folder $TFRESNET_SCREENSHOTS, or else to the test's own.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import browser as browsers
from support.server import free_port, tensorboard

LOGS = Path(__file__).parents[3] / "docs" / "runs"
KEPT = "resnet20-cifar10"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(browsers.missing()), reason=f"needs {' and '.join(browsers.missing())}"
    ),
]


@dataclass
class Page:
    """One page: words that must stand on it, and a sign that its content was drawn."""

    name: str
    words: tuple[str, ...]
    drawn: Callable[[browsers.Browser], bool]


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
    Page("hparams", ("Trial ID", KEPT, "top1", "label_smoothing", "cifar10"), nothing_more),
    Page("pr_curves", ("airplane", "classes", f"{KEPT}/test"), lines(2)),
    Page(
        "projector",
        ("Points: 1000", "Dimension: 64", "penultimate features"),
        lambda b: b.count("canvas") > 0,
    ),
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


def test_text_tells_settings_and_command(server, browser, screenshots):
    browser.open(f"{server.url}/#text")
    browser.until(lambda b: "confusion_table" in b.text(), "groups of texts")
    if "run/config" not in browser.text():  # the last group is closed when there are many
        browser.click("button", "run")
    for word in ("run/config", "weight_decay"):
        browser.until(lambda b, word=word: word in b.text(), repr(word))
    browser.screenshot(screenshots / "text.png")


def test_graphs_show_the_step_and_the_units(server, browser, screenshots):
    browser.open(f"{server.url}/#graphs")
    for word in ("metrics", "gradient_tape", "sgd"):
        browser.until(lambda b, word=word: word in b.text(), f"{word} in the graph of the step")
    browser.screenshot(screenshots / "graphs.png")
    browser.click("paper-item", "keras")
    for word in ("conv2_block", "conv4_block", "avg_pool"):
        browser.until(lambda b, word=word: word in b.text(), f"{word} in the graph of the layers")
    browser.screenshot(screenshots / "layer_graph.png")
