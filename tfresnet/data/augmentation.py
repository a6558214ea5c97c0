"""The field's standard augmentation: a random part of an image, and mirroring.

Of small images in memory a crop that may hang over the border, of pictures in files one of random
size and shape (`pictures.random_box`).
"""

import tensorflow as tf

PAD = 4  # pixels a crop may hang over the image: the standard for 32x32 (He et al., 2015, 4.2)


def draw_shifts(base: tf.Tensor, n: int) -> tf.Tensor:
    """Random places of crops: int32 (n, 2), the rows and columns by which a crop stands lower and
    further right than its image, in -PAD..PAD; a pure function of `base`: int64 (seed, epoch)."""
    shifts = tf.random.experimental.stateless_fold_in(base, 1)
    # Philox by name: the algorithm is otherwise chosen by the device.
    shape, end = (n, 2), PAD + 1
    return tf.random.stateless_uniform(shape, shifts, -PAD, end, tf.int32, alg="philox")


def draw_boxes(base: tf.Tensor, n: int) -> tf.Tensor:
    """float32 (n, 4) in [0, 1), for `pictures.random_box`; a pure function of `base`."""
    boxes = tf.random.experimental.stateless_fold_in(base, 3)
    return tf.random.stateless_uniform((n, 4), boxes, alg="philox")


def draw_mirrored(base: tf.Tensor, n: int, *, flip: bool) -> tf.Tensor:
    """Which of `n` images are mirrored in an epoch, bool (n,); a pure function of `base`.

    None unless `flip`: a coin decides for the even epochs, and the odd ones show the other side. So
    two epochs show both sides of every image, where coins each time would show many one side twice
    (Jordan, 2024, https://arxiv.org/abs/2404.00498, section 3.6).
    """
    coins = tf.random.experimental.stateless_fold_in(base * [1, 0], 2)
    coin = tf.random.stateless_uniform((n,), coins, 0, 2, tf.int64, alg="philox")
    return ((coin + base[1]) % 2 == 1) & flip


def crop_and_flip(
    images: tf.Tensor,
    indices: tf.Tensor,
    shift: tf.Tensor,
    mirrored: tf.Tensor,
    padding_mode: str = "constant",
) -> tf.Tensor:
    """Crops as large as the images out of `images[indices]`, laid on more than themselves.

    images: uint8 (n, height, width, channels), height and width 2 or more. indices: int32 (batch,).
    shift: int32 (batch, 2), the rows and columns by which the crop stands lower and further right
    than the image. mirrored: bool (batch,), whether the crop is mirrored, left to right.
    padding_mode: what is beyond an image's border: black ("constant"), or up to PAD pixels of
    itself mirrored there ("reflect").
    Returns float32 (batch, height, width, channels), the values 0..255 unchanged.
    """
    size = images.shape[1:3]
    if padding_mode == "reflect":
        margins = [(0, 0), (PAD, PAD), (PAD, PAD), (0, 0)]
        images, shift = tf.pad(tf.gather(images, indices), margins, "REFLECT"), shift + PAD
        indices = tf.range(tf.shape(indices)[0])
    # One operation that picks images, crops, mirrors and converts beats gathers of pixels, and is
    # exact for nearest neighbours. Its boxes are (y1, x1, y2, x2), with 1 for the last pixel's
    # centre; a box with x1 > x2 is read from right to left.
    height, width = (side - 1.0 for side in images.shape[1:3])
    start = tf.cast(shift, tf.float32) / (height, width)
    top, left = start[:, 0], start[:, 1]
    bottom, right = top + (size[0] - 1) / height, left + (size[1] - 1) / width
    x1, x2 = tf.where(mirrored, right, left), tf.where(mirrored, left, right)
    boxes = tf.stack([top, x1, bottom, x2], axis=-1)
    # Towards the centre by a trifle, or rounding takes border pixels for outside, which is black.
    boxes = 0.5 + (boxes - 0.5) * (1 - 1e-4)
    return tf.image.crop_and_resize(images, boxes, indices, size, method="nearest")
