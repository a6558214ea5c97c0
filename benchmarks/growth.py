"""How the time and memory of a training step of ResNet-20 grow with depth, width, batch and side.

Each point is one process, measured once. Where a step does as many operations as it has layers,
images or pixels, points lie on a line of slope 1 (width: 2, since kernels grow on both sides).
"""

import dataclasses
import math
from pathlib import Path

from benchmarks.contest import Worker, assignment
from benchmarks.contestants import Assignment

DEPTHS = (8, 20, 56, 110, 1202)
WIDTHS = (1, 2, 4, 8)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SIDES = (16, 24, 32, 48, 64, 96, 128)
# Powers by which time and memory should grow at most.
_POWERS = {"depth": (1, 1), "width": (2, 1), "images": (1, 1), "side": (2, 2)}


@dataclasses.dataclass(frozen=True)
class Point:
    axis: str
    value: int
    seconds: float
    bytes: int


def plan(precision: str) -> dict[str, list[tuple[int, Assignment]]]:
    """axis -> (value, what to measure)"""

    def resnet20(batch_size, **changes):
        whole = assignment("ours", "training", "resnet20", batch_size, precision)
        return dataclasses.replace(whole, **changes)

    def units(depth):
        return ((depth - 2) // 6,) * 3

    return {
        "depth, 8 images": [(n, resnet20(8, units=units(n))) for n in DEPTHS],
        "width, 32 images": [(k, resnet20(32, filters=(16 * k, 32 * k, 64 * k))) for k in WIDTHS],
        "images": [(n, resnet20(n)) for n in BATCHES],
        "side in pixels, 32 images": [(n, resnet20(32, side=n)) for n in SIDES],
    }


def measure(precision: str, seconds: float) -> list[Point]:
    points = []
    for axis, places in plan(precision).items():
        for value, what in places:
            with Worker(what) as worker:
                worker.turn(0)  # the second step; the first has traced
                worker.turn(seconds)
                step = what.batch_size / worker.speeds[-1]
                points.append(Point(axis, value, step, worker.memory))
            print(f"{axis}: {value} done", flush=True)
    return points


def table(points: list[Point]) -> list[list[str]]:
    """Rows: axis, value, ms, GiB, and how much each grows from the row before, as a power."""
    rows, before = [], None
    for point in points:
        row = [point.axis, str(point.value), f"{1000 * point.seconds:.1f}"]
        row.append(f"{point.bytes / 2**30:.2f}")
        if before and before.axis == point.axis:
            row += [_power(before, point, name) for name in ("seconds", "bytes")]
        rows.append(row + [""] * (6 - len(row)))
        before = point
    return rows


def _power(before, point, name):
    growth = math.log(getattr(point, name) / getattr(before, name))
    return f"{growth / math.log(point.value / before.value):.2f}"


def draw(points: list[Point], path: Path) -> None:
    import matplotlib.pyplot as plt

    axes = list(dict.fromkeys(point.axis for point in points))
    figure, panels = plt.subplots(2, len(axes), figsize=(4 * len(axes), 7), layout="constrained")
    for column, axis in zip(panels.T, axes, strict=True):
        chosen = [point for point in points if point.axis == axis]
        values = [point.value for point in chosen]
        times = [1000 * point.seconds for point in chosen]
        memory = [point.bytes / 2**30 for point in chosen]
        powers = _POWERS[axis.split()[0].strip(",")]
        both = zip(column, (times, memory), ("ms a step", "GiB"), powers, strict=True)
        for panel, figures, unit, slope in both:
            panel.loglog(values, figures, "o-")
            line = [figures[-1] * (value / values[-1]) ** slope for value in values]
            panel.loglog(values, line, ":", color="grey", label=f"slope {slope}")
            panel.set_ylim(min(figures) / 1.5, max(figures) * 1.5)
            panel.set_ylabel(unit)
            panel.set_xticks(values, map(str, values))
            panel.minorticks_off()
            panel.legend()
        column[1].set_xlabel(axis)
    figure.savefig(path, dpi=100)
    plt.close(figure)
