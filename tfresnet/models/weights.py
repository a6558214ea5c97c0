"""Weights from a run, a file or a shipped name, given to a network by the names of its layers."""

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

_SHOWN = 5  # mismatches of a kind in a message
logger = logging.getLogger("tfresnet")


@dataclass(frozen=True, eq=False)
class Weights:
    """Arrays by the paths of variables here, and what their source says about the rest.

    preprocessing: what the network takes pixels with; None: the source does not say.
    stride_in_3x3: where bottlenecks have their stride; None: there are none, or it is not known.
    """

    source: str
    arrays: dict[str, np.ndarray]
    preprocessing: Preprocessing | None = None
    stride_in_3x3: bool | None = None

    @property
    def num_classes(self) -> int | None:
        """Of the classifier; None without one."""
        kernels = [a for name, a in self.arrays.items() if _is_head(name) and a.ndim > 1]
        return kernels[0].shape[-1] if kernels else None

    def fill(self, model: keras.Model) -> keras.Model:
        """Puts the arrays into the variables of the same path; returns `model`.

        A classifier for other classes, by number or by name, or one that the source lacks, keeps
        its own weights, which is logged. So do auxiliary classifiers that the source lacks.

        Raises:
            InputError: other names or shapes, or the stride of bottlenecks elsewhere; the model is
                as it was.
        """
        variables, needed = _by_path(model), _by_path(without_auxiliary(model))
        others = self._names_other_classes(model)
        with_head = self._head_fits(needed) and not others
        arrays = {n: a for n, a in self.arrays.items() if with_head or not _is_head(n)}
        needed_now = {n: v for n, v in needed.items() if with_head or not _is_head(n)}
        common = {n: v for n, v in variables.items() if n in arrays}
        self._check(
            model,
            missing=[name for name in needed_now if name not in arrays],
            unknown=[name for name in arrays if name not in variables],
            other=[
                f"{name} is {arrays[name].shape} and must be {tuple(variable.shape)}"
                for name, variable in common.items()
                if arrays[name].shape != tuple(variable.shape)
            ],
        )
        for name, variable in common.items():
            variable.assign(arrays[name])
        if len(needed_now) < len(needed):
            classes = next(v.shape[-1] for n, v in needed.items() if _is_head(n))
            logger.warning(
                "the classifier of %d classes begins anew: %s has %s",
                *(classes, self.source, "others" if others else self.num_classes or "none"),
            )
        return model

    def _head_fits(self, needed):
        """False where one side has no classifier, or the two differ in the number of classes."""
        ours = {name: tuple(v.shape) for name, v in needed.items() if _is_head(name)}
        theirs = {name: array.shape for name, array in self.arrays.items() if _is_head(name)}
        ours_in, theirs_in = ({n: s[:-1] for n, s in one.items()} for one in (ours, theirs))
        return bool(ours and theirs) and (ours == theirs or ours_in != theirs_in)

    def _names_other_classes(self, model):
        both = self.preprocessing, preprocessing_of(model)
        ours, theirs = (one.class_names if one else () for one in both)
        return bool(ours and theirs) and ours != theirs

    def _check(self, model, **mismatches):
        parts = []
        for word, names in mismatches.items():
            if names:
                more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
                parts.append(f"{word}: {', '.join(names[:_SHOWN])}{more}")
        theirs, ours = self.stride_in_3x3, stride_in_3x3(model)
        if theirs is not None and ours is not None and theirs != ours:
            parts.append(
                f"stride of bottlenecks in the {'3x3' if theirs else 'first 1x1'}, so the network "
                f"must have stride_in_3x3={theirs}"
            )
        if parts:
            raise InputError(
                f"weights must be those of {model.name} ({'; '.join(parts)}). "
                f"Received: {self.source}"
            )


def read_weights(source: str | Path, network: str | None = None) -> Weights:
    """Weights from a run's folder, a file, or the name of a network that is shipped.

    Args:
        source: a finished run; a file that `tfresnet.weights` reads, or `.keras`; or a name as
            `tfresnet.pretrained.find` takes it.
        network: the name of the network that they are for.

    Raises:
        InputError: nothing of the kind is there, or it cannot be read.
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
    return Weights(str(source), arrays, preprocessing_of(model), stride)


def find_source(source: str | Path, network: str | None = None) -> Path:
    """The folder or file that `source` names.

    Raises:
        InputError: there is none.
    """
    path = Path(source).expanduser()
    found = path if path.exists() else pretrained.find(str(source), network)
    if found is None:
        raise InputError(
            f"a run or model file must exist, or be {pretrained.rule()}. Received: {source}"
        )
    return found


def load_weights(model: keras.Model, source: str | Path | None) -> keras.Model:
    """`model` with the weights of `source` (None: with its own); see `read_weights`, `fill`."""
    return model if source is None else read_weights(source, model.name).fill(model)


def stride_in_3x3(model: keras.Model) -> bool | None:
    """Where the bottlenecks of a model have their stride; None: it has none."""
    units = [layer for layer in model.layers if getattr(layer, "bottleneck", False)]
    return getattr(units[0], "stride_in_3x3", None) if units else None


def _by_path(model):
    """Variables by path, without the states of random layers."""
    return {v.path: v for v in model.variables if not v.path.endswith("seed_generator_state")}


def _is_head(path):
    return path.split("/")[0] == "predictions"
