"""What a model tells about itself."""

import keras
import pytest

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing

SMALL = {"num_classes": 10, "input_shape": (32, 32, 3)}
PIXELS = Preprocessing((0.5,) * 3, (0.25,) * 3, tuple("abcdefghij"))


def test_preprocessing_is_found_in_a_loaded_file(tmp_path):
    models.create_model("resnet20", preprocessing=PIXELS).save(tmp_path / "m.keras")
    found = models.preprocessing_of(models.load_model(tmp_path / "m.keras"))
    assert found.get_config() == PIXELS.get_config()
    assert models.preprocessing_of(models.create_model("resnet20")) is None


@pytest.mark.parametrize("name", ["resnet20", "alexnet", "nin", "inception3", "wrn16_4"])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_precision_is_that_of_the_activations(name, policy):
    model = models.create_model(name, dtype=policy, preprocessing=PIXELS, **SMALL)
    assert keras.config.dtype_policy().name == "float32"
    assert models.precision_of(model) == policy
    assert models.precision_of(models.inference_copy(model)) == policy


def ending_in(*layers):
    images = x = keras.Input((4,))
    for layer in layers:
        x = layer(x)
    return keras.Model(images, x)


def dense(activation):
    return keras.layers.Dense(3, activation=activation)


@pytest.mark.parametrize(
    ("expected", "model"),
    [
        (False, lambda: ending_in(dense(None))),
        (False, lambda: ending_in(dense("linear"))),
        (True, lambda: ending_in(dense("softmax"))),
        (True, lambda: ending_in(dense(None), keras.layers.Softmax())),
        (True, lambda: ending_in(dense(None), keras.layers.Activation("softmax"))),
        (True, lambda: ending_in(dense(None), keras.ops.softmax)),
        (True, lambda: ending_in(ending_in(dense("softmax")))),
        (True, lambda: keras.Sequential([keras.Input((4,)), dense("softmax")])),
        (False, lambda: models.create_model("nin", **SMALL)),
        (True, lambda: models.create_model("nin", classifier_activation="softmax", **SMALL)),
        (False, lambda: models.create_model("googlenet", auxiliary=True, **SMALL)),
        (True, lambda: models.create_model("resnet20", classifier_activation="softmax")),
    ],
)
def test_logits_or_probabilities(expected, model):
    assert models.gives_probabilities(model()) is expected


@pytest.mark.parametrize(
    "model",
    [
        lambda: ending_in(dense("sigmoid")),
        lambda: ending_in(dense(None), keras.layers.ReLU()),
        lambda: ending_in(dense(None), keras.layers.Activation("tanh")),
        lambda: ending_in(dense(None), keras.ops.sigmoid),
    ],
)
def test_another_last_activation_is_refused(model):
    with pytest.raises(InputError, match="must give logits or softmax probabilities"):
        models.gives_probabilities(model())
