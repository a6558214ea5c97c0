"""Forms in which a convolution and its two gradients are computed, chosen by measurement.

On a CPU the library is slow where maps are small or the stride is 2, above all in the gradient of
the kernel. Matrix products, or a convolution with images as channels, give the same numbers up to
rounding. Which form is fastest depends on the processor and the shape (docs/speed.md).
`conv_forms.json` names the forms that `python -m tfresnet.benchmark --forms` found faster than the
library by 15 % or more, by kind of processor, dtype and shape.
"""

import contextlib
import functools
import json
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from tfresnet.system.hardware import choose_conv_forms

TABLE = Path(__file__).with_suffix(".json")
_in_use = "auto"


@contextlib.contextmanager
def use(kind: str) -> Iterator[None]:
    """Takes the forms of a kind of processor, for what is traced while the context is open."""
    global _in_use
    before, _in_use = _in_use, kind
    try:
        yield
    finally:
        _in_use = before


def choose(inputs, kernel, strides: tuple[int, int]) -> dict[str, str]:
    """The forms other than the library's, by part: "forward", "inputs", "kernel"."""
    kind = choose_conv_forms(_in_use)
    in_groups = kernel.shape[2] != inputs.shape[-1]
    if kind == "library" or None in inputs.shape[1:] or in_groups or strides[0] != strides[1]:
        return {}
    table = _table(kind, tf.as_dtype(inputs.dtype).name)
    return table.get(shape_name(inputs.shape[1:], kernel.shape, strides[0]), {})


def shape_name(map_shape, kernel_shape, stride: int) -> str:
    """As "8x8x256 3x3/2 512": height, width and channels; kernel and stride; filters."""
    height, width, channels = map_shape
    *sides, _, filters = kernel_shape
    return f"{height}x{width}x{channels} {'x'.join(map(str, sides))}/{stride} {filters}"


@functools.cache
def _table(kind, dtype):
    """{shape: {part: form}}"""
    by_shape = {}
    for part, forms in json.loads(TABLE.read_text())[kind].get(dtype, {}).items():
        for form, shapes in forms.items():
            for shape in shapes:
                by_shape.setdefault(shape, {})[part] = form
    return by_shape


def conv2d(inputs, kernel, stride: int, forms: dict[str, str]):
    """A convolution with `(side - 1) // 2` zeros before and `side // 2` after each odd side.

    Args:
        inputs: `(images, height, width, channels)`.
        kernel: `(height, width, channels, filters)`.
        forms: as `choose` returns them.
    """

    @tf.custom_gradient
    def convolve(x, kernel):
        def gradients(dy):
            return (
                INPUTS[forms.get("inputs", "library")](dy, kernel, stride, x.shape),
                KERNEL[forms.get("kernel", "library")](x, dy, stride, kernel.shape),
            )

        return FORWARD[forms.get("forward", "library")](x, kernel, stride), gradients

    return convolve(tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel))


def _forward(x, kernel, stride):
    if stride == 1:
        return tf.nn.conv2d(x, kernel, 1, "SAME")
    return tf.nn.conv2d(_pad(x, kernel.shape), kernel, stride, "VALID")


def _forward_product(x, kernel, stride):
    filters = kernel.shape[-1]
    taps = tf.concat(_taps(x, kernel.shape, stride), -1)
    y = tf.matmul(taps, tf.reshape(kernel, (-1, filters)))
    return tf.reshape(y, (-1, *_strided(x.shape, stride), filters))


def _inputs_gradient(dy, kernel, stride, shape):
    images, (height, width) = tf.shape(dy)[0], shape[1:3]
    if stride == 1:
        return tf.nn.conv2d_transpose(dy, kernel, (images, *shape[1:]), 1, "SAME")
    (top, bottom), (left, right) = _margins(kernel.shape)
    padded = (images, height + top + bottom, width + left + right, shape[3])
    dx = tf.nn.conv2d_transpose(dy, kernel, padded, stride, "VALID")
    return dx[:, top : top + height, left : left + width]


def _inputs_gradient_products(dy, kernel, stride, shape):
    """The adjoint of `_taps`: one product for each position of the kernel, added where it read."""
    height, width, channels, filters = kernel.shape
    rows, columns = dy.shape[1:3]
    block_rows, block_columns = _blocks(kernel.shape, stride, rows, columns)
    images, steps = tf.shape(dy)[0], range(stride)
    dy = tf.reshape(dy, (-1, filters))

    def phase(a, b):
        """The gradient of every stride-th pixel, from pixel (a, b) on."""
        parts = [tf.zeros((images, block_rows, block_columns, channels), dy.dtype)]
        for i in range(a, height, stride):
            for j in range(b, width, stride):
                part = tf.matmul(dy, kernel[i, j], transpose_b=True)
                part = tf.reshape(part, (-1, rows, columns, channels))
                down, right = i // stride, j // stride
                below, beside = block_rows - rows - down, block_columns - columns - right
                parts.append(tf.pad(part, [[0, 0], [down, below], [right, beside], [0, 0]]))
        return tf.add_n(parts[1:] or parts)

    dx = tf.stack([tf.stack([phase(a, b) for b in steps], 3) for a in steps], 2)
    dx = tf.reshape(dx, (-1, block_rows * stride, block_columns * stride, channels))
    (top, _), (left, _) = _margins(kernel.shape)
    return dx[:, top : top + shape[1], left : left + shape[2]]


def _kernel_gradient(x, dy, stride, shape):
    padding = "SAME" if stride == 1 else "VALID"
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x if stride == 1 else _pad(x, shape),
        filter_sizes=shape,
        out_backprop=dy,
        strides=[1, stride, stride, 1],
        padding=padding,
    )


def _kernel_gradient_products(x, dy, stride, shape):
    """dw[i, j] = sum over images and pixels of x[:, s * h + i, s * w + j]' dy[:, h, w]."""
    dy = tf.reshape(dy, (-1, shape[-1]))
    dw = [tf.matmul(tap, dy, transpose_a=True) for tap in _taps(x, shape, stride)]
    return tf.reshape(dw, shape)


def _kernel_gradient_convolution(x, dy, stride, shape):
    """The same sum as a forward convolution, with images as channels and `dy` as the kernel."""
    x = tf.transpose(_pad(x, shape), (3, 1, 2, 0))
    dw = tf.nn.conv2d(x, tf.transpose(dy, (1, 2, 0, 3)), 1, "VALID", dilations=stride)
    return tf.transpose(dw[:, : shape[0], : shape[1]], (1, 2, 0, 3))


FORWARD = {"library": _forward, "product": _forward_product}
INPUTS = {"library": _inputs_gradient, "products": _inputs_gradient_products}
KERNEL = {
    "library": _kernel_gradient,
    "products": _kernel_gradient_products,
    "convolution": _kernel_gradient_convolution,
}


def _margins(kernel_shape):
    return [((side - 1) // 2, side // 2) for side in kernel_shape[:2]]


def _pad(x, kernel_shape):
    return tf.pad(x, [(0, 0), *_margins(kernel_shape), (0, 0)])


def _strided(shape, stride):
    return [-(-side // stride) for side in shape[1:3]]


def _blocks(kernel_shape, stride, *sides):
    """Sides of a padded map, in blocks of stride x stride pixels, that all taps lie in."""
    return [n + (side - 1) // stride for n, side in zip(sides, kernel_shape[:2], strict=True)]


def _taps(x, kernel_shape, stride):
    """The pixels `(images * pixels, channels)` that each position of the kernel reads.

    Strided slices are slow. In a map that is seen as blocks of stride x stride pixels, the pixels
    of one position lie side by side.
    """
    height, width = kernel_shape[:2]
    channels = x.shape[-1]
    rows, columns = _strided(x.shape, stride)
    blocks = _blocks(kernel_shape, stride, rows, columns)
    pads = [(0, 0)]
    for n, side, (before, _) in zip(blocks, x.shape[1:3], _margins(kernel_shape), strict=True):
        pads.append((before, n * stride - side - before))
    x = tf.pad(x, [*pads, (0, 0)])
    x = tf.reshape(x, (-1, blocks[0], stride, blocks[1], stride * channels))
    taps = []
    for i in range(height):
        for j in range(width):
            down, right, at = i // stride, j // stride, j % stride * channels
            block = x[:, down : down + rows, i % stride, right : right + columns]
            taps.append(tf.reshape(block[..., at : at + channels], (-1, channels)))
    return taps
