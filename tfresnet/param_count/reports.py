"""Counts of networks as tables, JSON and CSV."""

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tfresnet.system.tables import csv_text, markdown, text_table

if TYPE_CHECKING:  # TensorFlow takes seconds to load, and --help has no use for it
    import keras

    from tfresnet.complexity import Complexity

_COMPARED = ("resnet18", "resnet50", "resnet101")
_SETTINGS = ((224, 1000), (32, 10))  # input size and classes of ImageNet and of CIFAR-10


@dataclass(frozen=True)
class Report:
    """The count of one network. `input_shape` is (height, width, channels)."""

    name: str
    input_shape: tuple[int, ...]
    num_classes: int
    complexity: "Complexity"

    def record(self) -> dict:
        """The totals of the network."""
        record = {key: value for key, value in vars(self).items() if key != "complexity"}
        for name in ("params", "trainable_params", "non_trainable_params", "multiply_adds"):
            record[name] = getattr(self.complexity, name)
        return record | {"layers": self.complexity.depth}

    def stages(self) -> list[dict]:
        return [asdict(stage) for stage in self.complexity.by_stage]

    def by_layer(self) -> list[dict]:
        return [asdict(layer) for layer in self.complexity.by_layer]


def measure(
    name: str, input_size: int | None = None, num_classes: int | None = None, **options
) -> Report:
    """Builds a network and counts it. None is the network's default; `options` go to
    `create_model`.

    Raises:
        InputError: an unknown name, or an input that the network cannot take.
    """
    from tfresnet.complexity import structure_only
    from tfresnet.models import create_model

    shape = None if input_size is None else (input_size, input_size, 3)
    with structure_only():
        model = create_model(name, num_classes=num_classes, input_shape=shape, **options)
        return measured(model)


def measured(model: "keras.Model") -> Report:
    """The report of a network that is there."""
    from tfresnet.complexity import count

    return Report(model.name, tuple(model.input_shape[1:]), model.output_shape[-1], count(model))


def measure_all(
    names: Sequence[str],
    input_size: int | None = None,
    num_classes: int | None = None,
    **options,
) -> list[Report]:
    """Counts networks by name; without names, those of the lecture, by default in both sizes.
    `options` go to `create_model`.

    Raises:
        InputError: see `measure`.
    """
    given = (input_size, num_classes)
    settings = [given] if names or any(given) else _SETTINGS
    names = names or _COMPARED
    return [measure(name, *setting, **options) for setting in settings for name in names]


def _as_text(table: Callable, reports: Sequence[Report], by_layer: bool) -> str:
    """Tables for people, with the stages of a single network."""
    groups = [[report.record() for report in reports]]
    groups += [report.stages() for report in reports if len(reports) == 1]
    groups += [report.by_layer() for report in reports if by_layer]
    parts = []
    for records in groups:
        titles = [key.replace("_", " ") for key in records[0]]
        rows = [[cell(key, value) for key, value in record.items()] for record in records]
        parts.append(table(titles, rows))
    return "\n\n".join(filter(None, [*parts, "\n".join(_notes(reports))]))


def _as_json(reports: Sequence[Report], by_layer: bool) -> str:
    """A list of one object per network, with `stages` and optionally `by_layer`."""
    records = [report.record() | {"stages": report.stages()} for report in reports]
    if by_layer:
        for record, report in zip(records, reports, strict=True):
            record["by_layer"] = report.by_layer()
    return json.dumps(records, indent=2)


def _as_csv(reports: Sequence[Report], by_layer: bool) -> str:
    """A header and one row per network, or per layer."""
    if by_layer:
        rows = [{"name": report.name} | row for report in reports for row in report.by_layer()]
    else:
        rows = [report.record() for report in reports]
    return csv_text([{key: _format_shape(value) for key, value in row.items()} for row in rows])


RENDERERS: dict[str, Callable[[Sequence[Report], bool], str]] = {
    "table": functools.partial(_as_text, text_table),
    "json": _as_json,
    "csv": _as_csv,
    "markdown": functools.partial(_as_text, markdown),
}


def _notes(reports: Sequence[Report]) -> Iterator[str]:
    """How many more parameters ResNet-101 has than ResNet-50: a question of the lecture."""
    models = {(r.name, r.input_shape, r.num_classes): r.complexity.params for r in reports}
    for (name, shape, classes), params in models.items():
        more = models.get(("resnet101", shape, classes))
        if name == "resnet50" and more is not None:
            yield (
                f"resnet101 has {more - params:,} more parameters than resnet50 "
                f"(+{(more - params) / params:.1%}) at {_format_shape(shape)}, {classes} classes."
            )


def cell(key: str, value) -> str:
    """A value for a table; multiply-adds in the paper's unit: 1.81 G, 40.55 M."""
    if value is None:
        return "-"
    if key == "multiply_adds" and value >= 10**6:
        return f"{value / 10**9:.2f} G" if value >= 10**9 else f"{value / 10**6:.2f} M"
    return f"{value:,}" if isinstance(value, int) else str(_format_shape(value))


def _format_shape(value):
    """A tuple as 224x224x3; any other value unchanged."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else value
