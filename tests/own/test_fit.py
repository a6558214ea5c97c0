"""The page's lines for Keras' own `fit`."""

import re
from pathlib import Path

import keras

PAGE = Path(__file__).parents[2] / "docs" / "own-network.md"


class Net(keras.Sequential):
    def __init__(self, num_classes):
        super().__init__([keras.layers.Flatten(), keras.layers.Dense(num_classes)])


def test_the_lines_of_the_page_train(small_shapes10):
    code = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[-1]
    names = {"Net": Net}
    exec(code.replace("1000", "40").replace("128", "64"), names)
    assert len(names["model"].history.history["val_accuracy"]) == 3
