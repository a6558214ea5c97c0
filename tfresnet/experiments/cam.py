"""Class activation maps: does global average pooling show where the object is?"""

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.experiments.engine.judging import combine
from tfresnet.experiments.engine.runs import Runs
from tfresnet.runs.record import RunRecord

ORDER = 11
ANY_RUNS = True
CLAIM = (
    "With global average pooling before the classes, the maps of a class show where in the image "
    "the object is."
)
SOURCE = "deck B; Lin et al., 2013, section 3.2; Zhou et al., 2015 (arXiv:1512.04150)"
EXPECTED = (
    "the true class loses more probability where the quarter of the image that its own map marks "
    "most is greyed out than where the centre is, or the quarter that another image's map marks"
)
RUNS = {
    "nin": {"model": "nin", "train_size": 10_000, "epochs": 5, "lr": 0.02},
    "resnet20": {"model": "resnet20"},
    "resnet56": {"model": "resnet56"},
}
IMAGES, SHOWN = 500, 12
HIDDEN = 0.25  # of the pixels


def examine(run: RunRecord) -> dict:
    """How much probability the true class loses when a quarter of the image is grey: for each
    choice of the quarter the mean over IMAGES images, and how much more the own map's costs, with
    two standard errors; and how exactly the maps add up to the logits."""
    model, split = run.model, run.held_out(IMAGES)
    images = split.images.astype(np.float32)
    maps, offsets = class_maps(model, images)
    logits = model.predict(images, verbose=0)
    whole = _probability(logits, split.labels)
    own = _resize(maps, split.labels, images.shape[1:3])
    marks = {"own": own, "least": -own, "other": np.roll(own, 1, axis=0), "centre": _centre(own)}
    lost = {
        name: whole
        - _probability(model.predict(_hide_quarter(images, one), verbose=0), split.labels)
        for name, one in marks.items()
    }
    more = {name: lost["own"] - lost[name] for name in ("centre", "other")}
    return {
        "largest_gap": float(np.abs(maps.mean(axis=(1, 2)) + offsets - logits).max()),
        "lost": {name: float(values.mean()) for name, values in lost.items()},
        "own_costs_more_than": {
            name: [float(values.mean()), float(2 * values.std() / len(values) ** 0.5)]
            for name, values in more.items()
        },
    }


def class_maps(model: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maps `(n, height, width, classes)` and offsets `(classes,)`: the mean of a map over the
    image plus the offset of its class is the logit.

    Raises:
        InputError: the model does not end in a global mean and one layer to the classes.
    """
    before, last = model.layers[-2:]
    if isinstance(last, keras.layers.Dense) and before.name == "avg_pool":
        maps = keras.Model(model.input, before.input)(images)
        return tf.cast(maps, tf.float32).numpy() @ np.asarray(last.kernel), np.asarray(last.bias)
    if last.name == "avg_pool" and before.name == "predictions":  # Network in Network
        maps, offset = keras.Model(model.input, before.output)(images), np.asarray(before.conv.bias)
        return tf.cast(maps, tf.float32).numpy() - offset, offset
    raise InputError(
        "class activation maps need a global mean right before the classes. "
        f"Received: {model.name}, which ends in {before.name}, {last.name}"
    )


def _resize(maps, labels, size):
    """The map of each image's label in the size of the image, `(n, height, width)`."""
    own = np.take_along_axis(maps, labels[:, None, None, None], axis=-1)
    return tf.image.resize(own, size, method="bilinear").numpy()[..., 0]


def _centre(marks):
    """Marks of a square in the middle, in the shape of `marks`."""
    row, column = (np.abs(np.arange(side) - (side - 1) / 2) / side for side in marks.shape[1:])
    return np.broadcast_to(-np.maximum(row[:, None], column), marks.shape)


def _hide_quarter(images, marks):
    """Gives the pixels with the highest marks the mean colour of their image."""
    order = marks.reshape(len(marks), -1).argsort(axis=1).argsort(axis=1).reshape(marks.shape)
    hidden = order >= (1 - HIDDEN) * order[0].size
    mean = images.mean(axis=(1, 2), keepdims=True)
    return np.where(hidden[..., None], mean, images)


def _probability(logits, labels):
    return tf.nn.softmax(logits).numpy()[np.arange(len(labels)), labels]


def verdict(measured: dict) -> tuple[str, str]:
    answers, why = [], []
    for name, seeds in measured["networks"].items():
        for found in seeds.values():
            more = found["own_costs_more_than"]
            answers += [None if abs(m) <= bar else m > 0 for m, bar in more.values()]
            lost = {key: f"{100 * value:.1f}" for key, value in found["lost"].items()}
            bars = (f"{100 * m:.1f} ± {100 * bar:.1f}" for m, bar in more.values())
            why.append(
                f"{name}: the true class loses {lost['own']} points of probability without the "
                f"quarter that its map marks most, {lost['centre']} without the centre, "
                f"{lost['other']} without the quarter that another image's map marks, "
                f"{lost['least']} without the quarter marked least; more than the centre and the "
                f"other map: {' and '.join(bars)}"
            )
    return combine(answers), "; ".join(why)


def figures(measured: dict, runs: Runs) -> dict[str, Figure]:
    return {
        f"{name}.png": _contact_sheet(name, next(iter(same.values())))
        for name, same in runs.items()
    }


def _contact_sheet(name, run):
    """Draws images above the same images with the map of the predicted class over them."""
    split = run.held_out(SHOWN)
    images = split.images.astype(np.float32)
    predicted = run.model.predict(images, verbose=0).argmax(axis=1)
    marks = _resize(class_maps(run.model, images)[0], predicted, images.shape[1:3])
    figure = Figure(figsize=(12, 5.2), dpi=120, layout="constrained")
    figure.suptitle(f"{name}: where the evidence for the predicted class is (light: most)")
    axes = figure.subplots(4, SHOWN // 2)
    names = models.preprocessing_of(run.model).class_names
    for index in range(SHOWN):
        row, column = divmod(index, SHOWN // 2)
        above, below = axes[2 * row : 2 * row + 2, column]
        above.imshow(split.images[index])
        above.set_title(names[split.labels[index]], fontsize=8)
        below.imshow(split.images[index].mean(axis=-1), cmap="gray")
        below.imshow(marks[index], cmap="cividis", alpha=0.6)
        below.set_title(f"as {names[predicted[index]]}", fontsize=8)
    for one in axes.flat:
        one.set_axis_off()
    return figure
