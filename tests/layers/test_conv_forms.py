"""The forms of a convolution: the same numbers, and each taken only where the table names it."""

import itertools
import json

import numpy as np
import pytest
import tensorflow as tf

from tfresnet.layers import Conv2D, conv_forms
from tfresnet.settings.config import CONV_FORMS
from tfresnet.system import hardware

FORMS = [
    dict(zip(("forward", "inputs", "kernel"), forms, strict=True))
    for forms in itertools.zip_longest(
        conv_forms.FORWARD, conv_forms.INPUTS, conv_forms.KERNEL, fillvalue="library"
    )
]


def table():
    return json.loads(conv_forms.TABLE.read_text())


def shapes_of_the_table():
    """(side, kernel, stride) of all rows; channels do not change the computation."""
    names = {
        name.rsplit(" ", 1)[0]
        for by_dtype in table().values()
        for parts in by_dtype.values()
        for forms in parts.values()
        for names in forms.values()
        for name in names
    }
    for name in names:
        size, kernel = name.split()
        sides, stride = kernel.split("/")
        yield int(size.split("x")[0]), tuple(map(int, sides.split("x"))), int(stride)


CASES = sorted(
    {*shapes_of_the_table(), (1, (1, 1), 2), (7, (3, 3), 2), (9, (5, 3), 2), (5, (5, 3), 1)}
)


def gradients(convolve, x, kernel):
    with tf.GradientTape() as tape:
        tape.watch((x, kernel))
        y = convolve(x, kernel)
        loss = tf.reduce_sum(tf.sin(y))
    return y, *tape.gradient(loss, (x, kernel))


def usual(stride):
    """The convolution as `Conv2D` computes it without a table."""

    def convolve(x, kernel):
        pads = [[(side - 1) // 2, side // 2] for side in kernel.shape[:2]]
        return tf.nn.conv2d(tf.pad(x, [[0, 0], *pads, [0, 0]]), kernel, stride, "VALID")

    return convolve


@pytest.mark.parametrize(("side", "sides", "stride"), CASES)
def test_every_form_gives_the_numbers_of_the_library(side, sides, stride):
    for images, (dtype, tolerance) in ((1, ("float32", 1e-5)), (3, ("bfloat16", 0.06))):
        # Fewer than 16 channels: oneDNN's own kernel gradient of a 1x1 convolution with stride 2
        # writes past its memory in float32 (TensorFlow 2.21).
        x = tf.random.stateless_normal((images, side, side, 16), (1, 2))
        kernel = tf.random.stateless_normal((*sides, 16, 24), (3, 4)) / 12
        expected = gradients(usual(stride), x, kernel)
        x, kernel = tf.cast(x, dtype), tf.cast(kernel, dtype)
        for forms in FORMS:
            got = gradients(lambda x, k, f=forms: conv_forms.conv2d(x, k, stride, f), x, kernel)
            for one, other in zip(expected, got, strict=True):
                atol = tolerance * np.abs(one).max()
                np.testing.assert_allclose(other.numpy().astype("float32"), one, atol=atol)


@pytest.mark.parametrize("forms", FORMS, ids=lambda forms: "-".join(forms.values()))
def test_second_derivatives_exist(forms):
    x = tf.random.stateless_normal((2, 4, 4, 3), (1, 2))
    kernel = tf.random.stateless_normal((3, 3, 3, 3), (3, 4))

    def squared_norm(convolve):
        with tf.GradientTape() as outer:
            outer.watch(kernel)
            gradient = gradients(convolve, x, kernel)[2]
            loss = tf.reduce_sum(gradient**2)
        return outer.gradient(loss, kernel)

    got = squared_norm(lambda x, k: conv_forms.conv2d(x, k, 2, forms))
    np.testing.assert_allclose(got, squared_norm(usual(2)), rtol=1e-3, atol=1e-2)


def test_the_table_names_forms_that_exist_for_every_kind_of_processor():
    known = {
        "forward": conv_forms.FORWARD,
        "inputs": conv_forms.INPUTS,
        "kernel": conv_forms.KERNEL,
    }
    assert {"auto", "library", *table()} == set(CONV_FORMS)
    for by_dtype in table().values():
        assert by_dtype.keys() == {"float32", "bfloat16"}
        for parts in by_dtype.values():
            for part, forms in parts.items():
                assert forms.keys() <= known[part].keys()
                assert "library" not in forms


SMALL, KERNEL = (2, 4, 4, 512), (3, 3, 512, 512)  # products are faster on every kind, in bfloat16


@pytest.mark.parametrize(
    ("shape", "kernel", "strides", "why"),
    [
        ((2, 32, 32, 64), (3, 3, 64, 64), (1, 1), "the library is fastest"),
        ((2, 4, 4, 511), (3, 3, 511, 512), (1, 1), "nobody measured it"),
        ((2, None, None, 512), KERNEL, (1, 1), "open size"),
        ((2, 4, 4, 1024), KERNEL, (1, 1), "groups"),
        (SMALL, KERNEL, (2, 1), "two strides"),
    ],
)
def test_leaves_the_rest_to_the_library(shape, kernel, strides, why):
    x, kernel = tf.TensorSpec(shape, "bfloat16"), tf.TensorSpec(kernel)
    with conv_forms.use("amx"):
        assert not conv_forms.choose(x, kernel, strides), why


def test_takes_the_table_of_the_processor_and_none_with_a_gpu_or_one_unknown(monkeypatch):
    def choose(kind="auto"):
        with conv_forms.use(kind):
            return conv_forms.choose(
                tf.TensorSpec(SMALL, "bfloat16"), tf.TensorSpec(KERNEL), (1, 1)
            )

    for flags, kind in (
        ({"avx2"}, "avx2"),
        ({"avx2", "avx512f"}, "library"),
        ({"avx2", "avx512f", "avx512_bf16"}, "avx512_bf16"),
        ({"avx2", "avx512f", "avx512_bf16", "amx_bf16"}, "amx"),
        (set(), "library"),
    ):
        monkeypatch.setattr(hardware, "processor_flags", lambda flags=flags: flags)
        assert choose() == choose(kind)
    assert choose("amx")["kernel"] == "products"
    assert not choose("library")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    assert not choose("amx")


def test_the_layer_computes_in_the_forms_in_use():
    layer, x = (
        Conv2D(512, 3, dtype="bfloat16"),
        tf.cast(tf.random.stateless_normal(SMALL, (1, 2)), "bfloat16"),
    )
    layer.build(x.shape)

    def kernel_gradient(kind):
        @tf.function
        def compute():
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(x) ** 2)
            return tape.gradient(loss, layer.kernel.value)

        with conv_forms.use(kind):
            graph = compute.get_concrete_function().graph
            kinds = {node.op for node in graph.as_graph_def().node}
            return compute().numpy().astype("float32"), kinds

    (fast, fast_operations), (usual, operations) = (
        kernel_gradient("amx"),
        kernel_gradient("library"),
    )
    np.testing.assert_allclose(fast, usual, atol=0.05 * np.abs(usual).max())
    assert "Conv2DBackpropFilter" in operations
    assert "Conv2DBackpropFilter" not in fast_operations
