"""The report's own figures, the redrawn ones of studies, and their form as pictures."""

import contextlib
import io
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator
from PIL import Image, ImageDraw, ImageFont

from tfresnet.experiments.engine.figures import COLOURS, chart, error_by_depth, lines
from tfresnet.results.depths import TABLE_6
from tfresnet.runs.record import RunRecord

TOGETHER = len(COLOURS)  # lines in one chart
_MARGIN = 4  # pixels around a chart


def curves(groups: Mapping[str, Sequence[RunRecord]], say: Callable[[str], str]) -> Figure:
    """Training and validation error by epoch: for each label the mean of its runs, and their range.

    Runs without validation have no line in its chart; without any, there is no such chart. `say`
    translates the words.
    """
    splits = {"training": "top1", "validation": "val_top1"}
    if not any(has_validation(runs) for runs in groups.values()):
        del splits["validation"]
    figure, axes = chart(*map(say, splits), x=say("epoch"), y=say("error (%)"))
    for one, column in zip(axes, splits.values(), strict=True):
        found = {label: _errors(runs, column) for label, runs in groups.items()}
        by_run = {_legend(k, errors): dict(enumerate(errors)) for k, errors in found.items()}
        lines(one, by_run, counted=False, markersize=3)
    for one in axes[1:]:
        one.set_xlim(axes[0].get_xlim())
    return figure


def _legend(label, errors):
    """A dollar starts a formula, and a label without a line an underscore."""
    return label.replace("$", r"\$") if errors.size else f"_{label}"


def has_validation(runs: Sequence[RunRecord]) -> bool:
    return all("val_top1" in run.history[0] for run in runs)


def _errors(runs, column):
    """`(run, epoch)`: as many epochs as the shortest run has; none without the column."""
    if column == "val_top1" and not has_validation(runs):
        return np.empty((1, 0))
    shortest = min(len(run.history) for run in runs)
    return np.array([run.curve(column)[:shortest] for run in runs])


def depths(found: Mapping[int, Sequence[RunRecord]]) -> Figure:
    """Test error against depth beside the paper's: the mean of the runs, and a mark for each."""
    errors = {depth: [run.test_error for run in runs] for depth, runs in found.items()}
    epochs = len(next(iter(found.values()))[0].history)
    return error_by_depth(errors, epochs, TABLE_6)


def confusion(
    names: Sequence[str], counts: Sequence[Sequence[int]], say: Callable[[str], str]
) -> Figure:
    """The confusion matrix: predicted classes in percent of each true class (a row)."""
    counts = np.asarray(counts, float)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 1.6 + 0.38 * len(names)
    figure = Figure(figsize=(side, side), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 100))
    axes.set_xticks(range(len(names)), names, rotation=90, parse_math=False)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set(xlabel=say("taken for"), ylabel=say("class"))
    for (row, column), share in np.ndenumerate(shares.round(0)):
        if share >= 1:
            colour = "white" if share > 30 else "black"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour)
    return figure


def font(names: Sequence[str]) -> list[str]:
    """The first of the fonts that this machine has, as a list; empty without one."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    if names and known.isdisjoint(names):
        _add_new_fonts()
        known = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in names if name in known][:1]


def _add_new_fonts():
    """Matplotlib keeps a list of fonts, which lacks those that were installed after it."""
    listed = {font.fname for font in font_manager.fontManager.ttflist}
    for path in {*font_manager.findSystemFonts()} - listed:
        with contextlib.suppress(OSError, RuntimeError, ValueError, NotImplementedError):
            font_manager.fontManager.addfont(path)


def translate(figure: Figure, say: Callable[[str], str]) -> None:
    """Replaces every text of a figure."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_locator(), FixedLocator):
                axis.set_ticklabels([say(text.get_text()) for text in axis.get_ticklabels()])
    for text in figure.findobj(Text):
        text.set_text(say(text.get_text()))


def rewrite(png: bytes, say: Callable[[str], str], fonts: Sequence[str]) -> bytes:
    """A study's picture with other titles, if it holds them; see `figures.titles`."""
    picture = Image.open(io.BytesIO(png))
    known = [(text, say(text), box) for text, *box in json.loads(picture.info.get("titles", "[]"))]
    picture = picture.convert("RGB")
    pen = ImageDraw.Draw(picture)
    for text, said, (left, top, right, bottom) in known:
        if said != text:
            pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill="white")
            font = ImageFont.truetype(font_manager.findfont(fonts[0]), round(bottom - top))
            pen.text(((left + right) / 2, (top + bottom) / 2), said, "black", font, anchor="mm")
    return _png(picture)


def pictures(figure: Figure) -> list[bytes]:
    """A PNG of each chart of a figure, so that a narrow screen can stack them."""
    for axes in figure.axes[1:]:
        axes.tick_params(labelleft=True)
        axes.set_ylabel(figure.axes[0].get_ylabel())
    written = io.BytesIO()
    figure.savefig(written)
    whole = Image.open(written).convert("RGB")
    # A chart has few colours: with more than 64 it looks the same and is a quarter larger.
    return [_png(whole.crop(_box(axes, whole)), colors=64) for axes in figure.axes]


def _box(axes: Axes, whole):
    """Left, upper, right and lower edge of a chart with its words, in pixels of the figure."""
    box = axes.get_tightbbox().padded(_MARGIN)
    return round(box.x0), round(whole.height - box.y1), round(box.x1), round(whole.height - box.y0)


def _png(picture, colors=256):
    written = io.BytesIO()
    # With a palette it is a third of the size; k-means keeps the few bright pixels of a map.
    palette = picture.quantize(colors, kmeans=2, dither=Image.Dither.NONE)
    palette.save(written, "png", optimize=True)
    return written.getvalue()
