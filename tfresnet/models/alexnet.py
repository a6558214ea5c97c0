"""AlexNet in one tower.

Sources: Krizhevsky et al., 2012, "ImageNet Classification with Deep Convolutional Neural Networks"
(the layer sizes of the original, `widths="2012"`); Krizhevsky, 2014, "One weird trick",
https://arxiv.org/abs/1404.5997 (the later, narrower form without groups, `widths="2014"`, which is
what most libraries call AlexNet).

Left out: the split into two towers, a matter of 3 GB of memory (with it, three convolutions see
half of their input and the network has 1.4 million parameters less), and local response
normalisation, which the later form dropped. The paper says 224 pixels, its arithmetic needs 227:
an image of 224 gets two zeros on each side, as the later code has it, and one of 227 none. Dense
layers follow the feature maps, so a network is made for one size of image.

CIFAR form (images of up to 64 pixels), what is different: the first convolution is 5x5 with stride
2 and padded; dense layers of 1024; batch normalisation, without which it does not get going at the
rates that all networks here are trained with.
"""

from dataclasses import dataclass

import keras

from tfresnet.errors import InputError
from tfresnet.layers import ConvBN
from tfresnet.models.files import load_weights
from tfresnet.models.forms import choose_form
from tfresnet.models.head import dense_classifier, image_input
from tfresnet.models.registry import register

# Filters of the five convolutions.
WIDTHS = {"2012": (96, 256, 384, 384, 256), "2014": (64, 192, 384, 256, 256)}
KERNELS = (5, 3, 3, 3)  # of all but the first
POOLED = (1, 2, 5)  # the convolutions that a 3x3 / 2 max pooling follows
DROPOUT = 0.5


@dataclass(frozen=True)
class Form:
    """What depends on the size of the images; `pads`: zeros on each side by length of the side."""

    kernel: int
    strides: int
    padding: str
    pads: tuple[tuple[int, int], ...]
    dense: tuple[int, ...]
    batch_norm: bool
    smallest: int
    num_classes: int
    input_shape: tuple[int, int, int]


FORMS = {
    "imagenet": Form(11, 4, "valid", ((224, 2),), (4096, 4096), False, 67, 1000, (227, 227, 3)),
    "cifar": Form(5, 2, "same", (), (1024, 1024), True, 29, 10, (32, 32, 3)),
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
    widths: str = "2012",
    batch_norm: bool | None = None,
) -> keras.Model:
    """AlexNet as a Functional model.

    Args:
        num_classes, input_shape: 1000 at 227 by default, or 10 at 32 in the CIFAR form.
        include_top, pooling, classifier_activation, weights: as `tfresnet.models.resnet.build`.
        form: "imagenet", "cifar", or "auto": the second for images of up to 64 pixels.
        widths: "2012" or "2014", see above.
        batch_norm: normalise in each layer but the last; None: in the CIFAR form only.

    Raises:
        InputError: an impossible value.
    """
    if widths not in WIDTHS:
        raise InputError(f"widths of alexnet must be '2012' or '2014'. Received: {widths!r}")
    given = {"num_classes": num_classes, "batch_norm": batch_norm}
    row = choose_form(FORMS, form, "alexnet", input_shape=input_shape, **given)
    images = image_input(
        row.input_shape, smallest=row.smallest, network="alexnet", fixed=include_top
    )
    outputs = dense_classifier(
        _features(images, row, WIDTHS[widths]),
        hidden=row.dense,
        dropout=DROPOUT,
        use_bn=row.batch_norm,
        num_classes=row.num_classes,
        include_top=include_top,
        pooling=pooling,
        classifier_activation=classifier_activation,
    )
    return load_weights(keras.Model(images, outputs, name="alexnet"), weights)


def _features(x, row, widths):
    pad = dict(row.pads).get(x.shape[1], 0)
    if pad:
        x = keras.layers.ZeroPadding2D(pad, name="conv1_pad")(x)
    x = ConvBN(
        widths[0], row.kernel, row.strides, padding=row.padding, use_bn=row.batch_norm, name="conv1"
    )(x)
    x = _pool(x, 1)
    for number, (filters, kernel) in enumerate(zip(widths[1:], KERNELS, strict=True), start=2):
        x = ConvBN(filters, kernel, use_bn=row.batch_norm, name=f"conv{number}")(x)
        if number in POOLED:
            x = _pool(x, number)
    return x


def _pool(x, number):
    return keras.layers.MaxPooling2D(3, strides=2, name=f"pool{number}")(x)


register("alexnet", build)
