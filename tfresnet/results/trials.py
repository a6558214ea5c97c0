"""A table of trials: a line for each run, with its settings and its accuracy on held-out images."""

import csv
from pathlib import Path

from tfresnet.data.dataset import VAL_SHARE
from tfresnet.errors import InputError
from tfresnet.results.facts import IMAGES_A_CLASS
from tfresnet.runs.record import RunRecord
from tfresnet.settings.config import TrainConfig
from tfresnet.settings.recipes import RECIPES
from tfresnet.settings.values import as_text

# Columns of their own; and the recipe, which is what its settings are.
BESIDE = {"model", "dataset", "val_size", "train_size", "seed", "epochs", "max_steps", "recipe"}


def append(table: Path, folders: list[Path], note: str = "") -> list[str]:
    """Writes a line for each run into the CSV file, which exists; returns the names of the runs.

    The settings are those that differ from the recipe `fast` of most networks (64 images a step,
    SGD at 0.1), so that a line says all when a recipe changes.

    Raises:
        InputError: a run that held no images out, or a file of other columns.
    """
    with table.open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file), [])
    lines = [_line(RunRecord(path)) | {"note": note} for path in folders]
    if lines and (other := [name for name in lines[0] if name not in columns]):
        raise InputError(
            f"a table of trials must have columns {', '.join(other)}. Received: {table}"
        )
    with table.open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, columns, lineterminator="\n").writerows(lines)
    return [path.name for path in folders]


def _line(run: RunRecord) -> dict[str, object]:
    config, history = run.config, run.history
    if not history or "val_top1" not in history[-1]:
        raise InputError(f"a trial must have held images out (--val-size). Received: {run.path}")
    usual = vars(TrainConfig()) | RECIPES["fast"] | {"warmup_epochs": 0.2 * (config.epochs or 0)}
    settings = {
        name: value
        for name, value in config.identity.items()
        if name not in BESIDE and value != usual[name]
    }
    return {
        "date": run.environment["started"][:10],
        "network": config.model,
        "images": config.train_size or _images(config),
        "seed": config.seed,
        "epochs": config.epochs,
        "done": len(history),
        "settings": "; ".join(f"{name} {as_text(value)}" for name, value in settings.items()),
        "train_top1": f"{100 * history[-1]['top1']:.2f}",
        "val_top1": f"{100 * history[-1]['val_top1']:.2f}",
    }


def _images(config):
    images = IMAGES_A_CLASS * len(config.classes or range(10))
    return images - (round(VAL_SHARE * images) if config.val_size is None else config.val_size)
