"""Residual networks on CIFAR-10 in TensorFlow and Keras 3.

Importing the package is light: the first use of a name loads TensorFlow. After `import keras` it
also makes the layers known to `keras.saving.load_model`.
"""

import importlib
import sys
from typing import TYPE_CHECKING

from tfresnet.errors import InputError

if TYPE_CHECKING:  # what editors and type checkers know; `_HOMES` says the same
    from tfresnet import complexity as complexity
    from tfresnet import data as data
    from tfresnet import evaluation as evaluation
    from tfresnet import layers as layers
    from tfresnet import models as models
    from tfresnet import training as training
    from tfresnet.data import load_dataset as load_dataset
    from tfresnet.evaluation.evaluate import evaluate as evaluate
    from tfresnet.models import create_model as create_model
    from tfresnet.models import list_models as list_models
    from tfresnet.models import load_model as load_model
    from tfresnet.predict.classifier import load as load
    from tfresnet.settings.config import TrainConfig as TrainConfig
    from tfresnet.training.loop import train as train

__version__ = "0.1.0"

_HOMES = {
    "create_model": "tfresnet.models",
    "list_models": "tfresnet.models",
    "load_model": "tfresnet.models",
    "load_dataset": "tfresnet.data",
    "TrainConfig": "tfresnet.settings.config",
    "train": "tfresnet.training.loop",
    "evaluate": "tfresnet.evaluation.evaluate",
    "load": "tfresnet.predict.classifier",
}
_MODULES = ("complexity", "data", "evaluation", "layers", "models", "training")

__all__ = ["InputError", "__version__", *_HOMES, *_MODULES]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module 'tfresnet' has no attribute {name!r}")
    from tfresnet.system.backend import require_tensorflow

    require_tensorflow()
    if "tensorflow" not in sys.modules:
        from tfresnet.system.commands import import_tensorflow

        import_tensorflow()
    if name in _MODULES:
        return importlib.import_module(f"tfresnet.{name}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
    return sorted(__all__)


# Keras has loaded TensorFlow by then, so this costs little.
if "keras" in sys.modules and sys.modules["keras"].config.backend() == "tensorflow":
    importlib.import_module("tfresnet.layers")
