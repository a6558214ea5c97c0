"""Weights for PyTorch: our reader takes them back, and what cannot be said is refused."""

import json

import keras
import numpy as np
import pytest
from safetensors import safe_open

import tfresnet
from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.export import __main__ as command
from tfresnet.export.pytorch import export_weights
from tfresnet.layers import Preprocessing
from tfresnet.weights import layouts

PIXELS = Preprocessing((0.5, 0.4, 0.3), (0.25, 0.2, 0.1), tuple("abcdefghij"))
SAYABLE = {
    "A": ("resnet8", {}),
    "thin B": ("resnet8", {"shortcut": "B"}),
    "small": ("resnet18", {}),
    "pooled": ("resnet18", {"stem": "cifar_pool"}),
    "large": ("resnet18", {"stem": "imagenet"}),
    "v1.5": ("resnet50", {"stride_in_3x3": True}),
}
UNSAYABLE = {
    "stride in the first 1x1": ("resnet50", {}),
    "option C": ("resnet8", {"shortcut": "C"}),
    "option A": ("resnet18", {"shortcut": "A"}),
    "of type PlainBlock": ("plain20", {}),
    "of type PooledProjectionBlock": ("resnet18d", {}),
    "a layer conv": ("cnn3", {}),
}


def network(name, **options):
    """One in which no statistic, scale or bias has its first value."""
    shape = {"num_classes": 10, "input_shape": (32, 32, 3), "preprocessing": PIXELS}
    model = models.create_model(name, **shape, **options)
    random = np.random.default_rng(4)
    for variable in model.variables:
        if len(variable.shape) == 1:
            variable.assign(random.uniform(0.7, 1.3, variable.shape))
    return model


@pytest.mark.parametrize("case", SAYABLE)
def test_our_reader_takes_a_network_back_bit_for_bit(case, tmp_path, caplog):
    name, options = SAYABLE[case]
    model, file = network(name, **options), tmp_path / "m.safetensors"
    assert export_weights(model, file).endswith("read back bit for bit")
    back = tfresnet.load(file, model=name, image_size=32)
    assert back.class_names == PIXELS.class_names
    for ours, theirs in zip(model.get_weights(), back.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("f4")
    outputs = [one(pixels, training=False).numpy() for one in (model, back.model)]
    np.testing.assert_array_equal(*outputs)
    assert not caplog.records  # nothing is left to guess


@pytest.mark.parametrize("reason", UNSAYABLE)
def test_what_cannot_be_said_is_refused_by_name(reason, tmp_path):
    name, options = UNSAYABLE[reason]
    with pytest.raises(InputError, match=f"torchvision or akamaster.*{reason}.* Received: {name}"):
        export_weights(network(name, **options), tmp_path / "m.safetensors")
    assert not [*tmp_path.iterdir()]


def test_another_epsilon_cannot_be_said(tmp_path):
    model = network("resnet8")
    other = keras.models.clone_model(
        model, clone_function=lambda one: type(one).from_config(_with_epsilon(one.get_config()))
    )
    with pytest.raises(InputError, match=r"epsilon of its normalisation is 0\.001"):
        export_weights(other, tmp_path / "m.safetensors")


def _with_epsilon(config):
    return config | {"epsilon": 1e-3} if "epsilon" in config else config


def test_names_and_facts_are_those_of_the_libraries(tmp_path):
    export_weights(network("resnet8"), tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", "numpy") as file:
        names, facts = {*file.keys()}, file.metadata()
    assert {"conv1.weight", "bn1.running_var", "layer3.0.conv2.weight", "linear.bias"} < names
    assert facts.pop("format") == "pt"
    assert facts.pop("writer") == "tfresnet"
    assert {name: json.loads(fact) for name, fact in facts.items()} == {
        "network": "resnet8",
        "stem": "cifar",
        "mean": [0.5, 0.4, 0.3],
        "std": [0.25, 0.2, 0.1],
        "class_names": [*"abcdefghij"],
    }
    with pytest.raises(ValueError, match="no ResNet of PyTorch has conv9/kernel"):
        layouts.to_torch({"conv9/kernel": np.ones((1, 1))})


@pytest.mark.parametrize("facts", [{"mean": "[1]"}, {"mean": "3", "std": "3"}, {"stem": "{"}])
def test_facts_that_cannot_be_are_one_line(facts, tmp_path):
    from safetensors.numpy import save_file

    metadata = {"format": "pt", "writer": "tfresnet"} | facts
    save_file({"a": np.ones(2, "f4")}, tmp_path / "m.safetensors", metadata)
    with pytest.raises(InputError) as caught:
        models.read_weights(tmp_path / "m.safetensors")
    assert "\n" not in str(caught.value)


def test_the_command(tmp_path, capsys):
    network("resnet8").save(tmp_path / "m.keras")
    output = tmp_path / "m.safetensors"
    command.main([str(tmp_path / "m.keras"), "--format", "safetensors", "--output", str(output)])
    shown = capsys.readouterr().out
    assert shown.startswith(f"{output}: resnet8 for akamaster/pytorch_resnet_cifar10, 0.3 MB")
