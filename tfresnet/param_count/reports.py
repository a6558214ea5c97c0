"""Networks that were counted, as tables, JSON and CSV."""

import functools
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tfresnet.tables import aligned, csv_text, markdown

if TYPE_CHECKING:  # TensorFlow takes seconds to load, and --help has no use for it
    from tfresnet.complexity import Complexity

_COMPARED = ("resnet18", "resnet50", "resnet101")
_SETTINGS = ((224, 1000), (32, 10))  # input size and classes of ImageNet and of CIFAR-10

_HEADER = (
    ("model", "name"),
    ("input", "input_shape"),
    ("classes", "num_classes"),
    ("layers", "layers"),
    ("params", "params"),
    ("trainable", "trainable_params"),
    ("non-trainable", "non_trainable_params"),
    ("multiply-adds", "multiply_adds"),
)
_STAGE_HEADER = (("stage", "name"), ("params", "params"), ("multiply-adds", "multiply_adds"))
_LAYER_HEADER = (
    ("layer", "path"),
    ("kind", "kind"),
    ("output", "output_shape"),
    ("params", "params"),
    ("trainable", "trainable_params"),
    ("multiply-adds", "multiply_adds"),
)


@dataclass(frozen=True)
class Report:
    """One network's count: `input_shape` is (height, width, channels)."""

    name: str
    input_shape: tuple[int, ...]
    num_classes: int
    complexity: "Complexity"

    def record(self) -> dict:
        """What is known of the network as a whole, by the names that JSON and CSV use."""
        return {
            "name": self.name,
            "input_shape": self.input_shape,
            "num_classes": self.num_classes,
            "params": self.complexity.params,
            "trainable_params": self.complexity.trainable_params,
            "non_trainable_params": self.complexity.non_trainable_params,
            "multiply_adds": self.complexity.multiply_adds,
            "layers": self.complexity.depth,
        }

    def stages(self) -> list[dict]:
        """One record a stage."""
        keys = ("name", "params", "multiply_adds")
        return [{key: getattr(stage, key) for key in keys} for stage in self.complexity.by_stage]

    def by_layer(self) -> list[dict]:
        """One record a layer."""
        return [asdict(layer) for layer in self.complexity.by_layer]


def measure(name: str, input_size: int | None = None, num_classes: int | None = None) -> Report:
    """Build a network and count it; what is None keeps the network's own default.

    Raises:
        InputError: an unknown name, or an input that the network cannot take.
    """
    from tfresnet.complexity import count, structure_only
    from tfresnet.models import create_model

    options = {}
    if input_size is not None:
        options["input_shape"] = (input_size, input_size, 3)
    if num_classes is not None:
        options["num_classes"] = num_classes
    with structure_only():
        model = create_model(name, **options)
        return Report(name, tuple(model.input_shape[1:]), model.output_shape[-1], count(model))


def measure_all(
    names: Sequence[str], input_size: int | None = None, num_classes: int | None = None
) -> list[Report]:
    """Counts networks by name; without any, those of the lecture, by default in both sizes.

    Raises:
        InputError: see `measure`.
    """
    given = (input_size, num_classes)
    settings = [given] if names or any(given) else _SETTINGS
    return [
        measure(name, *setting) for setting, name in itertools.product(settings, names or _COMPARED)
    ]


def _as_text(render_rows, reports: Sequence[Report], by_layer: bool) -> str:
    """Tables for people; the stages too if there is one network only."""
    parts = [render_rows(*_cells(_HEADER, [report.record() for report in reports]))]
    for report in reports:
        if len(reports) == 1:
            parts.append(render_rows(*_cells(_STAGE_HEADER, report.stages())))
        if by_layer:
            parts.append(render_rows(*_cells(_LAYER_HEADER, report.by_layer())))
    found = "\n".join(_notes(reports))
    return "\n\n".join([*parts, found] if found else parts)


def _as_json(reports: Sequence[Report], by_layer: bool) -> str:
    """A list of one object a network, with its `stages` and, if asked for, its `by_layer`."""
    records = []
    for report in reports:
        layers = {"by_layer": report.by_layer()} if by_layer else {}
        records.append(report.record() | {"stages": report.stages()} | layers)
    return json.dumps(records, indent=2)


def _as_csv(reports: Sequence[Report], by_layer: bool) -> str:
    """One row a network below a header; with `by_layer` one row a layer."""
    if by_layer:
        rows = [{"name": report.name} | row for report in reports for row in report.by_layer()]
    else:
        rows = [report.record() for report in reports]
    return csv_text([{key: _shape(value) for key, value in row.items()} for row in rows])


RENDERERS: dict[str, Callable[[Sequence[Report], bool], str]] = {
    "table": functools.partial(_as_text, aligned),
    "json": _as_json,
    "csv": _as_csv,
    "markdown": functools.partial(_as_text, markdown),
}


def _notes(reports: Sequence[Report]) -> Iterator[str]:
    """How many parameters ResNet-101 has more than ResNet-50, for each input both were given.

    It is a question of the lecture.
    """
    models = {(r.name, r.input_shape, r.num_classes): r.complexity.params for r in reports}
    for (name, shape, classes), params in models.items():
        more = models.get(("resnet101", shape, classes))
        if name == "resnet50" and more is not None:
            yield (
                f"resnet101 has {more - params:,} more parameters than resnet50 "
                f"(+{(more - params) / params:.1%}) at {_shape(shape)}, {classes} classes."
            )


def _cells(header, records: list[dict]) -> tuple[list[str], list[list[str]]]:
    """Titles and rows of a table, as text for people."""
    rows = [[_cell(key, record[key]) for _, key in header] for record in records]
    return [title for title, _ in header], rows


def _cell(key: str, value) -> str:
    if key == "multiply_adds":
        return _scaled(value)
    if isinstance(value, int):
        return f"{value:,}"
    return "-" if value is None else str(_shape(value))


def _scaled(value: int) -> str:
    """Multiply-adds in the paper's unit: 1.81 G, 40.55 M."""
    for factor, unit in ((10**9, "G"), (10**6, "M")):
        if value >= factor:
            return f"{value / factor:.2f} {unit}"
    return f"{value:,}"


def _shape(value):
    """A shape as 224x224x3; anything else as it is."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else value
