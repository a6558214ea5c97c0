"""Schedule and optimiser against their formulas."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet.settings.schedules import LR_SCHEDULERS, has_crops, image_side, share_of_peak
from tfresnet.training.averages import AveragedWeights
from tfresnet.training.muon import Muon, orthogonalize
from tfresnet.training.optimizer import SGD
from tfresnet.training.rmsprop import RMSProp

COURSES = {
    "cosine": lambda t: 0.5 * (1 + math.cos(math.pi * (t - 20) / 80)),
    "linear": lambda t: 1 - (t - 20) / 80,
    "multistep": lambda t: 1.0 if t < 50 else 0.1 if t < 75 else 0.01,
    "constant": lambda t: 1.0,
}


@pytest.mark.parametrize("name", LR_SCHEDULERS)
def test_schedule(name):
    for step in range(100):
        value = (step + 1) / 20 if step < 20 else COURSES[name](step)
        assert share_of_peak(step, name, warmup_steps=20, total_steps=100) == pytest.approx(value)


def test_schedule_without_warm_up_starts_at_the_peak():
    assert all(share_of_peak(0, name, 0, 10) == 1 for name in LR_SCHEDULERS)


def test_the_paper_divides_after_32000_and_48000_steps():
    shares = [share_of_peak(step, "multistep", 0, 64_000) for step in (31_999, 32_000, 48_000)]
    assert shares == pytest.approx([1, 0.1, 0.01])


def test_any_number_of_epochs_needs_no_memory():
    epochs = 10**11
    assert image_side((24, 32), 0, epochs) == 24
    assert image_side((24, 32), epochs - 1, epochs) == 32


def test_decay_is_told_of_the_kernels_that_decay_alone():
    kernels = [keras.Variable(tf.ones(shape)) for shape in ((3, 3, 2, 4), (4, 2), (4,))]
    settings = {"lr": 0.1, "momentum": 0.9, "nesterov": True}
    assert [*map(SGD(kernels, **settings, l2=1e-4).decays, kernels)] == [True, True, False]
    assert not any(map(SGD(kernels, **settings, l2=0.0).decays, kernels))
    muon = Muon(kernels, **settings, l2=1e-4, kernel_lr=0.01)
    assert [*map(muon.decays, kernels)] == [False, True, False]


@pytest.mark.parametrize(
    ("sizes", "epochs", "sides"),
    [
        ((32,), 2, [32, 32]),
        ((24, 32), 1, [32]),
        ((24, 32), 2, [24, 32]),
        ((24, 32), 10, 7 * [24] + 3 * [32]),
        ((16, 24, 32), 15, 5 * [16] + 5 * [24] + 5 * [32]),
    ],
)
def test_small_images_share_two_thirds_of_the_epochs(sizes, epochs, sides):
    assert [image_side(sizes, epoch, epochs) for epoch in range(epochs)] == sides


@pytest.mark.parametrize(
    ("share", "epochs", "cropped"),
    [(0.0, 2, 2), (0.2, 1, 1), (0.2, 3, 2), (0.2, 20, 16), (1.0, 2, 0)],
)
def test_the_last_epochs_show_whole_images(share, epochs, cropped):
    shown = [has_crops(epoch, epochs, share) for epoch in range(epochs)]
    assert shown == [True] * cropped + [False] * (epochs - cropped)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.9, False), (0.9, True), (0.0, False)])
def test_weight_decay_is_coupled_and_spares_what_has_one_axis(momentum, nesterov):
    kernel, scale = keras.Variable(np.ones((2, 2), "f")), keras.Variable(np.ones(2, "f"))
    settings = {"lr": 0.2, "momentum": momentum, "nesterov": nesterov, "l2": 0.01}
    optimizer = SGD([kernel, scale], **settings)
    expected = {"kernel": (1.0, 0.0), "scale": (1.0, 0.0)}
    for step in range(5):
        gradient = 0.5 - 0.2 * step
        optimizer.apply([tf.fill((2, 2), gradient), tf.fill((2,), gradient)], tf.constant(0.5))
        for name, decay in (("kernel", 0.01), ("scale", 0.0)):
            w, m = expected[name]
            g = gradient + decay * w
            m = momentum * m - 0.1 * g
            expected[name] = (w + (momentum * m - 0.1 * g if nesterov else m), m)
    np.testing.assert_allclose(kernel, np.full((2, 2), expected["kernel"][0]), rtol=1e-6)
    np.testing.assert_allclose(scale, np.full(2, expected["scale"][0]), rtol=1e-6)
    assert int(optimizer.keras.iterations) == 5


def test_coupled_decay_equals_a_regularisation_loss():
    """The paper's decay w adds w / 2 * |weights|^2 to the loss, which Keras calls L2(w / 2)."""
    random = np.random.default_rng(0)
    x = random.normal(size=(8, 4)).astype("float32")
    y = random.normal(size=(8, 3)).astype("float32")
    start = random.normal(size=(4, 3)).astype("float32")

    layer = keras.layers.Dense(3, use_bias=False, kernel_regularizer=keras.regularizers.L2(0.01))
    model = keras.Sequential([keras.Input((4,)), layer])
    layer.kernel.assign(start)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), "mse")

    kernel = keras.Variable(start)
    ours = SGD([kernel], lr=0.1, momentum=0.9, nesterov=True, l2=0.02)
    for _ in range(5):
        model.train_on_batch(x, y)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((x @ kernel.value - y) ** 2)
        ours.apply(tape.gradient(loss, [kernel.value]), tf.constant(1.0))
    np.testing.assert_allclose(kernel, layer.kernel, rtol=1e-5)


@pytest.mark.parametrize("shape", [(27, 16), (64, 576), (576, 64), (16, 16)])
def test_orthogonal_keeps_singular_vectors_and_brings_their_values_near_1(shape):
    matrix = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    result = orthogonalize(tf.constant(matrix)).numpy()
    for before, after in zip(matrix, result, strict=True):
        u, values, v = np.linalg.svd(before, full_matrices=False)
        inside = u.T @ after @ v.T  # diagonal if the vectors are the same
        large = values > values.max() / 10
        np.testing.assert_allclose(inside, np.diag(inside.diagonal()), atol=1e-3)
        assert (inside.diagonal()[large] > 0.5).all()
        assert (inside.diagonal() < 1.3).all()


@pytest.mark.parametrize("shape", [(1152, 128), (128, 256)])
def test_products_in_bfloat16_move_an_update_by_a_percent_or_two(shape):
    random = np.random.default_rng(0)
    matrix = random.normal(size=shape) * np.geomspace(1, 30, shape[1])  # of directions unlike
    matrix = tf.constant(matrix[None], tf.float32)
    exact, rounded = orthogonalize(matrix), orthogonalize(matrix, "bfloat16")
    assert rounded.dtype == "float32"
    assert 1e-4 < tf.norm(rounded - exact) / tf.norm(exact) < 0.02


def test_muon_takes_its_dtype_for_large_products_alone():
    random = np.random.default_rng(0)
    shapes = [(3, 3, 64, 64), (3, 3, 128, 128)]
    start, gradients = [[random.normal(size=s).astype("f") for s in shapes] for _ in range(2)]
    settings = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "l2": 0.0, "kernel_lr": 0.02}
    results = []
    for products in ("float32", "bfloat16"):
        kernels = [keras.Variable(value) for value in start]
        muon = Muon(kernels, products=products, **settings)
        muon.apply([*map(tf.constant, gradients)], tf.constant(1.0))
        results.append([kernel.numpy() for kernel in kernels])
    (small, large), (same, other) = results
    np.testing.assert_array_equal(small, same)
    assert 0 < np.linalg.norm(large - other) < 0.02 * 0.02 * np.linalg.norm(large)


@pytest.mark.parametrize("nesterov", [False, True])
def test_muon_steps_kernels_of_convolutions_alone_by_orthogonal_matrices(nesterov):
    random = np.random.default_rng(0)
    shapes = [(3, 3, 2, 4), (5,), (4, 3), (3, 3, 2, 4)]
    start = [random.normal(size=shape).astype("float32") for shape in shapes]
    settings = {"lr": 0.1, "momentum": 0.9, "nesterov": nesterov, "l2": 0.01}
    variables, others = [[keras.Variable(value) for value in start] for _ in range(2)]
    muon, sgd = Muon(variables, kernel_lr=0.02, **settings), SGD(others, **settings)
    momentum = [np.zeros(shape, "f") for shape in shapes]
    expected = [value.copy() for value in start]
    for _ in range(3):
        gradients = [random.normal(size=shape).astype("float32") for shape in shapes]
        muon.apply([tf.constant(g) for g in gradients], tf.constant(0.5))
        sgd.apply([tf.constant(g) for g in gradients], tf.constant(0.5))
        for index in (0, 3):
            momentum[index] = 0.9 * momentum[index] + gradients[index]
            step = gradients[index] + 0.9 * momentum[index] if nesterov else momentum[index]
            matrix = orthogonalize(tf.constant(step.reshape(1, 18, 4))).numpy()
            expected[index] *= 2 / np.linalg.norm(expected[index])
            expected[index] -= 0.02 * 0.5 * matrix.reshape(shapes[index])
    for index in (0, 3):
        np.testing.assert_allclose(variables[index], expected[index], rtol=1e-4, atol=1e-6)
    for index in (1, 2):
        np.testing.assert_array_equal(variables[index], others[index])


def test_averages_follow_the_weights_sooner_in_the_beginning():
    def network():
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])

    trained, twin = network(), network()
    averages = AveragedWeights(twin, trained, decay=0.5)
    kernel, average = trained.trainable_variables[0], twin.trainable_variables[0]
    expected = float(average.value[0, 0])
    for step in range(1, 20):
        kernel.assign([[float(step)]])
        averages.update(tf.constant(step))
        stays = min(0.5, (1 + step) / (10 + step))
        expected = stays * expected + (1 - stays) * step
    np.testing.assert_allclose(average, [[expected]], rtol=1e-5)


def test_rmsprop_divides_each_gradient_by_the_root_of_its_mean_square():
    random = np.random.default_rng(0)
    start = [random.normal(size=shape).astype("float32") for shape in ((3, 2), (2,))]
    variables = [keras.Variable(value) for value in start]
    ours = RMSProp(variables, lr=0.1, momentum=0.9, nesterov=False, l2=0.01)
    squares, velocity = [0.0, 0.0], [0.0, 0.0]
    for _ in range(3):
        gradients = [random.normal(size=value.shape).astype("float32") for value in start]
        ours.apply([tf.constant(g) for g in gradients], tf.constant(0.5))
        for index, gradient in enumerate(gradients):
            gradient = gradient + 0.01 * start[index] * (index == 0)  # a bias does not decay
            squares[index] = 0.9 * squares[index] + 0.1 * gradient**2
            scaled = gradient / np.sqrt(squares[index] + 1)
            velocity[index] = 0.9 * velocity[index] - 0.1 * 0.5 * scaled
            start[index] = start[index] + velocity[index]
    for variable, expected in zip(variables, start, strict=True):
        np.testing.assert_allclose(variable, expected, rtol=1e-5)
    names = [variable.path for variable in ours.variables]
    assert len(set(names)) == len(names) == 2 + 2 * 2  # with the rate and the number of steps
