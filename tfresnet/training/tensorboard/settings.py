"""The Text and HParams pages: settings, versions, the command, the network's layers.

HParams shows the scalars in the folder of the settings as results. That folder is `test/`, which
only has final numbers.
"""

import json

import keras
import tensorflow as tf
from tensorboard.plugins.hparams import summary_v2  # not `api`, which imports tf.keras

from tfresnet.settings.command_line import command
from tfresnet.settings.config import TrainConfig
from tfresnet.settings.fields import Role
from tfresnet.settings.values import as_text
from tfresnet.system.tables import markdown
from tfresnet.training.run import Run

IDENTIFYING = {"model", "dataset", "seed"}  # stand in every run's row


def texts(run: Run) -> dict[str, str]:
    """Markdown texts by tag."""
    environment = run.folder.read_config()["environment"]
    commit, summary = environment.get("commit") or "unknown", []
    run.learner.model.summary(print_fn=summary.append, line_length=80)
    versions = [[name, str(value)] for name, value in environment.items()]
    return {
        "run/config": f"```json\n{json.dumps(run.config.to_dict(), indent=2)}\n```",
        "run/versions": markdown(["what", "value"], versions),
        "run/reproduce": f"commit {commit}\n\n```\n{command(run.config)}\n```",
        "run/parameters": parameter_table(run.learner.model),
        "run/summary": "\n".join(["```", *summary, "```"]),
    }


def parameter_table(model: keras.Model) -> str:
    """A row for each layer with weights: its number of parameters and its share."""
    total = max(model.count_params(), 1)
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    rows = [[name, f"{n:,}", f"{n / total:.2%}"] for name, n in (counts | {"all": total}).items()]
    return markdown(["layer", "parameters", "share"], rows)


def write_hparams(run: Run) -> None:
    """Writes the settings with the current writer; the page then shows the run as running. Settings
    that nobody has changed are left out: their columns would hide those of the results."""
    defaults, shown = TrainConfig(), {"parameters": run.learner.model.count_params()}
    for name, value in run.config.select(Role.WHAT).items():
        if name in IDENTIFYING or value != getattr(defaults, name):
            shown[name] = value if isinstance(value, bool | int | float) else as_text(value)
    summary = summary_v2.hparams_pb(shown, trial_id=run.folder.path.resolve().name)
    tf.summary.experimental.write_raw_pb(summary.SerializeToString())
