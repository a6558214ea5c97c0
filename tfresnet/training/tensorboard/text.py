"""The Text page: settings, versions, how to reproduce, what the network is made of."""

import json
import shlex

import keras
import numpy as np

from tfresnet.tables import markdown
from tfresnet.training.config import TrainConfig

# Where a run lies and what is kept of it, not what it computes.
NOT_REPRODUCED = ("output_dir", "name", "checkpoint_minutes", "histograms", "profile_steps")


def texts(config: TrainConfig, environment: dict, model: keras.Model) -> dict[str, str]:
    """Markdown by tag."""
    commit = environment.get("commit") or "unknown"
    return {
        "run/config": f"```json\n{json.dumps(config.to_dict(), indent=2)}\n```",
        "run/versions": _table(("what", "value"), environment.items()),
        "run/reproduce": f"commit {commit}\n\n```\n{command(config)}\n```",
        "run/parameters": parameter_table(model),
        "run/summary": f"```\n{_summary(model)}\n```",
    }


def command(config: TrainConfig) -> str:
    """The call of train.py that gives these settings: all that differ from the recipe's."""
    usual = TrainConfig(recipe=config.recipe, epochs=config.epochs).resolved().to_dict()
    default_epochs = TrainConfig(recipe=config.recipe).resolved().epochs
    usual |= {"recipe": TrainConfig().recipe, "epochs": default_epochs}
    words = ["python", "train.py", "--model", config.model]
    for name, value in config.to_dict().items():
        if value in (usual[name], None) or name in ("model", *NOT_REPRODUCED):
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", str(value)]
    return shlex.join(words)


def parameter_table(model: keras.Model) -> str:
    """A row for each layer with weights, with its share of all of them."""
    total = max(model.count_params(), 1)
    rows = [
        (
            layer.name,
            type(layer).__name__,
            " x ".join(str(size) for size in layer.output.shape[1:]),
            f"{layer.count_params():,}",
            f"{layer.count_params() / total:.2%}",
        )
        for layer in model.layers
        if layer.weights
    ]
    rows.append(("all", "", "", f"{total:,}", "100 %"))
    return _table(("layer", "class", "output", "parameters", "share"), rows)


def confusion_table(counts: np.ndarray, names) -> str:
    """A confusion matrix with a row for each true class and its top-1 accuracy."""
    totals = np.maximum(counts.sum(axis=1), 1)
    rows = [
        (name, *row, f"{100 * row[index] / total:.1f}")
        for index, (name, row, total) in enumerate(zip(names, counts, totals, strict=True))
    ]
    return _table(("true \\ predicted", *names, "top-1 %"), rows)


def _summary(model):
    lines = []
    model.summary(print_fn=lines.append, line_length=80)
    return "\n".join(lines)


def _table(header, rows):
    return markdown(header, [[str(cell) for cell in row] for row in rows])
