"""The report's own figures, and their compression."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from PIL import Image

from tfresnet.experiments.engine.figures import COLOURS, chart, lines
from tfresnet.runs.record import RunRecord

TOGETHER = len(COLOURS)  # runs in one chart
_COLOURS = 128  # in the palette of a picture


def curves(runs: Sequence[RunRecord]) -> bytes:
    """Training and validation error by epoch of up to `TOGETHER` runs."""
    splits = {"training": "top1", "validation": "val_top1"}
    if not any("val_top1" in run.history[0] for run in runs):
        del splits["validation"]
    names = [run.name.replace("$", r"\$") for run in runs]  # a dollar starts a formula
    figure, axes = chart(*splits, x="epoch", y="error (%)")
    for one, column in zip(axes, splits.values(), strict=True):
        # A run without validation has an empty line: every run keeps its colour.
        found = [run.curve(column) if column in run.history[0] else [] for run in runs]
        lines(one, dict(zip(names, found, strict=True)))
    for one in axes[1:]:
        one.set_xlim(axes[0].get_xlim())
        one.get_legend().remove()
    return _png(figure)


def confusion(result: dict) -> bytes:
    """The confusion matrix: predicted classes in percent of each true class (a row)."""
    names, counts = [*result["per_class"]], np.asarray(result["confusion"], float)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.2 + 0.42 * len(names)
    figure = Figure(figsize=(side, side), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 100))
    axes.set_xticks(range(len(names)), names, rotation=90, parse_math=False)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set(xlabel="taken for", ylabel="class")
    for (row, column), share in np.ndenumerate(shares.round(0)):
        if share >= 1:
            colour = "white" if share > 30 else "black"
            about = {"ha": "center", "va": "center", "fontsize": 8, "color": colour}
            axes.text(column, row, f"{share:.0f}", **about)
    return _png(figure)


def compress(png: bytes) -> bytes:
    """The picture with a palette, a third of the size: charts have few colours."""
    written, picture = io.BytesIO(), Image.open(io.BytesIO(png)).convert("RGB")
    picture = picture.quantize(_COLOURS, dither=Image.Dither.NONE)
    picture.save(written, "png", optimize=True)
    return min(png, written.getvalue(), key=len)


def _png(figure):
    written = io.BytesIO()
    figure.savefig(written, metadata={"Software": None})
    return compress(written.getvalue())
