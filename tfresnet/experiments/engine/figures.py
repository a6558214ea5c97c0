"""Charts for print and for the colour-blind: every line has its own marker and dash pattern."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

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


def lines(
    axes: Axes,
    curves: dict[str, dict[object, Sequence[float]]],
    counted: bool = True,
    **look: object,
) -> None:
    """A line for the mean of each label's seeds over 1, 2, 3 ..., in the band of all its seeds.
    `counted` adds their number to the label; `look` replaces parts of the style."""
    for number, (label, seeds) in enumerate(curves.items()):
        values = np.array([*seeds.values()])
        places = np.arange(1, 1 + values.shape[1])
        shown = style(number) | look
        label += f", n = {len(values)}" if counted else ""
        axes.plot(places, values.mean(axis=0), label=label, **shown)
        band = {"color": shown["color"], "alpha": 0.2, "linewidth": 0}
        axes.fill_between(places, values.min(axis=0), values.max(axis=0), **band)
    axes.legend()


def error_by_depth(
    errors: Mapping[int, Sequence[float]], epochs: int, paper: Mapping[int, float]
) -> Figure:
    """Test errors in percent by number of layers: the mean of each, a mark for each run, and the
    paper's up to 110 layers."""
    figure, (axes,) = chart("error against depth", x="weighted layers", y="test error (%)")
    means = [np.mean(runs) for runs in errors.values()]
    axes.plot([*errors], means, label=f"here, {epochs} epochs", **style(0))
    shown = {depth: error for depth, error in paper.items() if depth <= 110}
    axes.plot([*shown], [*shown.values()], label="Table 6, 164 epochs", **style(1))
    for depth, runs in errors.items():
        axes.plot([depth] * len(runs), runs, "k_")
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure


def bar_chart(title: str, values: dict[str, dict[str, float]], x: str, y: str) -> Figure:
    """A bar for the mean of each label's seeds with its number above it, and a point for each
    seed where there are several."""
    figure, (axes,) = chart(title, x=x, y=y)
    draw_bars(axes, values)
    return figure


def draw_bars(axes: Axes, values: dict[str, dict[str, float]]) -> None:
    for place, one in enumerate(values.values()):
        seeds = [*one.values()]
        axes.bar(place, np.mean(seeds), color="#56B4E9")
        axes.plot([place] * len(seeds), seeds, "k_" if len(seeds) > 1 else "", markersize=9)
        above = {"xytext": (0, 5), "textcoords": "offset points", "ha": "center"}
        axes.annotate(f"{np.mean(seeds):.4g}", (place, max(seeds)), **above)
    names = [f"{label}\nn = {len(seeds)}" for label, seeds in values.items()]
    axes.set_xticks(range(len(values)), names, rotation=20)
    axes.margins(y=0.15)


def titles(figure: Figure) -> str:
    """The titles of a figure with left, top, right and bottom in pixels, as JSON: a report can put
    those of another language in their places."""
    figure.draw_without_rendering()
    top = figure.bbox.height
    texts = (*figure.texts, *(one.title for one in figure.axes))
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]
    return json.dumps([(text, b.x0, top - b.y1, b.x1, top - b.y0) for text, b in boxes])


def draw_test_errors(title: str, measured: dict, x: str) -> Figure:
    """A bar chart of the test errors that `judging.measure_test_errors` returned."""
    return bar_chart(title, measured["test_error"], x, "test error (%)")
