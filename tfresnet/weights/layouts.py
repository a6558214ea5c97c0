"""Converts the names and axes of other libraries to those of our networks."""

import re

import numpy as np

TORCH_BN = {"weight": "gamma", "bias": "beta"}
TORCH_BN |= {"running_mean": "moving_mean", "running_var": "moving_variance"}
TORCH_AXES = {4: (2, 3, 1, 0), 2: (1, 0)}  # of a kernel, in our order
_TORCH_CHILDREN = {"downsample.0": "shortcut_conv", "downsample.1": "shortcut_bn"}  # torchvision
_TORCH_CHILDREN |= {"shortcut.0": "shortcut_conv", "shortcut.1": "shortcut_bn"}  # akamaster
_TORCH_ENDS = {"conv1": "conv1/conv", "bn1": "conv1/bn"}
_APPLICATIONS_ENDS = {"conv1_conv": "conv1/conv", "conv1_bn": "conv1/bn"}
# Of a module or submodel; `layer1.0.conv1.weight` is in no wrapper.
_WRAPPERS = r"((?!layer\d+\.)[^./]+[./])*"
_COUNTERS = ("n_averaged",)  # beside the arrays: of torch.optim.swa_utils


def as_ours(arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], str]:
    """(arrays by our names, their library: "torchvision", "torch", "keras.applications" or "").

    The names show the library, whatever wrappers put before them. Arrays of an unknown one stay as
    they are. "torch" are residual networks for CIFAR-10 in other words than torchvision's.

    Raises:
        ValueError: two names for one array, or shapes that do not belong together.
    """
    if (bare := _unwrapped(arrays, "conv1_conv/kernel")) is not None:
        return from_keras_applications(bare), "keras.applications"
    if (bare := _unwrapped(arrays, "conv1.weight")) is not None:
        in_torchvision = any(".downsample." in name or name == "fc.weight" for name in bare)
        return from_torch(bare), "torchvision" if in_torchvision else "torch"
    return arrays, ""


def _unwrapped(arrays, first):
    """The arrays without the names of the wrappers around the array `first`; None: it lacks.

    Arrays outside the wrapper, such as a classifier, keep their names.
    """
    ends = [name.removesuffix(first) for name in arrays if name.endswith(first)]
    prefixes = [end for end in ends if re.fullmatch(_WRAPPERS, end)]
    if not prefixes:
        return None
    prefix = min(prefixes, key=len)
    named = [(name.removeprefix(prefix), array) for name, array in arrays.items()]
    return _each_once((name, array) for name, array in named if name not in _COUNTERS)


def _each_once(pairs):
    found = {}
    for name, array in pairs:
        if name in found:
            raise ValueError(f"it holds two arrays for {name}")
        found[name] = array
    return found


def _lone_dense(arrays, separator):
    """The path of the only dense layer, which is the classifier, whatever its name; else None."""
    dense = [name.rpartition(separator)[0] for name, array in arrays.items() if array.ndim == 2]
    return dense[0] if len(dense) == 1 else None


def from_torch(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Converts a ResNet of torchvision, timm, chenyaofo or akamaster/pytorch_resnet_cifar10.

    Unknown names stay as they are.
    """
    classifier, ours = _lone_dense(arrays, "."), []
    for name, array in arrays.items():
        if name.endswith("num_batches_tracked"):
            continue
        module, _, kind = name.rpartition(".")
        layer = "predictions" if module == classifier else _torch_layer(module)
        normalises = layer.endswith(("bn", "bn1", "bn2", "bn3"))
        kind = TORCH_BN[kind] if normalises and kind in TORCH_BN else kind
        if kind == "weight":
            kind = "kernel"
            array = array.transpose(TORCH_AXES.get(array.ndim))
        ours.append((f"{layer}/{kind}" if layer else name, array))
    return _move_padding_to_end(_each_once(ours))


def _torch_layer(module):
    """Our path of a module; "" for an unknown one."""
    if place := re.fullmatch(r"layer(\d+)\.(\d+)\.(.+)", module):
        child = _TORCH_CHILDREN.get(place[3], place[3])
        return f"conv{int(place[1]) + 1}_block{int(place[2]) + 1}/{child}"
    return _TORCH_ENDS.get(module, "")


def _move_padding_to_end(arrays, back=False):
    """Reorders the channels of a network with option A.

    Its shortcut adds channels of zeros. akamaster puts half of them before the old channels and
    half behind, ours puts all behind. So every weight that reads or writes the sum of shortcut and
    branch is reordered. A network with projections stays as it is. `back` undoes it.
    """
    order = None
    place = np.argsort if back else np.asarray
    units = {name.split("/")[0] for name in arrays if name.endswith("/conv1/kernel")}
    for unit in sorted(units, key=lambda name: [int(n) for n in re.findall(r"\d+", name)]):
        first, second = f"{unit}/conv1/kernel", f"{unit}/conv2/kernel"
        if f"{unit}/shortcut_conv/kernel" in arrays or f"{unit}/conv3/kernel" in arrays:
            return arrays
        before, after = arrays[first].shape[2], arrays[second].shape[3]
        order = np.arange(before) if order is None else order
        arrays[first] = arrays[first][:, :, place(order)]
        if after > before:
            old = (after - before) // 2 + order
            order = np.concatenate([old, np.setdiff1d(np.arange(after), old)])
        arrays[second] = arrays[second][..., place(order)]
        for kind in ("gamma", "beta", "moving_mean", "moving_variance"):
            arrays[f"{unit}/bn2/{kind}"] = arrays[f"{unit}/bn2/{kind}"][place(order)]
    if order is not None and "predictions/kernel" in arrays:
        arrays["predictions/kernel"] = arrays["predictions/kernel"][place(order)]
    return arrays


def to_torch(arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], str]:
    """The inverse of `from_torch`: (arrays by the names of a library, the library).

    Networks of four stages are torchvision's, those of three akamaster's.

    Raises:
        ValueError: an array that the library has no name for.
    """
    is_large = any(name.startswith("conv5_") for name in arrays)
    shortcut, classifier = ("downsample", "fc") if is_large else ("shortcut", "linear")
    children = {name: own for own, name in _TORCH_CHILDREN.items() if own.startswith(shortcut)}
    ends = {name: own for own, name in _TORCH_ENDS.items()} | {"predictions": classifier}
    kinds = {name: own for own, name in TORCH_BN.items()} | {"kernel": "weight", "bias": "bias"}
    theirs = {}
    for name, array in _move_padding_to_end(dict(arrays), back=True).items():
        layer, _, kind = name.rpartition("/")
        module = ends.get(layer)
        if place := re.fullmatch(r"conv(\d+)_block(\d+)/(.+)", layer):
            child = children.get(place[3], place[3])
            module = f"layer{int(place[1]) - 1}.{int(place[2]) - 1}.{child}"
        if module is None or kind not in kinds:
            raise ValueError(f"no ResNet of PyTorch has {name}")
        axes = TORCH_AXES.get(array.ndim, range(array.ndim))
        theirs[f"{module}.{kinds[kind]}"] = array.transpose(np.argsort(axes))
    return theirs, "torchvision" if is_large else "akamaster"


def from_keras_applications(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Converts `keras.applications.ResNet50`, 101 or 152, or a network that ends otherwise.

    Its convolutions have a bias before batch normalisation, which we subtract from the mean.
    """
    classifier, ours = _lone_dense(arrays, "/"), []
    for name, array in arrays.items():
        layer, _, kind = name.rpartition("/")
        if kind == "bias" and layer.endswith("_conv"):
            continue
        if kind == "moving_mean":
            bias = arrays[f"{layer.removesuffix('bn')}conv/bias"]
            if bias.shape != array.shape:
                raise ValueError(f"{name} must have the shape of its convolution's bias")
            array = array - bias
        layer = "predictions" if layer == classifier else _applications_layer(layer)
        ours.append((f"{layer}/{kind}", array))
    return _each_once(ours)


def _applications_layer(layer):
    if place := re.fullmatch(r"(conv\d_block\d+)_(\d)_(conv|bn)", layer):
        unit, number, kind = place.groups()
        return f"{unit}/shortcut_{kind}" if number == "0" else f"{unit}/{kind}{number}"
    return _APPLICATIONS_ENDS.get(layer, layer)
