"""The HParams page: runs side by side, with their settings and what came of them.

TensorBoard takes for a run's results the scalars that lie beside its settings. They are in `test/`,
where there are only final numbers.
"""

import datetime

import keras

from tfresnet.runs.folder import RunFolder
from tfresnet.training.config import TrainConfig
from tfresnet.training.tensorboard.text import NOT_REPRODUCED
from tfresnet.training.tensorboard.writers import write_pb


def write_session_start(
    folder: RunFolder, config: TrainConfig, environment: dict, model: keras.Model
) -> None:
    """Writes the settings with the current writer; the page then shows the run as running."""
    # Not through its `api`, which wants tf.keras, and TF_USE_LEGACY_KERAS takes that away.
    from tensorboard.plugins.hparams import summary_v2

    hidden = (*NOT_REPRODUCED, "data_dir")
    values = {k: v for k, v in config.to_dict().items() if v is not None and k not in hidden}
    values["parameters"] = model.count_params()
    began = datetime.datetime.fromisoformat(environment["started"]).timestamp()
    name = folder.path.resolve().name
    write_pb(summary_v2.hparams_pb(values, trial_id=name, start_time_secs=began))


def write_session_end() -> None:
    """Marks the run as finished."""
    from tensorboard.plugins.hparams import api_pb2, summary

    write_pb(summary.session_end_pb(api_pb2.STATUS_SUCCESS))
