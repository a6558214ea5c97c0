"""Evaluates a run, a model file or weights on the images of a split: the work of evaluate.py."""

from pathlib import Path

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.evaluation.evaluator import Evaluator
from tfresnet.runs.source import Source
from tfresnet.settings.config import PRECISIONS

SPLITS = ("test", "val", "train")


def evaluate(
    source: str | Path,
    *,
    model: object = None,
    mean: str | None = None,
    std: str | None = None,
    pixels: str | None = None,
    stem: str | None = None,
    shortcut: str | None = None,
    dataset: str | None = None,
    data_dir: str | Path | None = None,
    classes: str | None = None,
    skip_broken: bool = False,
    coarse_labels: bool = False,
    image_size: int | None = None,
    split: str | None = None,
    tta: bool = False,
    precision: str = "auto",
    trust_code: bool = False,
) -> dict:
    """Evaluates a run, a model file, a shipped model or weights on all images of a split.

    Args:
        source: run folder, `.keras` file or shipped name; with `model` any file of weights. Of an
            unfinished run the newest checkpoint is evaluated, and the result has `unfinished`.
        model: name of the network that gets the weights of `source`; or the code that defines its
            layers: `FILE.py:NAME`, a class or a function.
        mean, std, pixels, stem, shortcut: see `Source`.
        dataset, data_dir, classes, skip_broken, coarse_labels: see `TrainConfig`; default: the
            run's.
        image_size: side of the pictures of a folder, with `model`; None: the network's own.
        split: "test", or "val" and "train" as the run split them (for a file: as the default
            settings would). Default: "test", but "val" for an unfinished run.
        tta: average the probabilities of each image and its mirror image.
        precision: dtype policy; "auto": the model's.
        trust_code: run the code of its own network that a run folder holds.

    Returns:
        `model`, `dataset`, `split`, `tta` (if it was used), `precision`, `images_per_second` and
        the metrics of `Evaluation`.

    Raises:
        InputError: no such run, file, data set, split or precision; a model of other shapes, or
            one that answers with NaN or infinity.
    """
    _check_choice("split", split, (None, *SPLITS))
    _check_choice("precision", precision, PRECISIONS)
    options = {"stem": stem, "shortcut": shortcut}
    run = Source(source, model, mean, std, pixels, trust_code, **options)
    options = {"classes": classes, "skip_broken": skip_broken, "image_size": image_size}
    options["coarse_labels"] = coarse_labels
    data = run.dataset(dataset, data_dir, **options)
    network, unfinished = run.model(data)
    split = split or ("val" if unfinished else "test")
    images = run.images(data, split)
    _check_fit(network, data)
    evaluator = Evaluator(
        network,
        data.class_names,
        preprocessing=run.missing_preprocessing(network, data),
        dtype=None if precision == "auto" else precision,
    )
    evaluation = evaluator(images, tta=tta)
    if evaluation.not_finite:
        raise InputError(
            "a model must answer with finite numbers. Received: NaN or infinity in "
            f"{evaluation.not_finite} of {len(images)} answers, from {source}"
        )
    about = {"model": network.name, "dataset": data.name, "split": split}
    about |= {"unfinished": unfinished} if unfinished else {}
    about |= {"tta": True} if tta else {}
    about["precision"] = models.precision_of(network) if precision == "auto" else precision
    return about | evaluation.metrics | {"images_per_second": evaluation.images_per_second}


def _check_choice(name, value, choices):
    if value not in choices:
        known = ", ".join(choice for choice in choices if choice)
        raise InputError(f"{name} must be one of {known}. Received: {value!r}")


def _check_fit(model, data):
    expected = (None, data.num_classes)
    if tuple(model.output_shape) != expected:
        raise InputError(
            f"the model must tell the {data.num_classes} classes of {data.name} apart (output "
            f"{expected}). Received: output {model.output_shape}"
        )
    known = getattr(models.preprocessing_of(model), "class_names", ()) or data.class_names
    if tuple(known) != data.class_names:
        raise InputError(
            f"the model must know the classes of {data.name} ({', '.join(data.class_names)}). "
            f"Received: one of {', '.join(known)}"
        )
    wanted, got = (None, *data.image_shape), model.input_shape
    if len(got) != 4 or any(g not in (None, w) for g, w in zip(got, wanted, strict=True)):
        raise InputError(f"the model must take images of {data.name} {wanted}. Received: {got}")
