"""Convolution of small feature maps with a faster weight gradient.

On a CPU, the library's weight gradient of a 4x4 or 8x8 map runs at 40 to 60 % of the speed of the
forward pass (docs/speed.md). But the weight gradient is itself a convolution, with the images as
channels and the output's gradient as kernel. Computed as one, it reaches the forward speed.
"""

import tensorflow as tf

# Largest maps, in pixels, where this is faster, measured by turns: 3x3 and 1x1 kernels.
_LARGEST = 8 * 8
_LARGEST_1X1 = 4 * 4
# Up to here, one matrix product for each kernel position is faster still in bfloat16. Measured
# with AVX512-BF16 and 64 images: 4x4x512 16.0 ms against 18.9 (library 31.9), 2x2x512 5.5 against
# 6.9; equal for 4x4x256, slower for 8x8. No faster with 128 images: one product of all nine shifted
# maps (27.8 ms against 26.5 for 4x4x512) and maps transposed once for all products (26.1).
_LARGEST_BFLOAT16 = 4 * 4


def serves(inputs, kernel) -> bool:
    """Whether `conv2d` supports and speeds up a "same" convolution of stride 1, channels last.

    Not with a GPU, whose library has no such weakness.
    """
    *size, in_channels, _ = kernel.shape
    height, width = inputs.shape[1:3]
    return (
        None not in (height, width)
        and height * width <= (_LARGEST_1X1 if max(size) == 1 else _LARGEST)
        and all(side % 2 == 1 for side in size)
        and in_channels == inputs.shape[-1]  # no groups
        and not tf.config.list_physical_devices("GPU")
    )


def conv2d(inputs, kernel):
    """The convolution with stride 1 and "same" padding; shapes as `tf.nn.conv2d`."""

    @tf.custom_gradient
    def convolve(x, kernel):
        def gradients(dy):
            dx = tf.nn.conv2d_transpose(dy, kernel, tf.shape(x), 1, "SAME")
            return dx, _weight_gradient(x, dy, kernel.shape)

        return tf.nn.conv2d(x, kernel, 1, "SAME"), gradients

    return convolve(tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel))


def _weight_gradient(x, dy, shape):
    """dw[i, j] = sum over images and pixels of x[:, h + i, w + j]' dy[:, h, w], x padded."""
    height, width, in_channels, out_channels = shape
    rows, columns = x.shape[1:3]
    pads = [[side // 2, side // 2] for side in (height, width)]
    x = tf.pad(x, [[0, 0], *pads, [0, 0]])
    few = x.dtype == tf.bfloat16 and rows * columns <= _LARGEST_BFLOAT16
    if few or (height, width) == (1, 1):
        dy = tf.reshape(dy, (-1, out_channels))
        corners = [(i, j) for i in range(height) for j in range(width)]
        shifted = [
            tf.reshape(x[:, i : i + rows, j : j + columns], (-1, in_channels)) for i, j in corners
        ]
        return tf.reshape([tf.matmul(one, dy, transpose_a=True) for one in shifted], shape)
    x = tf.transpose(x, (3, 1, 2, 0))
    dw = tf.nn.conv2d(x, tf.transpose(dy, (1, 2, 0, 3)), 1, "VALID")
    return tf.transpose(dw, (1, 2, 0, 3))
