"""A network in 8-bit integers as a TFLite file, and a card that says what they cost.

Source: Jacob et al., 2017, https://arxiv.org/abs/1712.05877.
"""

import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfresnet import models
from tfresnet.data import eval_batches
from tfresnet.data.dataset import Dataset, Split, balanced_order
from tfresnet.errors import InputError, RunError
from tfresnet.export.interpreter import TFLiteFile
from tfresnet.predict.classifier import Classifier
from tfresnet.system import tables
from tfresnet.system.commands import silence_stderr

SAMPLES = 500  # training images, which show the range of every activation
BATCH = 100


def export_integers(
    classifier: Classifier, data: Dataset, output: str | Path, whole: bool = False
) -> str:
    """Quantises weights and activations, and measures the float and the integer file on the test.

    Returns a line with both; the card `output` with the ending .md has the details.

    Args:
        output: the new file.
        whole: input and output are integers, too, not floats.

    Raises:
        InputError: a data set of other classes.
        RunError: the converter fails; nothing is kept.
    """
    if len(classifier.class_names) != data.num_classes:
        raise InputError(
            f"dataset must have the {len(classifier.class_names)} classes of the network. "
            f"Received: {data.name}, which has {data.num_classes}"
        )
    model, output = models.inference_copy(classifier.model, "float32"), Path(output)
    sample = data.train.take(np.sort(balanced_order(data.train.labels, 0)[:SAMPLES]))
    with tempfile.TemporaryDirectory() as folder:
        forms = {"float32": {}, "int8": _settings(sample, whole)}
        files = {name: Path(folder) / f"{name}.tflite" for name in forms}
        for name, settings in forms.items():
            _convert(model, files[name], settings)
        found = {name: (_megabytes(file), _top1(file, data.test)) for name, file in files.items()}
        card = _card(model.name, data, found, len(sample), TFLiteFile(files["int8"]))
        shutil.move(files["int8"], output)
    output.with_suffix(".md").write_text(card, encoding="utf-8")
    (size, top1), (small, less) = found.values()
    return (
        f"{output}: {model.name} in int8, {small:.2f} MB for {size:.2f} in float32; top-1 "
        f"{less:.2f} % for {top1:.2f} % of {len(data.test):,} test images"
    )


def _settings(sample, whole):
    """Attributes of TensorFlow's converter; without `supported_ops` it would keep some floats."""
    settings = {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "representative_dataset": lambda: (
            [tf.cast(image, tf.float32)] for image, _ in eval_batches(sample, batch_size=1)
        ),
        "target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
    }
    ends = ("inference_input_type", "inference_output_type")
    return settings | (dict.fromkeys(ends, tf.int8) if whole else {})


def _convert(model, file, settings):
    try:
        with silence_stderr():  # converters write past Python
            model.export(file, format="litert", verbose=False, **settings)
    except Exception as error:  # whatever an operation leads to
        reason = str(error).strip().partition("\n")[0][:300] or type(error).__name__
        raise RunError(f"TFLite's converter cannot convert {model.name} ({reason})") from error


def _top1(file, split: Split):
    """Percent of the images whose class the file finds."""
    answer, found = TFLiteFile(file), 0
    for pixels, labels in eval_batches(split, batch_size=BATCH):
        found += np.sum(answer(pixels.numpy()).argmax(1) == labels.numpy())
    return 100 * found / len(split)


def _card(name, data, found, samples, answer):
    rows = [[form, f"{size:.2f}", f"{top1:.2f}"] for form, (size, top1) in found.items()]
    titles = ("form", "MB", f"top-1 of the {len(data.test):,} test images (%)")
    (size, top1), (small, less) = found.values()
    words = ["python", "-m", "tfresnet.export", *sys.argv[1:]]
    return f"""# {name} in 8-bit integers

{tables.markdown(titles, rows)}

{small / size:.3f} of the size, {top1 - less:.2f} points lost, measured on {data.name} with the
interpreter of TensorFlow {tf.__version__}. Weights and activations are int8; {samples} training
images showed the range of the activations. Made by `{shlex.join(words)}`.

- Input: {answer.input}, pixels from 0 to 255, RGB.
- Output: {answer.output}, one number for each of: {", ".join(data.class_names)}.
"""


def _megabytes(file):
    return file.stat().st_size / 1e6
