"""The HParams page: runs side by side, with their settings and what came of them.

TensorBoard takes for a run's results the scalars that lie beside its settings. They are in `test/`,
where there are only final numbers.
"""

import datetime

import keras

from tfresnet.training.config import TrainConfig
from tfresnet.training.run_folder import RunFolder
from tfresnet.training.tensorboard.event_files import write_pb
from tfresnet.training.tensorboard.text import hyperparameters


def write_session_start(
    folder: RunFolder, config: TrainConfig, environment: dict, model: keras.Model
) -> None:
    """Writes the settings with the current writer; the page then shows the run as running."""
    from tensorboard.plugins.hparams import api

    began = datetime.datetime.fromisoformat(environment["started"]).timestamp()
    values = hyperparameters(config, environment, model)
    name = folder.path.resolve().name
    write_pb(api.hparams_pb(values, trial_id=name, start_time_secs=began))


def write_session_end() -> None:
    """Marks the run as finished."""
    from tensorboard.plugins.hparams import api_pb2, summary

    write_pb(summary.session_end_pb(api_pb2.STATUS_SUCCESS))
