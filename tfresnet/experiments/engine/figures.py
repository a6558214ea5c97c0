"""Charts for print and for the colour-blind: every line has a marker and a dash of its own."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Okabe and Ito's colours, dark to light, which all kinds of eyes tell apart; grey print does not.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":")


def chart(*titles: str, x: str, y: str) -> tuple[Figure, list[Axes]]:
    """A figure with charts side by side on the same scale, under these titles."""
    figure = Figure(figsize=(1.2 + 4.4 * len(titles), 4), dpi=120, layout="constrained")
    axes = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for one, title in zip(axes, titles, strict=True):
        one.set(title=title, xlabel=x)
        one.grid(alpha=0.3)
        one.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylabel(y)
    return figure, [*axes]


def style(number: int) -> dict:
    """Colour, marker and dash of the line of that number."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number % len(DASHES)],
        "markersize": 5,
        "linewidth": 1.5,
    }


def lines(axes: Axes, curves: dict[str, Sequence[float]], first: int = 1) -> None:
    """A line a label, over `first`, `first + 1` ..."""
    for number, (label, values) in enumerate(curves.items()):
        axes.plot(np.arange(first, first + len(values)), values, label=label, **style(number))
    axes.legend()


def bars(axes: Axes, values: dict[str, float], errors: Sequence[float] | None = None) -> None:
    """A bar a label with its number on it."""
    places = range(len(values))
    shown = axes.bar(places, [*values.values()], yerr=errors, capsize=4, color="#56B4E9")
    axes.bar_label(shown, fmt="%.4g", padding=3)
    axes.set_xticks(places, [*values], rotation=20)
    axes.margins(y=0.15)
