"""VGG-19: nothing but 3x3 convolutions, 2x2 poolings and dense layers.

Source: Simonyan and Zisserman, 2014, https://arxiv.org/abs/1409.1556, Table 1, configuration E.

The dense layers follow the feature maps, so a network is made for one size of image.

CIFAR form (images of up to 64 pixels), what is different: dense layers of 512; batch normalisation,
without which 19 layers do not get going at the rates that all networks here are trained with.
"""

from dataclasses import dataclass

import keras

from tfresnet.layers import ConvBN
from tfresnet.models.files import load_weights
from tfresnet.models.forms import choose_form
from tfresnet.models.head import dense_classifier, image_input
from tfresnet.models.registry import register

# (convolutions, filters) of the five blocks; a 2x2 / 2 max pooling ends each.
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
DROPOUT = 0.5


@dataclass(frozen=True)
class Form:
    """What depends on the size of the images."""

    dense: tuple[int, ...]
    batch_norm: bool
    num_classes: int
    input_shape: tuple[int, int, int]


FORMS = {
    "imagenet": Form((4096, 4096), False, 1000, (224, 224, 3)),
    "cifar": Form((512, 512), True, 10, (32, 32, 3)),
}


def build(
    *,
    num_classes: int | None = None,
    input_shape: tuple[int, int, int] | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = None,
    weights: str | None = None,
    form: str = "auto",
    batch_norm: bool | None = None,
) -> keras.Model:
    """VGG-19 as a Functional model; names as in Keras Applications, `block1_conv1`.

    Args:
        num_classes, input_shape: 1000 at 224 by default, or 10 at 32 in the CIFAR form.
        include_top, pooling, classifier_activation, weights: as `tfresnet.models.resnet.build`.
        form: "imagenet", "cifar", or "auto": the second for images of up to 64 pixels.
        batch_norm: normalise in each layer but the last; None: in the CIFAR form only.

    Raises:
        InputError: an impossible value.
    """
    given = {"num_classes": num_classes, "batch_norm": batch_norm}
    row = choose_form(FORMS, form, "vgg19", input_shape=input_shape, **given)
    images = x = image_input(
        row.input_shape, smallest=2 ** len(BLOCKS), network="vgg19", fixed=include_top
    )
    for block, (convolutions, filters) in enumerate(BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            x = ConvBN(filters, 3, use_bn=row.batch_norm, name=f"block{block}_conv{number}")(x)
        x = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    outputs = dense_classifier(
        x,
        hidden=row.dense,
        dropout=DROPOUT,
        use_bn=row.batch_norm,
        num_classes=row.num_classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
    )
    return load_weights(keras.Model(images, outputs, name="vgg19"), weights)


register("vgg19", build)
