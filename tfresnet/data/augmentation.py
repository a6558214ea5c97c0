"""Standard augmentation: random crops and mirroring.

An image in memory is cropped at a random shift, over its border too. A picture in a file is
cropped to a random box (`pictures.random_box`).
"""

import tensorflow as tf

PAD = 4  # pixels of the largest shift: the standard for 32x32 (He et al., 2015, section 4.2)


def draw_shifts(base: tf.Tensor, n: int) -> tf.Tensor:
    """Random shifts of `n` crops, down and right: int32 (n, 2) in -PAD..PAD.

    A pure function of `base`: int64 (seed, epoch).
    """
    key = tf.random.experimental.stateless_fold_in(base, 1)
    # "philox" by name: by default the device chooses the algorithm.
    return tf.random.stateless_uniform((n, 2), key, -PAD, PAD + 1, tf.int32, alg="philox")


def draw_boxes(base: tf.Tensor, n: int) -> tf.Tensor:
    """Random numbers for `pictures.random_box`: float32 (n, 4) in [0, 1). See `draw_shifts`."""
    key = tf.random.experimental.stateless_fold_in(base, 3)
    return tf.random.stateless_uniform((n, 4), key, alg="philox")


def draw_mirrored(base: tf.Tensor, n: int, *, flip: bool) -> tf.Tensor:
    """Which of `n` images are mirrored in an epoch, bool (n,); none unless `flip`.

    An image's coin decides for even epochs, and odd epochs show its other side. So two epochs
    show both sides of every image; a coin in each epoch would show many images one side twice
    (Jordan, 2024, https://arxiv.org/abs/2404.00498, section 3.6).
    """
    key = tf.random.experimental.stateless_fold_in(base * [1, 0], 2)
    coin = tf.random.stateless_uniform((n,), key, 0, 2, tf.int64, alg="philox")
    return ((coin + base[1]) % 2 == 1) & flip


def crop_and_flip(
    images: tf.Tensor,
    indices: tf.Tensor,
    shift: tf.Tensor,
    mirrored: tf.Tensor,
    padding_mode: str = "constant",
) -> tf.Tensor:
    """Crops of `images[indices]`, as large as the images: float32, values 0..255 unchanged.

    images: uint8 (n, height, width, channels), height and width 2 or more. indices: int32 (batch,).
    shift: int32 (batch, 2), how far a crop lies below and to the right of its image.
    mirrored: bool (batch,), whether a crop is mirrored, left to right.
    padding_mode: beyond the border is black ("constant") or the mirrored image ("reflect").
    """
    size = images.shape[1:3]
    if padding_mode == "reflect":
        margins = [(0, 0), (PAD, PAD), (PAD, PAD), (0, 0)]
        images, shift = tf.pad(tf.gather(images, indices), margins, "REFLECT"), shift + PAD
        indices = tf.range(tf.shape(indices)[0])
    # One operation picks, crops, mirrors and converts: faster than gathering pixels, and exact with
    # nearest neighbours. A box is (y1, x1, y2, x2), with 1 at the centre of the last pixel; x1 > x2
    # reads it from right to left.
    height, width = (side - 1.0 for side in images.shape[1:3])
    start = tf.cast(shift, tf.float32) / (height, width)
    top, left = start[:, 0], start[:, 1]
    bottom, right = top + (size[0] - 1) / height, left + (size[1] - 1) / width
    x1, x2 = tf.where(mirrored, right, left), tf.where(mirrored, left, right)
    boxes = tf.stack([top, x1, bottom, x2], axis=-1)
    # Slightly towards the centre: rounding would place border pixels outside, where it is black.
    boxes = 0.5 + (boxes - 0.5) * (1 - 1e-4)
    return tf.image.crop_and_resize(images, boxes, indices, size, method="nearest")
