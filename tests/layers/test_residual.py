"""The residual units against NumPy."""

import io
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from support.reference import conv_bn, relu

from tfresnet.errors import InputError
from tfresnet.layers import (
    Conv2D,
    ConvBN,
    IdentityBlock,
    PlainBlock,
    PooledProjectionBlock,
    PreactIdentityBlock,
    PreactProjectionBlock,
    ProjectionBlock,
    residual_unit,
)

UNITS = [IdentityBlock, ProjectionBlock, PlainBlock]


def with_random_weights(layer, shape):
    layer.build(shape)
    random = np.random.default_rng(7)
    layer.set_weights([random.uniform(0.2, 1, w.shape) - 0.3 * (w.ndim > 1) for w in layer.weights])
    return layer


def branch(unit, x):
    x = relu(conv_bn(x, unit.conv1, unit.bn1))
    x = conv_bn(x, unit.conv2, unit.bn2)
    return conv_bn(relu(x), unit.conv3, unit.bn3) if unit.bottleneck else x


def shortcut(unit, x):
    if isinstance(unit, PlainBlock):
        return 0
    if isinstance(unit, ProjectionBlock):
        return conv_bn(x, unit.shortcut_conv, unit.shortcut_bn)
    x = x[:, :: unit.strides, :: unit.strides]
    return np.pad(x, [(0, 0)] * 3 + [(0, unit.out_channels - x.shape[-1])])


@pytest.mark.parametrize("cls", UNITS)
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [8, 7])
@pytest.mark.parametrize(
    "options", [{}, {"bottleneck": True}, {"bottleneck": True, "stride_in_3x3": True}]
)
def test_units_agree_with_numpy(cls, strides, size, options):
    x = np.random.default_rng(2).normal(size=(2, size, size, 4))
    unit = with_random_weights(cls(6, strides=strides, **options), x.shape)
    expected = relu(branch(unit, x) + shortcut(unit, x))
    np.testing.assert_allclose(unit(x.astype("float32")), expected, rtol=1e-3, atol=1e-4)


def test_stem_agrees_with_numpy():
    x = np.random.default_rng(2).normal(size=(2, 9, 9, 3))
    layer = with_random_weights(ConvBN(4, 7, strides=2), x.shape)
    expected = relu(conv_bn(x, layer.conv, layer.bn))
    np.testing.assert_allclose(layer(x.astype("float32")), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, (1, 7), (2, 5)])
@pytest.mark.parametrize("size", [8, 9])
def test_strides_take_samples_of_the_convolution_without(kernel_size, size):
    x = tf.random.stateless_normal((2, size, size, 3), (1, 2))
    dense, strided = Conv2D(4, kernel_size), Conv2D(4, kernel_size, strides=2)
    expected = dense(x)[:, ::2, ::2]
    strided.build(x.shape)
    strided.set_weights(dense.get_weights())
    assert strided.compute_output_shape(x.shape) == expected.shape
    np.testing.assert_allclose(strided(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cls", UNITS)
def test_children_have_the_fixed_names(cls):
    unit = cls(4, bottleneck=True, name="conv2_block1")
    unit.build((None, 8, 8, 4))
    names = {v.path for v in unit.variables}
    children = {path.split("/")[1] for path in names}
    expected = {f"{kind}{i}" for kind in ("conv", "bn") for i in (1, 2, 3)}
    if cls is ProjectionBlock:
        expected |= {"shortcut_conv", "shortcut_bn"}
    assert children == expected
    assert "conv2_block1/conv1/kernel" in names


# Where `.keras` files have the weights of a shortcut.
SHORTCUT_WEIGHTS = {
    **dict.fromkeys([IdentityBlock, PlainBlock, PreactIdentityBlock], ()),
    **dict.fromkeys([ProjectionBlock, PooledProjectionBlock], ("conv_bn_pairs",)),
    PreactProjectionBlock: ("shortcut_conv",),
}


@pytest.mark.parametrize("cls", SHORTCUT_WEIGHTS)
def test_the_layout_of_saved_weights_stays_as_it_is(cls, tmp_path):
    images = keras.Input((8, 8, 4))
    keras.Model(images, cls(4, name="unit")(images)).save(tmp_path / "unit.keras")
    with zipfile.ZipFile(tmp_path / "unit.keras") as file:
        weights = h5py.File(io.BytesIO(file.read("model.weights.h5")))
    paths = []
    weights.visit(paths.append)
    places = {path.split("/")[2] for path in paths if path.endswith("/vars/0")}
    assert places == {"conv1", "bn1", "conv2", "bn2", *SHORTCUT_WEIGHTS[cls]}


@pytest.mark.parametrize(
    ("option", "channels", "strides", "bottleneck", "expected"),
    [
        ("A", 16, 1, False, IdentityBlock),
        ("A", 16, 2, False, IdentityBlock),
        ("B", 16, 1, False, IdentityBlock),
        ("B", 16, 2, False, ProjectionBlock),
        ("B", 8, 1, False, ProjectionBlock),
        ("B", 16, 1, True, ProjectionBlock),
        ("B", 64, 1, True, IdentityBlock),
        ("C", 16, 1, False, ProjectionBlock),
        (None, 16, 2, False, PlainBlock),
    ],
)
def test_one_function_decides_which_unit_goes_where(
    option, channels, strides, bottleneck, expected
):
    unit = residual_unit(option, channels, 16, strides=strides, bottleneck=bottleneck)
    assert type(unit) is expected


@pytest.mark.parametrize("cls", [IdentityBlock, ProjectionBlock])
@pytest.mark.parametrize("bottleneck", [False, True])
def test_zero_initialised_last_gamma_starts_as_the_shortcut(cls, bottleneck):
    x = tf.random.stateless_uniform((2, 4, 4, 8 * (4 if bottleneck else 1)), (1, 2))
    unit = cls(8, bottleneck=bottleneck, zero_init_residual=True)
    last, others = (unit.bn3, unit.bn2) if bottleneck else (unit.bn2, unit.bn1)
    y = unit(x)
    assert not last.gamma.numpy().any()
    assert others.gamma.numpy().all()
    if cls is IdentityBlock:
        np.testing.assert_array_equal(y, x)


def test_bad_arguments_are_named():
    with pytest.raises(InputError, match=r"zero_init_residual needs a shortcut .* Received: True"):
        PlainBlock(4, zero_init_residual=True)
    with pytest.raises(InputError, match=r"shortcut must be one of A, B, C or None.*'D'"):
        residual_unit("D", 16, 16)
    with pytest.raises(InputError, match=r"filters must be at least 1\. Received: 0"):
        IdentityBlock(0)
    with pytest.raises(InputError, match=r"may have at most 4. Received: 8"):
        IdentityBlock(4).build((None, 8, 8, 8))
