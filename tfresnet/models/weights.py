"""Weights of a run, a file or a shipped network, assigned to a network by variable path."""

import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from tfresnet import pretrained
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.models.files import load_model
from tfresnet.models.inference import without_auxiliary
from tfresnet.models.inspection import preprocessing_of
from tfresnet.settings.pixels import pixel_statistics
from tfresnet.weights import layouts, read_arrays, read_facts

_SHOWN = 5  # mismatches of one kind in a message
_STEM = "conv1/conv/kernel"
_STEMS = {7: "imagenet", 3: "cifar"}  # by the side of that kernel
# Whether bottlenecks of a library have their stride in the 3x3.
_STRIDES = {"torchvision": True, "torch": True, "keras.applications": False}
logger = logging.getLogger("tfresnet")


@dataclass(frozen=True, eq=False)
class Weights:
    """Arrays by variable path, and what else their source tells.

    preprocessing: of the images; None: unknown.
    network: name of the network they were trained in; None: unknown.
    stride_in_3x3: where the bottlenecks have their stride; None: no bottlenecks, or unknown.
    library: see `layouts.as_ours`; "" is ours, or unknown.
    stem: that of the network; None: as the names show.
    """

    source: str
    arrays: dict[str, np.ndarray]
    preprocessing: Preprocessing | None = None
    stride_in_3x3: bool | None = None
    network: str | None = None
    library: str = ""
    stem: str | None = None

    @property
    def options(self) -> dict[str, object]:
        """Options of the network that the names show; for another library also the stem."""
        shown = {"stride_in_3x3": True} if self.stride_in_3x3 else {}
        places = [re.match(r"(conv\d+_block\d+)/(conv1|shortcut_conv)/", n) for n in self.arrays]
        units, projections = (
            {place[1] for place in places if place and place[2] == kind}
            for kind in ("conv1", "shortcut_conv")
        )
        if units:
            shown["shortcut"] = "C" if units == projections else "B" if projections else "A"
        if self.library and _STEM in self.arrays:
            shown["stem"] = self.stem or _STEMS.get(self.arrays[_STEM].shape[0], "auto")
        return shown

    @property
    def may_pool(self) -> bool:
        """Whether max pooling may follow a 3x3 stem, since no name shows it.

        Some networks with torchvision's names have it, as huyvnphan/PyTorch_CIFAR10. The thin ones
        of three stages have not.
        """
        if self.stem:
            return False
        has_four_stages = any(name.startswith("conv5_") for name in self.arrays)
        is_small = self.options.get("stem") == "cifar"
        return self.library == "torchvision" and is_small and has_four_stages

    def prepared_as(self, pixels: str | None) -> "Weights":
        """The weights for RGB images, with the preprocessing that `PIXELS` has by this name.

        None keeps what the source says. A ResNet of `keras.applications` with 1000 classes is the
        original, so its pixels are known: "caffe".

        Raises:
            InputError: an unknown name, or a source that has its own preprocessing.
        """
        is_original = self.library == "keras.applications" and self.num_classes == 1000
        if pixels is None and is_original:
            pixels = "caffe"
        if pixels is None:
            return self
        statistics = pixel_statistics(pixels)
        if self.preprocessing:
            raise InputError(
                f"pixels must not be given: {self.source} says how its pixels are prepared. "
                f"Received: {pixels!r}"
            )
        arrays = dict(self.arrays)
        if pixels == "caffe":
            if _STEM not in arrays:
                raise InputError(f"pixels=caffe needs {_STEM} to swap. Received: {self.source}")
            arrays[_STEM] = arrays[_STEM][:, :, ::-1]
        return replace(self, arrays=arrays, preprocessing=Preprocessing(*statistics))

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


def read_weights(
    source: str | Path,
    network: str | None = None,
    pixels: str | None = None,
    custom_objects: dict | None = None,
) -> Weights:
    """Weights of a finished run, a file or a shipped network.

    Args:
        source: a run's folder; a `.keras` file or one that `tfresnet.weights` reads; or a name for
            `tfresnet.pretrained.find`.
        network: the name of the network that needs them.
        pixels: see `Weights.prepared_as`.
        custom_objects: see `load_model`.

    Raises:
        InputError: the source does not exist or cannot be read, or `pixels` do not fit it.
    """
    return _read(source, network, custom_objects).prepared_as(pixels)


def _read(source, network, custom_objects):
    path = find_source(source, network)
    if path.is_dir():
        path = path / "model.keras"
        if not path.is_file():
            raise InputError(f"a run must be finished to give its weights. Received: {source}")
    if path.suffix != ".keras":
        arrays, library = read_arrays(path)
        try:
            found = Weights(str(source), arrays, library=library, **_stated(path))
        except (KeyError, TypeError) as error:
            raise InputError(f"metadata must be those of a network. Received: {path}") from error
    else:
        model = load_model(path, custom_objects)
        arrays, library = layouts.as_ours({n: np.asarray(v) for n, v in _by_path(model).items()})
        if library and any(isinstance(x, keras.layers.GlobalMaxPooling2D) for x in model.layers):
            raise InputError(f"the classifier must follow average pooling. Received: {source}")
        network = None if library else model.name
        own = preprocessing_of(model), stride_in_3x3(model), network
        found = Weights(str(source), arrays, *own, library)
    if library and any("/conv3/" in name for name in arrays):
        found = replace(found, stride_in_3x3=_STRIDES[library])
    return found


def _stated(path):
    """What a file that we exported says of its network."""
    facts = read_facts(path) if path.suffix == ".safetensors" else {}
    stated = {name: str(facts[name]) for name in ("network", "stem") if name in facts}
    if "mean" in facts:
        names = tuple(map(str, facts.get("class_names", ())))
        stated["preprocessing"] = Preprocessing(facts["mean"], facts["std"], names)
    return stated


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
