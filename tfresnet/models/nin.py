"""Network in Network: after each convolution two 1x1 convolutions, at the end no dense layer.

Source: Lin et al., 2013, https://arxiv.org/abs/1312.4400. The paper prints few sizes: the rows
below are those of the models that its authors published for Caffe (ImageNet and CIFAR-10).

One deviation: no ReLU after the last convolution. Its maps are the logits of the classes, and a
class whose map is zero everywhere would get no gradient.

CIFAR form (images of up to 64 pixels): the authors' own, with batch normalisation, which they did
not have (`batch_norm=False` gives theirs).
"""

from dataclasses import dataclass

import keras

from tfresnet.layers import ConvBN
from tfresnet.models.files import load_weights
from tfresnet.models.forms import choose_form
from tfresnet.models.head import class_maps, image_input
from tfresnet.models.registry import register


@dataclass(frozen=True)
class Block:
    """A convolution, its 1x1 convolutions with `mlp` filters, and the 3x3 / 2 pooling after it.

    `pool_padding` is "valid" or "same"; without a `pool` there is none.
    """

    filters: int
    kernel: int
    mlp: tuple[int, ...]
    strides: int = 1
    padding: str = "same"
    pool: str | None = None
    pool_padding: str = "same"
    dropout: float = 0.0


@dataclass(frozen=True)
class Form:
    """A published network; the 1x1 convolution to the classes follows the last block."""

    blocks: tuple[Block, ...]
    batch_norm: bool
    smallest: int
    num_classes: int
    input_shape: tuple[int, int, int]


FORMS = {
    "imagenet": Form(
        blocks=(
            Block(96, 11, (96, 96), 4, "valid", pool="max", pool_padding="valid"),
            Block(256, 5, (256, 256), pool="max"),
            Block(384, 3, (384, 384), pool="max", pool_padding="valid", dropout=0.5),
            Block(1024, 3, (1024,)),
        ),
        batch_norm=False,
        smallest=51,
        num_classes=1000,
        input_shape=(224, 224, 3),
    ),
    "cifar": Form(
        blocks=(
            Block(192, 5, (160, 96), pool="max", dropout=0.5),
            Block(192, 5, (192, 192), pool="average", dropout=0.5),
            Block(192, 3, (192,)),
        ),
        batch_norm=True,
        smallest=4,
        num_classes=10,
        input_shape=(32, 32, 3),
    ),
}
_POOLS = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}


def build(
    *,
    num_classes: int | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = None,
    weights: str | None = None,
    form: str = "auto",
    batch_norm: bool | None = None,
) -> keras.Model:
    """Network in Network as a Functional model.

    Args:
        num_classes, input_shape: 1000 at 224 by default, or 10 at 32 in the CIFAR form.
        include_top, pooling, classifier_activation, weights: as `tfresnet.models.resnet.build`.
        form: "imagenet", "cifar", or "auto": the second for images of up to 64 pixels.
        batch_norm: normalise after each convolution but the last; None: in the CIFAR form only.

    Raises:
        InputError: an impossible value.
    """
    given = {"num_classes": num_classes, "batch_norm": batch_norm}
    row = choose_form(FORMS, form, "nin", input_shape=input_shape, **given)
    images = x = image_input(row.input_shape, smallest=row.smallest, network="nin (this form)")
    for number, block in enumerate(row.blocks, start=1):
        x = _mlpconv(x, block, number, row.batch_norm)
    outputs = class_maps(
        x,
        num_classes=row.num_classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
    )
    return load_weights(keras.Model(images, outputs, name="nin"), weights)


def _mlpconv(x, block, number, use_bn):
    x = ConvBN(
        block.filters,
        block.kernel,
        block.strides,
        padding=block.padding,
        use_bn=use_bn,
        name=f"conv{number}_block1",
    )(x)
    for index, filters in enumerate(block.mlp, start=2):
        x = ConvBN(filters, 1, use_bn=use_bn, name=f"conv{number}_block{index}")(x)
    if block.pool:
        pool = _POOLS[block.pool]
        x = pool(3, strides=2, padding=block.pool_padding, name=f"pool{number}")(x)
    if block.dropout:
        x = keras.layers.Dropout(block.dropout, name=f"dropout{number}")(x)
    return x


register("nin", build)
