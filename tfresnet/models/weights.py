"""Weights of a run, a file or a shipped network, assigned to a network by variable path."""

import logging
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from tfresnet import pretrained
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.models.files import load_model
from tfresnet.models.inference import without_auxiliary
from tfresnet.models.inspection import preprocessing_of
from tfresnet.weights import layouts, read_arrays

_SHOWN = 5  # mismatches of one kind in a message
logger = logging.getLogger("tfresnet")


@dataclass(frozen=True, eq=False)
class Weights:
    """Arrays by variable path, and what else their source tells.

    preprocessing: of the images; None: unknown.
    network: name of the network they were trained in; None: unknown.
    stride_in_3x3: where the bottlenecks have their stride; None: no bottlenecks, or unknown.
    """

    source: str
    arrays: dict[str, np.ndarray]
    preprocessing: Preprocessing | None = None
    stride_in_3x3: bool | None = None
    network: str | None = None

    @property
    def num_classes(self) -> int | None:
        """Of the classifier; None without one."""
        kernels = [array for array in _head(self.arrays).values() if array.ndim > 1]
        return kernels[0].shape[-1] if kernels else None

    def fill(self, model: keras.Model) -> keras.Model:
        """Assigns the arrays to the variables of the same paths and returns `model`.

        The classifier keeps its own weights, with a log message, if the source has none or one for
        other classes (by number or by name). So do auxiliary classifiers that the source lacks.

        Raises:
            InputError: different names, shapes or place of the bottlenecks' stride. `model` does
                not change.
        """
        variables, needed = _by_path(model), _by_path(without_auxiliary(model))
        source, own = self.preprocessing, preprocessing_of(model)
        both_named = bool(source and own and source.class_names and own.class_names)
        other_names = both_named and source.class_names != own.class_names
        arrays, fresh = self.arrays, {}
        if other_names or not self._head_fits(_head(needed)):
            arrays = {name: array for name, array in arrays.items() if not _is_head(name)}
            fresh = _head(needed)
        common = {name: v for name, v in variables.items() if name in arrays}
        self._check(
            model,
            missing=[name for name in needed if name not in arrays and name not in fresh],
            unknown=[name for name in arrays if name not in variables],
            other=[
                f"{name} is {arrays[name].shape} and must be {tuple(variable.shape)}"
                for name, variable in common.items()
                if arrays[name].shape != tuple(variable.shape)
            ],
        )
        for name, variable in common.items():
            variable.assign(arrays[name])
        if fresh:
            classes = next(iter(fresh.values())).shape[-1]
            theirs = "others" if other_names else self.num_classes or "none"
            message = "the classifier of %d classes begins anew: %s has %s"
            logger.warning(message, classes, self.source, theirs)
        return model

    def _head_fits(self, head):
        """False if one side has no classifier, or only the number of classes differs."""
        ours = {name: tuple(variable.shape) for name, variable in head.items()}
        theirs = {name: array.shape for name, array in _head(self.arrays).items()}
        ours_in, theirs_in = ({n: s[:-1] for n, s in one.items()} for one in (ours, theirs))
        return bool(ours and theirs) and (ours == theirs or ours_in != theirs_in)

    def _check(self, model, **mismatches):
        parts = []
        for word, names in mismatches.items():
            if names:
                more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
                parts.append(f"{word}: {', '.join(names[:_SHOWN])}{more}")
        theirs, ours = self.stride_in_3x3, stride_in_3x3(model)
        if None not in (theirs, ours) and theirs != ours:
            place = "3x3" if theirs else "first 1x1"
            rule = f"so the network must have stride_in_3x3={theirs}"
            parts.append(f"stride of bottlenecks in the {place}, {rule}")
        if parts and self.network not in (None, model.name):
            raise InputError(
                f"weights must be those of the network, {model.name}. Received: {self.source}, of "
                f"{self.network} (--model {self.network})"
            )
        if parts:
            rule = f"weights must be those of {model.name} ({'; '.join(parts)})"
            raise InputError(f"{rule}. Received: {self.source}")


def read_weights(source: str | Path, network: str | None = None) -> Weights:
    """Weights of a finished run, a file or a shipped network.

    Args:
        source: a run's folder; a `.keras` file or one that `tfresnet.weights` reads; or a name for
            `tfresnet.pretrained.find`.
        network: the name of the network that needs them.

    Raises:
        InputError: the source does not exist or cannot be read.
    """
    path = find_source(source, network)
    if path.is_dir():
        path = path / "model.keras"
        if not path.is_file():
            raise InputError(f"a run must be finished to give its weights. Received: {source}")
    if path.suffix != ".keras":
        arrays, stride = read_arrays(path)
        return Weights(str(source), arrays, stride_in_3x3=stride)
    model = load_model(path)
    arrays, stride = layouts.as_ours({n: np.asarray(v) for n, v in _by_path(model).items()})
    stride = stride_in_3x3(model) if stride is None else stride
    return Weights(str(source), arrays, preprocessing_of(model), stride, model.name)


def find_source(source: str | Path, network: str | None = None) -> Path:
    """The folder or file of a source; see `read_weights`.

    Raises:
        InputError: it does not exist.
    """
    path = Path(source).expanduser()
    found = path if path.exists() else pretrained.find(str(source), network)
    if found is None:
        rule = f"a run or model file must exist, or be {pretrained.rule()}"
        raise InputError(f"{rule}. Received: {source}")
    return found


def stride_in_3x3(model: keras.Model) -> bool | None:
    """Whether the bottlenecks have their stride in the 3x3; None: the model has no bottlenecks."""
    units = [layer for layer in model.layers if getattr(layer, "bottleneck", False)]
    return getattr(units[0], "stride_in_3x3", None) if units else None


def _by_path(model):
    """Variables by path, except the states of random generators."""
    return {v.path: v for v in model.variables if not v.path.endswith("seed_generator_state")}


def _head(by_path):
    """The part of a dictionary by path that belongs to the classifier."""
    return {path: value for path, value in by_path.items() if _is_head(path)}


def _is_head(path):
    return path.split("/")[0] == "predictions"
