"""ResNet-D, pre-activation and wide networks: counts, structure, and their units by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import tfresnet
from tfresnet import complexity
from tfresnet.errors import InputError
from tfresnet.layers import (
    PooledProjectionBlock,
    PreactIdentityBlock,
    PreactProjectionBlock,
    ProjectionBlock,
)

# Published trainable counts: timm's resnet18d, resnet50d and resnetv2_50; the wide networks of the
# official code (36.5 M and 2.7 M in Table 5 of their paper).
PUBLISHED = {
    "resnet18d": 11_708_744,
    "resnet50d": 25_576_264,
    "resnet50v2": 25_549_352,
    "wrn28_10": 36_479_194,
    "wrn16_4": 2_748_890,
    "wrn16_2": 691_674,  # by hand: 464 + 32,960 + 131,520 + 525,184 + 256 + 1,290
}


@pytest.fixture
def structure():
    with complexity.structure_only():
        yield


@pytest.fixture
def images():
    return tf.random.stateless_normal((2, 8, 8, 16), (1, 2))


@pytest.mark.usefixtures("structure")
@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_the_published_ones(name):
    found = complexity.count(tfresnet.create_model(name))
    assert found.trainable_params == PUBLISHED[name]


@pytest.mark.usefixtures("structure")
def test_resnet110v2_is_resnet110_with_projections_and_moved_normalisations():
    found = complexity.count(tfresnet.create_model("resnet110v2"))
    assert found.depth == 110
    projections = 16 * 32 + 32 * 64
    option_a = complexity.count(tfresnet.create_model("resnet110"))
    assert found.trainable_params == option_a.trainable_params + projections


@pytest.mark.usefixtures("structure")
def test_stem_and_shortcut_of_resnet_d():
    model = tfresnet.create_model("resnet50d")
    stem = [layer for layer in model.layers if layer.name.startswith("conv1")]
    assert [layer.output.shape[1:] for layer in stem] == [(112, 112, 32)] * 2 + [(112, 112, 64)]
    unit = model.get_layer("conv3_block1")
    assert isinstance(unit, PooledProjectionBlock)
    assert unit.shortcut_conv.strides == unit.conv1.strides == (1, 1)
    assert unit.conv2.strides == (2, 2)
    small = tfresnet.create_model("resnet50d", input_shape=(32, 32, 3))
    assert small.get_layer("conv1").output.shape[1:] == (32, 32, 64)


@pytest.mark.usefixtures("structure")
def test_only_the_first_unit_of_a_preactivation_network_does_not_activate():
    model = tfresnet.create_model("wrn16_4")
    units = [layer for layer in model.layers if "_block" in layer.name]
    assert [unit.preactivate for unit in units] == [False] + [True] * 5
    assert [type(unit) for unit in units] == [PreactProjectionBlock, PreactIdentityBlock] * 3
    assert [unit.output.shape[1:] for unit in units[::2]] == [
        *((32, 32, 64), (16, 16, 128), (8, 8, 256)),
    ]


def test_pooled_projection_reads_every_pixel(images):
    """Same weights as a projection, and the mean of four pixels in place of one of them."""
    unit, usual = PooledProjectionBlock(32, strides=2), ProjectionBlock(32, strides=2)
    unit.build(images.shape)
    usual.build(images.shape)
    usual.set_weights(unit.get_weights())
    means = tf.reduce_mean(tf.reshape(images, (2, 4, 2, 4, 2, 16)), (2, 4))
    spread = tf.repeat(tf.repeat(means, 2, axis=1), 2, axis=2)
    branch = usual.branch(images)
    expected = ops.relu(branch + usual.shortcut(spread))
    np.testing.assert_allclose(unit(images), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bottleneck", [False, True])
def test_preactivation_units_by_hand(images, bottleneck):
    unit = PreactProjectionBlock(8, strides=2, bottleneck=bottleneck, stride_in_3x3=True)
    unit.build(images.shape)
    random = np.random.default_rng(0)
    for variable in unit.variables:
        if len(variable.shape) == 1:
            variable.assign(random.uniform(0.5, 1.5, variable.shape))

    def activated(number, x):
        return tf.nn.relu(getattr(unit, f"bn{number}")(x, training=False))

    a = activated(1, images)
    x = unit.conv2(activated(2, unit.conv1(a)))
    if bottleneck:
        x = unit.conv3(activated(3, x))
    expected = x + unit.shortcut_conv(a)
    assert expected.shape == (2, 4, 4, 32 if bottleneck else 8)
    np.testing.assert_allclose(unit(images), expected, rtol=1e-5, atol=1e-5)


def test_the_sum_of_a_preactivation_unit_is_left_alone(images):
    unit = PreactIdentityBlock(16)
    unit.build(images.shape)
    for kernel in (unit.conv1.kernel, unit.conv2.kernel):
        kernel.assign(tf.zeros_like(kernel))
    np.testing.assert_array_equal(unit(images), images)  # negative values too


def test_first_unit_splits_after_the_activation(images):
    unit = PreactIdentityBlock(16, preactivate=False)
    unit.build(images.shape)
    assert unit.bn1 is None
    np.testing.assert_allclose(unit(images), images + unit.branch(images), rtol=1e-6)


def test_dropout_acts_in_training_only(images):
    unit = PreactIdentityBlock(16, dropout=0.5)
    again = PreactIdentityBlock.from_config(unit.get_config())
    assert again.drop.rate == 0.5
    np.testing.assert_array_equal(unit(images), unit(images))
    once, twice = unit(images, training=True), unit(images, training=True)
    assert np.abs(once - twice).max() > 0
    model = tfresnet.create_model("wrn16_4", dropout=0.3)
    assert {x.dropout for x in model.layers if "_block" in x.name} == {0.3}


def test_options_that_these_networks_do_not_have():
    with pytest.raises(InputError, match=r"zero_init_residual needs .* Received: True"):
        PreactIdentityBlock(16, zero_init_residual=True)
    with pytest.raises(InputError, match=r"no such option.* Received: 'zero_init_residual'"):
        tfresnet.create_model("wrn16_4", zero_init_residual=True)
    with pytest.raises(InputError, match=r"at most 8\. Received: 16"):
        PreactIdentityBlock(8).build((None, 8, 8, 16))


def test_zero_gamma_starts_resnet_d_as_the_identity():
    keras.utils.set_random_seed(0)
    model = tfresnet.create_model("resnet18d", input_shape=(32, 32, 3), zero_init_residual=True)
    unit = model.get_layer("conv2_block2")
    x = tf.random.stateless_uniform((2, 8, 8, 64), (1, 2))
    np.testing.assert_array_equal(unit(x), x)
