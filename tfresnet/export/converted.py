"""A network in the formats that Keras writes, with a check of the exported outputs."""

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfresnet import models
from tfresnet.errors import InputError, RunError
from tfresnet.export.interpreter import TFLiteFile
from tfresnet.predict.classifier import Classifier
from tfresnet.system.commands import silence_stderr

COMPARED = 100  # pictures
TOLERANCE = 1e-3  # of probabilities


def export(classifier: Classifier, form: str, output: str | Path) -> str:
    """Writes the network in another format and compares the outputs of both.

    The input is pixels from 0 to 255. Everything is float32, and batch normalisation is folded into
    the convolutions.

    Returns a line about the file and the agreement of the outputs.

    Args:
        form: "saved_model", "tflite" or "onnx".
        output: the new folder (saved_model) or file.

    Raises:
        InputError: a package is missing.
        RunError: the outputs differ; nothing is kept.
    """
    output = Path(output)
    keras_name, load = FORMATS[form]
    model, side = models.inference_copy(classifier.model, "float32"), classifier.image_size
    try:
        with silence_stderr():  # converters write past Python
            # Keras cannot write ONNX before a first call.
            model(np.zeros((1, side, side, 3), np.float32))
            model.export(output, format=keras_name, verbose=False)
            difference, agree = _compare(model, load(output), side)
    except ImportError as error:
        _remove(output)
        raise InputError(
            f"--format must be one whose packages are installed: {form} needs "
            f"{error.name or 'tf2onnx'} (pip install 'tfresnet[export]'). Received: {form}"
        ) from error
    if not difference < TOLERANCE:
        _remove(output)
        raise RunError(f"{form} outputs differ: probabilities by up to {difference:.2g}")
    return (
        f"{output}: {form} of {model.name}, {_megabytes(output):.1f} MB; on {COMPARED} pictures "
        f"the same class {agree} times, probabilities within {difference:.1e}"
    )


def _compare(model, predict, side):
    """Largest difference of probabilities, and number of equal classes, on pictures of noise."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (COMPARED, side, side, 3)).astype(np.float32)
    softmax = tf.identity if models.gives_probabilities(model) else tf.nn.softmax
    ours = softmax(model.predict(pictures, verbose=0)).numpy()
    theirs = softmax(np.concatenate([predict(picture[None]) for picture in pictures])).numpy()
    return np.abs(ours - theirs).max(), int((ours.argmax(1) == theirs.argmax(1)).sum())


def _saved_model(path: Path) -> Callable:
    served = tf.saved_model.load(str(path))
    return lambda pictures: served.serve(pictures).numpy()


def _onnx(path: Path) -> Callable:
    session = importlib.import_module("onnxruntime").InferenceSession(str(path))
    name = session.get_inputs()[0].name
    return lambda pictures: session.run(None, {name: pictures})[0]


# Our name -> Keras' name, and a function that loads the written file as a function of pictures.
FORMATS = {
    "saved_model": ("tf_saved_model", _saved_model),
    "tflite": ("litert", TFLiteFile),
    "onnx": ("onnx", _onnx),
}


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _megabytes(path):
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6
