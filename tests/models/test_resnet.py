"""Structure and options of the residual networks; the counts stand in test_complexity.py."""

from pathlib import Path
from zipfile import ZipFile

import keras
import pytest
import tensorflow as tf

import tfresnet
from tfresnet.layers import IdentityBlock, PlainBlock, ProjectionBlock


def units(model):
    return [layer for layer in model.layers if "_block" in layer.name]


def test_the_summary_has_one_row_a_unit_with_the_names_of_the_paper():
    model = tfresnet.create_model("resnet18")
    assert [layer.name for layer in model.layers] == [
        *("images", "conv1", "pool1_pad", "pool1"),
        *(f"conv{stage}_block{i}" for stage in (2, 3, 4, 5) for i in (1, 2)),
        *("avg_pool", "predictions"),
    ]
    assert [layer.output.shape[1] for layer in units(model)] == [56, 56, 28, 28, 14, 14, 7, 7]


def test_down_sampling_is_by_the_first_unit_of_a_stage():
    model = tfresnet.create_model("resnet50")
    strided = [unit.name for unit in units(model) if unit.strides == 2]
    assert strided == ["conv3_block1", "conv4_block1", "conv5_block1"]
    assert all(unit.conv1.strides == (2, 2) for unit in units(model) if unit.strides == 2)
    later = tfresnet.create_model("resnet50", stride_in_3x3=True)
    assert all(unit.conv2.strides == (2, 2) for unit in units(later) if unit.strides == 2)


@pytest.mark.parametrize(
    ("name", "shortcut", "kinds"),
    [
        ("resnet20", "auto", {IdentityBlock}),
        ("resnet18", "auto", {IdentityBlock, ProjectionBlock}),
        ("resnet18", "A", {IdentityBlock}),
        ("resnet20", "C", {ProjectionBlock}),
        ("plain20", "auto", {PlainBlock}),
    ],
)
def test_shortcut_options(name, shortcut, kinds):
    model = tfresnet.create_model(name, shortcut=shortcut)
    assert {type(unit) for unit in units(model)} == kinds


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((32, 32, 3), 32), ((64, 64, 3), 64), ((65, 65, 3), 17), ((224, 224, 3), 56)],
)
def test_the_stem_follows_the_image(shape, expected):
    model = tfresnet.create_model("resnet18", input_shape=shape)
    assert model.get_layer("conv2_block1").output.shape[1] == expected


@pytest.mark.parametrize("size", [8, 31, 33, 50])
def test_any_size_that_the_strides_allow(size):
    model = tfresnet.create_model("resnet18", num_classes=7, input_shape=(size, size + 3, 3))
    assert model(tf.zeros((2, size, size + 3, 3))).shape == (2, 7)


def test_one_network_takes_several_sizes():
    model = tfresnet.create_model("resnet20", input_shape=(None, None, 3))
    for size in (32, 48):
        assert model(tf.zeros((1, size, size, 3))).shape == (1, 10)


def test_without_the_top():
    maps = tfresnet.create_model("resnet18", include_top=False, input_shape=(32, 32, 3))
    assert maps.output_shape == (None, 4, 4, 512)
    pooled = tfresnet.create_model("resnet20", include_top=False, pooling="max")
    assert pooled.output_shape == (None, 64)


def test_a_file_of_an_earlier_version_loads():
    """Its units still say `zero_init_last_gamma`."""
    file = Path(__file__).parents[2] / "docs/runs/resnet20-cifar10/model.keras"
    assert b"zero_init_last_gamma" in ZipFile(file).read("config.json")
    model = tfresnet.load_model(file)
    assert model(tf.zeros((1, 32, 32, 3))).shape == (1, 10)
    assert model.get_layer("conv2_block1").zero_init_residual is False


@pytest.mark.slow
def test_overfits_64_images():
    """A network that learns must be able to learn 64 pictures by heart."""

    from tfresnet.data import shapes10

    keras.utils.set_random_seed(0)
    data = shapes10.load().train.take(range(64))
    images = data.images.astype("float32") / 127.5 - 1
    model = tfresnet.create_model("resnet20")
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["sparse_categorical_accuracy"],
    )
    for _ in range(15):
        model.fit(images, data.labels, batch_size=64, epochs=4, shuffle=False, verbose=0)
        accuracy = model.evaluate(images, data.labels, batch_size=64, verbose=0)[1]
        if accuracy == 1.0:
            break
    assert accuracy == 1.0
