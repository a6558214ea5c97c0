"""A TFLite file as a function of pictures, computed by TensorFlow's interpreter."""

import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf


class TFLiteFile:
    """Takes pictures as floats from 0 to 255 and returns floats, whatever the file's own types.

    input, output: what the file itself takes and returns, in words.
    """

    def __init__(self, path: Path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecated in favour of the ai-edge-litert package
            self._interpreter = tf.lite.Interpreter(model_path=str(path))
        self._interpreter.allocate_tensors()
        self._first, self._last = self._ends()
        self.input, self.output = _in_words(self._first), _in_words(self._last)

    def _ends(self):
        return self._interpreter.get_input_details()[0], self._interpreter.get_output_details()[0]

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        interpreter, index = self._interpreter, self._first["index"]
        if self._first["shape"].tolist() != [*pictures.shape]:
            interpreter.resize_tensor_input(index, pictures.shape)
            interpreter.allocate_tensors()
            self._first, self._last = self._ends()
        scale, zero = self._first["quantization"]
        if scale:
            pictures = np.clip(np.rint(pictures / scale) + zero, -128, 127)
        interpreter.set_tensor(index, pictures.astype(self._first["dtype"]))
        interpreter.invoke()
        answers = interpreter.get_tensor(self._last["index"]).astype(np.float32)
        scale, zero = self._last["quantization"]
        return (answers - zero) * scale if scale else answers


def _in_words(end):
    scale, zero = end["quantization"]
    kind = end["dtype"].__name__
    return f"{kind}, {scale:.6g} times (number {-zero:+d})" if scale else kind
