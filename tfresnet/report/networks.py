"""The section on the networks: their counts, and what there is to say of a user's own."""

from collections.abc import Iterator
from pathlib import Path

from tfresnet.check_unit.comparison import compare
from tfresnet.data import folder
from tfresnet.errors import InputError
from tfresnet.own.student import load
from tfresnet.param_count import reports
from tfresnet.report.blocks import code, heading
from tfresnet.report.material import Material
from tfresnet.runs.network import model_options
from tfresnet.runs.record import RunRecord
from tfresnet.settings.model_names import MODELS, own_code, short_name

SIZE = 32  # pixels of CIFAR-10 and shapes10
MOST_LINES = 16  # of what check_unit says
_COUNTED = {"layers": "layers", "parameters": "params", "trainable": "trainable_params"}
_COUNTED |= {"multiply-adds": "multiply_adds"}


def networks(material: Material, texts: dict) -> Iterator[str]:
    different = {}
    for run in material.runs:
        different.setdefault(_network(run), run)
    rows, own = [], []
    for (name, shape, _), run in different.items():
        if own_code(run.config.model):
            found = _count_own(run)
            own += _own(material, texts, run, found)
            known = {"trainable_params": run.environment.get("trainable")}
            rows.append(_counts(name, found.record() if found else known))
        else:
            found = reports.measure(run.config.model, *shape, **model_options(run.config))
            rows += [_counts(name, found.record()), *(_counts("", one) for one in found.stages())]
    titles = ("network", "input", "classes", "stage", *_COUNTED)
    yield texts["about"]
    yield material.table(titles, rows)
    yield from own


def _network(run):
    """Name, side of the images and number of classes, and code: what makes a network."""
    options = model_options(run.config).items()
    usual = folder.IMAGE_SIZE if run.config.dataset == "folder" else SIZE
    shape = run.config.image_size or usual, len(run.result["per_class"])
    return ", ".join([name_of(run), *(f"{key}={value}" for key, value in options)]), shape, run.code


def name_of(run: RunRecord) -> str:
    """The network's name, of one's own without the folder of its file."""
    return Path(run.config.model).name


def _count_own(run):
    """The counts of a user's own network; None without its model or leave to run its code."""
    try:
        return reports.measured(run.model)
    except InputError:
        if run.own and run.folder.model.exists():
            raise
        return None


def _own(material, texts, run, found):
    """A user's own network: its layers, and what check_unit says of its code."""
    name = short_name(run.config.model)
    yield heading(name, 3)
    layers = [row for row in found.complexity.by_layer if row.params] if found else []
    if layers:
        titles = ("layer", "kind", "output", "parameters")
        cells = ((row.path, row.kind, row.output_shape, row.params) for row in layers)
        yield material.table(titles, [[reports.cell("", cell) for cell in row] for row in cells])
    if not run.own:
        yield texts["not run"].format(run=run.name)
    elif run.own.file:
        said, lines = _compare(run.own.file, name)
        yield texts[said]
        if len(lines) > MOST_LINES:
            lines[MOST_LINES:] = [material.say(f"({len(lines) - MOST_LINES} more lines)")]
        yield code("\n".join(lines), "text")


def _compare(file, name):
    """What check_unit says: the name of its verdict, and its lines."""
    try:
        comparison = compare(load(file, name), name.lower() if name.lower() in MODELS else None)
    except InputError as error:  # it makes networks for small images alone, and without options
        return "not compared", [str(error)]
    return ("same" if comparison.same else "differs"), str(comparison).splitlines()


def _counts(name, record):
    """A row of the table of networks; `name` is empty for a stage."""
    keys = ("input_shape", "num_classes", "" if name else "name", *_COUNTED.values())
    return [name, *(reports.cell(key, record[key]) if key in record else "" for key in keys)]


def listings(material: Material, texts: dict) -> Iterator[str]:
    """The code of users' own networks, as the runs keep it."""
    for text in dict.fromkeys(run.code for run in material.runs if run.code):
        runs = [run for run in material.runs if run.code == text]
        yield texts["of"].format(runs=material.names(runs))
        yield code(text.strip("\n"), "python")
