"""GoogLeNet (Inception v1).

Source: Szegedy et al., 2014, https://arxiv.org/abs/1409.4842, Table 1 and Fig. 3.

Left out: local response normalisation. The first convolution is a full 7x7; the table's 2.7K
parameters for it are those of a separable one (`python -m tfresnet.param_count --slides`).

The two auxiliary classifiers exist only in a network built with `auxiliary=True`, which is how it
is trained; their dense layers make that network one of fixed size.

CIFAR form (images of up to 64 pixels), what is different: the first convolution is 3x3 with stride
1, no pooling after the second (in all a stride of 8 instead of 32); batch normalisation.
"""

from dataclasses import dataclass

import keras

from tfresnet.layers import ConvBN, InceptionModule
from tfresnet.models.files import load_weights
from tfresnet.models.forms import choose_form
from tfresnet.models.head import classifier, dense_classifier, image_input
from tfresnet.models.registry import register


@dataclass(frozen=True)
class Module:
    """A row of Table 1: filters by column."""

    conv1x1: int
    reduce3x3: int
    conv3x3: int
    reduce5x5: int
    conv5x5: int
    pool_proj: int


MODULES = {
    "3a": Module(64, 96, 128, 16, 32, 32),
    "3b": Module(128, 128, 192, 32, 96, 64),
    "4a": Module(192, 96, 208, 16, 48, 64),
    "4b": Module(160, 112, 224, 24, 64, 64),
    "4c": Module(128, 128, 256, 24, 64, 64),
    "4d": Module(112, 144, 288, 32, 64, 64),
    "4e": Module(256, 160, 320, 32, 128, 128),
    "5a": Module(256, 160, 320, 32, 128, 128),
    "5b": Module(384, 192, 384, 48, 128, 128),
}
STEM_FILTERS = (64, 64, 192)  # 7x7, 1x1 ("reduce"), 3x3
POOLED = {"3b": "pool3", "4e": "pool4"}  # the modules that a 3x3 / 2 max pooling follows
DROPOUT = 0.4


@dataclass(frozen=True)
class Auxiliary:
    """An auxiliary classifier (section 5): where it starts, and its sizes."""

    after: tuple[str, ...] = ("4a", "4d")
    pool: int = 5
    pool_strides: int = 3
    filters: int = 128
    dense: tuple[int, ...] = (1024,)
    dropout: float = 0.7


AUXILIARY = Auxiliary()


@dataclass(frozen=True)
class Form:
    """What depends on the size of the images; `pools`: those of the stem."""

    kernel: int
    strides: int
    pools: tuple[str, ...]
    batch_norm: bool
    num_classes: int
    input_shape: tuple[int, int, int]
    smallest: int
    smallest_auxiliary: int  # leaves the auxiliary pooling its size


FORMS = {
    "imagenet": Form(7, 2, ("pool1", "pool2"), False, 1000, (224, 224, 3), 32, 65),
    "cifar": Form(3, 1, ("pool1",), True, 10, (32, 32, 3), 8, 17),
}


def build(
    *,
    num_classes: int | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    classifier_activation: str | None = None,
    weights: str | None = None,
    form: str = "auto",
    auxiliary: bool = False,
    naive: bool = False,
    batch_norm: bool | None = None,
) -> keras.Model:
    """GoogLeNet as a Functional model with one layer a module.

    Args:
        num_classes, input_shape: 1000 at 224 by default, or 10 at 32 in the CIFAR form.
        include_top, pooling, classifier_activation, weights: as `tfresnet.models.resnet.build`.
        form: "imagenet", "cifar", or "auto": the second for images of up to 64 pixels.
        auxiliary: outputs are [logits, logits after 4a, logits after 4d], for training.
        naive: the module of Fig. 2a, without 1x1 reductions: channels pile up from row to row.
        batch_norm: normalise in each layer but the last; None: in the CIFAR form only.

    Raises:
        InputError: an impossible value.
    """
    given = {"num_classes": num_classes, "batch_norm": batch_norm}
    row = choose_form(FORMS, form, "googlenet", input_shape=input_shape, **given)
    top = {"num_classes": row.num_classes, "classifier_activation": classifier_activation}
    auxiliary = auxiliary and include_top
    images = image_input(
        row.input_shape,
        smallest=row.smallest_auxiliary if auxiliary else row.smallest,
        network="googlenet (this form)" + (" with auxiliary classifiers" if auxiliary else ""),
        fixed=auxiliary,
    )
    x = _stem(images, row)
    outputs = []
    for name, module in MODULES.items():
        x = InceptionModule(
            branches(module, naive), use_bn=row.batch_norm, name=f"inception{name}"
        )(x)
        if auxiliary and name in AUXILIARY.after:
            outputs.append(_auxiliary(x, f"auxiliary{name}_", row.batch_norm, top))
        if name in POOLED:
            x = _pool(x, POOLED[name])
    main = classifier(x, include_top=include_top, pooling=pooling, dropout=DROPOUT, **top)
    outputs = [main, *outputs] if outputs else main
    return load_weights(keras.Model(images, outputs, name="googlenet"), weights)


def branches(module: Module, naive: bool = False) -> dict:
    """The branches of Fig. 2b, or of Fig. 2a, for `InceptionModule`."""
    if naive:
        return {
            "conv1x1": [(module.conv1x1, 1)],
            "conv3x3": [(module.conv3x3, 3)],
            "conv5x5": [(module.conv5x5, 5)],
            "pool": ["max"],
        }
    return {
        "conv1x1": [(module.conv1x1, 1)],
        "conv3x3": [(module.reduce3x3, 1), (module.conv3x3, 3)],
        "conv5x5": [(module.reduce5x5, 1), (module.conv5x5, 5)],
        "pool": ["max", (module.pool_proj, 1)],
    }


def _stem(x, row):
    first, reduce, second = STEM_FILTERS
    x = ConvBN(first, row.kernel, row.strides, use_bn=row.batch_norm, name="conv1")(x)
    x = _pool(x, "pool1")
    x = ConvBN(reduce, 1, use_bn=row.batch_norm, name="conv2_block1")(x)
    x = ConvBN(second, 3, use_bn=row.batch_norm, name="conv2_block2")(x)
    return _pool(x, "pool2") if "pool2" in row.pools else x


def _pool(x, name):
    return keras.layers.MaxPooling2D(3, strides=2, padding="same", name=name)(x)


def _auxiliary(x, prefix, use_bn, top):
    aux = AUXILIARY
    x = keras.layers.AveragePooling2D(aux.pool, aux.pool_strides, name=f"{prefix}pool")(x)
    x = ConvBN(aux.filters, 1, use_bn=use_bn, name=f"{prefix}conv")(x)
    head = {"hidden": aux.dense, "dropout": aux.dropout, "use_bn": use_bn, "prefix": prefix}
    return dense_classifier(x, **head, **top)


register("googlenet", build)
