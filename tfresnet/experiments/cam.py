"""Class activation maps: does global average pooling show where the object is?"""

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.experiments.engine.judging import combined
from tfresnet.runs.record import RunRecord

ORDER = 11
ANY_RUNS = True
CLAIM = (
    "With global average pooling before the classes, the maps of a class show where in the image "
    "the object is."
)
SOURCE = "deck B; Lin et al., 2013, section 3.2; Zhou et al., 2015 (arXiv:1512.04150)"
EXPECTED = (
    "the true class loses more probability where the quarter of the image that its map marks most "
    "is greyed out than where the quarter that it marks least is"
)
RUNS = {
    "nin": {"model": "nin", "train_size": 10_000, "epochs": 5, "lr": 0.02},
    "resnet56": {"model": "resnet56"},
}
IMAGES, SHOWN = 500, 12
COVERED = 0.25


def measure(runs: dict[str, RunRecord]) -> dict:
    return {}


def examine(runs: dict[str, RunRecord]) -> dict:
    """Mean loss of probability of the true class, with two standard errors, over the validation
    images; how far the mean of a map and its logit are apart, offset and all."""
    return {"images": IMAGES, "networks": {name: _covering(run) for name, run in runs.items()}}


def class_maps(model: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(maps `(n, height, width, classes)`, offsets `(classes,)`): the mean of a map over the
    image, and the offset of its class, are the logit.

    Raises:
        InputError: the model does not end in a global mean and one layer to the classes.
    """
    last = model.layers[-1]
    if isinstance(last, keras.layers.Dense) and model.layers[-2].name == "avg_pool":
        maps = keras.Model(model.input, model.layers[-2].input)(images)
        return tf.cast(maps, tf.float32).numpy() @ np.asarray(last.kernel), np.asarray(last.bias)
    convolution = model.layers[-2]
    if last.name == "avg_pool" and convolution.name == "predictions":  # Network in Network
        maps = keras.Model(model.input, convolution.output)(images)
        offset = np.asarray(convolution.conv.bias)
        return tf.cast(maps, tf.float32).numpy() - offset, offset
    raise InputError(
        "class activation maps need a global mean right before the classes. "
        f"Received: {model.name}, which ends in {model.layers[-2].name}, {last.name}"
    )


def _covering(run):
    model, split = run.model, run.held_out(IMAGES)
    images = split.images.astype(np.float32)
    maps, offsets = class_maps(model, images)
    logits = model.predict(images, verbose=0)
    own = _enlarged(maps, split.labels, images.shape[1:3])
    whole = _probability(logits, split.labels)
    found = {"largest_gap": float(np.abs(maps.mean(axis=(1, 2)) + offsets - logits).max())}
    for name, sign in (("marked_most", 1), ("marked_least", -1)):
        covered = _covered(images, sign * own)
        lost = whole - _probability(model.predict(covered, verbose=0), split.labels)
        found[name] = [float(lost.mean()), float(2 * lost.std() / len(lost) ** 0.5)]
    return found


def _enlarged(maps, labels, size):
    """The map of each image's label, `(n, height, width)`."""
    own = np.take_along_axis(maps, labels[:, None, None, None], axis=-1)
    return tf.image.resize(own, size, method="bilinear").numpy()[..., 0]


def _covered(images, marks):
    """Images whose most marked pixels have the mean colour of the image."""
    order = marks.reshape(len(marks), -1).argsort(axis=1).argsort(axis=1).reshape(marks.shape)
    hidden = order >= (1 - COVERED) * order[0].size
    mean = images.mean(axis=(1, 2), keepdims=True)
    return np.where(hidden[..., None], mean, images)


def _probability(logits, labels):
    return tf.nn.softmax(logits).numpy()[np.arange(len(labels)), labels]


def verdict(measured: dict) -> tuple[str, str]:
    answers, why = [], []
    for name, found in measured["networks"].items():
        (most, wide), (least, narrow) = found["marked_most"], found["marked_least"]
        difference, width = most - least, np.hypot(wide, narrow)
        answers.append(None if abs(difference) <= width else bool(difference > 0))
        why.append(
            f"{name}: the true class loses {100 * most:.1f} +- {100 * wide:.1f} points of "
            f"probability without the quarter marked most, {100 * least:.1f} +- "
            f"{100 * narrow:.1f} without the quarter marked least"
        )
    return combined(answers), "; ".join(why)


def figures(measured: dict, runs: dict[str, RunRecord]) -> dict[str, Figure]:
    return {f"{name}.png": _contact_sheet(name, run) for name, run in runs.items()}


def _contact_sheet(name, run):
    """Images, and the same under the maps of the class that the network took them for."""
    split = run.held_out(SHOWN)
    images = split.images.astype(np.float32)
    predicted = run.model.predict(images, verbose=0).argmax(axis=1)
    marks = _enlarged(class_maps(run.model, images)[0], predicted, images.shape[1:3])
    figure = Figure(figsize=(12, 5.2), dpi=120, layout="constrained")
    figure.suptitle(f"{name}: where the evidence for the predicted class is (light: most)")
    axes = figure.subplots(4, SHOWN // 2)
    names = models.preprocessing_of(run.model).class_names
    for index in range(SHOWN):
        row, column = 2 * (index // (SHOWN // 2)), index % (SHOWN // 2)
        axes[row, column].imshow(split.images[index])
        true = names[split.labels[index]]
        axes[row, column].set_title(true, fontsize=8)
        shown = axes[row + 1, column]
        shown.imshow(split.images[index].mean(axis=-1), cmap="gray")
        shown.imshow(marks[index], cmap="cividis", alpha=0.6)
        shown.set_title(f"as {names[predicted[index]]}", fontsize=8)
    for one in axes.flat:
        one.set_axis_off()
    return figure
