"""Charts for print and for the colour-blind: every line has its own marker and dash pattern."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfresnet.experiments.engine.judging import strip_bars

# The palette of Okabe and Ito for colour-blind readers, from dark to light.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":")


def chart(*titles: str, x: str, y: str) -> tuple[Figure, list[Axes]]:
    """A figure with one chart for each title, side by side on the same scale."""
    figure = Figure(figsize=(1.2 + 4.4 * len(titles), 4), dpi=120, layout="constrained")
    axes = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for one, title in zip(axes, titles, strict=True):
        one.set(title=title, xlabel=x)
        one.grid(alpha=0.3)
        one.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylabel(y)
    return figure, [*axes]


def style(number: int) -> dict:
    """Colour, marker and dash pattern of line `number`."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number % len(DASHES)],
        "markersize": 5,
        "linewidth": 1.5,
    }


def lines(axes: Axes, curves: dict[str, Sequence[float]], **look: object) -> None:
    """One line for each label, over 1, 2, 3 ...; `look` replaces parts of the style."""
    for number, (label, values) in enumerate(curves.items()):
        places = np.arange(1, 1 + len(values))
        axes.plot(places, values, label=label, **style(number) | look)
    axes.legend()


def bar_chart(
    title: str, values: dict[str, float], x: str, y: str, errors: Sequence[float] | None = None
) -> Figure:
    """One bar for each label with its number above it, and error bars if `errors` are given."""
    figure, (axes,) = chart(title, x=x, y=y)
    places = range(len(values))
    drawn = axes.bar(places, [*values.values()], yerr=errors, capsize=4, color="#56B4E9")
    axes.bar_label(drawn, fmt="%.4g", padding=3)
    axes.set_xticks(places, [*values], rotation=20)
    axes.margins(y=0.15)
    return figure


def draw_test_errors(title: str, measured: dict, x: str) -> Figure:
    """A bar chart of the test errors that `judging.measure_test_errors` returned."""
    widths = [width for _, width in measured["test_error_with_bar"].values()]
    return bar_chart(title, strip_bars(measured), x, "test error (%)", widths)
