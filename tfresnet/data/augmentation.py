"""The field's standard augmentation of small images: a random shift over black, and mirroring."""

import tensorflow as tf

PAD = 4  # pixels a crop may hang over the image: the standard for 32x32 (He et al., 2015, 4.2)


def draw(base: tf.Tensor, n: int, *, flip: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Random (shift, mirrored) for `n` images, a pure function of `base`: int64 (seed, epoch).

    shift: int32 (n, 2), rows and columns in -PAD..PAD. mirrored: bool (n,), all False unless
    `flip`: a coin decides for the even epochs, and the odd ones show the other side. So two epochs
    show both sides of every image, where coins each time would show many one side twice (Jordan,
    2024, https://arxiv.org/abs/2404.00498, section 3.6).
    """
    shifts = tf.random.experimental.stateless_fold_in(base, 1)
    coins = tf.random.experimental.stateless_fold_in(base * [1, 0], 2)
    # Philox by name: the algorithm is otherwise chosen by the device.
    shift = tf.random.stateless_uniform((n, 2), shifts, -PAD, PAD + 1, tf.int32, alg="philox")
    coin = tf.random.stateless_uniform((n,), coins, 0, 2, tf.int64, alg="philox")
    return shift, ((coin + base[1]) % 2 == 1) & flip


def crop_and_flip(
    images: tf.Tensor, indices: tf.Tensor, shift: tf.Tensor, mirrored: tf.Tensor
) -> tf.Tensor:
    """Crops of the images' own size out of `images[indices]` laid on endless black.

    images: uint8 (n, height, width, channels), height and width 2 or more. indices: int32 (batch,).
    shift: int32 (batch, 2), the rows and columns by which the crop stands lower and further right
    than the image. mirrored: bool (batch,), whether the crop is mirrored, left to right.
    Returns float32 (batch, height, width, channels), the values 0..255 unchanged.
    """
    height, width = images.shape[1:3]
    # One operation that picks images, crops, mirrors and converts beats gathers of pixels, and is
    # exact for nearest neighbours. Its boxes are (y1, x1, y2, x2), with 1 for the last pixel's
    # centre; a box with x1 > x2 is read from right to left.
    start = tf.cast(shift, tf.float32) / (height - 1.0, width - 1.0)
    top, left = start[:, 0], start[:, 1]
    x1, x2 = tf.where(mirrored, left + 1, left), tf.where(mirrored, left, left + 1)
    boxes = tf.stack([top, x1, top + 1, x2], axis=-1)
    # Towards the centre by a trifle, or rounding takes border pixels for outside, which is black.
    boxes = 0.5 + (boxes - 0.5) * (1 - 1e-4)
    return tf.image.crop_and_resize(images, boxes, indices, (height, width), method="nearest")
