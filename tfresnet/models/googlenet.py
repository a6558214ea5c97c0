"""GoogLeNet (Inception v1).

Source: Szegedy et al., 2014, https://arxiv.org/abs/1409.4842, Table 1 and Fig. 3.

Left out: local response normalisation. The first convolution is a full 7x7; the table's 2.7K
parameters for it are those of a separable one (`python -m tfresnet.param_count --slides`).

The two auxiliary classifiers exist only in a network built with `auxiliary=True`, which is how it
is trained; their dense layers make that network one of fixed size.

CIFAR stem (images of up to 64 pixels), what is different: the first convolution is 3x3 with stride
1, no pooling after the second (in all a stride of 8 instead of 32); batch normalisation.
"""

from dataclasses import dataclass

from tfresnet.layers import InceptionModule
from tfresnet.models.head import classifier
from tfresnet.models.network import CIFAR, Network
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
# The auxiliary classifiers (section 5): where they start, their pooling, layers and dropout.
AUXILIARY_AFTER = ("4a", "4d")
AUXILIARY_POOL = (5, 3)  # size, strides
AUXILIARY_FILTERS, AUXILIARY_DENSE, AUXILIARY_DROPOUT = 128, 1024, 0.7


@dataclass(frozen=True, kw_only=True)
class GoogLeNet(Network):
    """The first convolution and the poolings of the stem.

    Options: `auxiliary`: outputs are [logits, logits after 4a, logits after 4d], for training;
    `naive`: the module of Fig. 2a, without 1x1 reductions, where channels pile up from row to row;
    `batch_norm`: normalise in each layer but the last.
    """

    kernel: int
    strides: int
    pools: tuple[str, ...]
    sides: tuple[int, int]  # the shortest of an image: without auxiliary classifiers, with them
    naive: bool = False

    OPTIONS = ("auxiliary", "naive", "batch_norm")

    @property
    def smallest(self):
        return self.sides[self.auxiliary]

    @property
    def fixed(self):
        return self.auxiliary

    def features(self, x):
        x = self._stem(x)
        outputs = []
        for name, module in MODULES.items():
            x = InceptionModule(
                branches(module, self.naive),
                use_bn=self.batch_norm,
                dtype=self.dtype,
                name=f"inception{name}",
            )(x)
            if self.auxiliary and name in AUXILIARY_AFTER:
                outputs.append(self._auxiliary(x, f"auxiliary{name}_"))
            if name in POOLED:
                x = self._pool(x, POOLED[name])
        return [x, *outputs]

    def _stem(self, x):
        first, reduce, second = STEM_FILTERS
        x = self.conv(first, self.kernel, self.strides, name="conv1")(x)
        x = self._pool(x, "pool1")
        x = self.conv(reduce, 1, name="conv2_block1")(x)
        x = self.conv(second, 3, name="conv2_block2")(x)
        return self._pool(x, "pool2") if "pool2" in self.pools else x

    def _pool(self, x, name):
        return self.pool("max", 3, 2, padding="same", name=name)(x)

    def _auxiliary(self, x, prefix):
        x = self.pool("average", *AUXILIARY_POOL, name=f"{prefix}pool")(x)
        x = self.conv(AUXILIARY_FILTERS, 1, name=f"{prefix}conv")(x)
        hidden = {"hidden": (AUXILIARY_DENSE,), "dropout": AUXILIARY_DROPOUT}
        return classifier(x, self, **hidden, prefix=prefix)

    def head(self, x):
        return classifier(x, self, dropout=DROPOUT)


def branches(module: Module, naive: bool = False) -> dict:
    """The branches of Fig. 2b, or of Fig. 2a, for `InceptionModule`."""
    reduced = {
        "conv1x1": [(module.conv1x1, 1)],
        "conv3x3": [(module.reduce3x3, 1), (module.conv3x3, 3)],
        "conv5x5": [(module.reduce5x5, 1), (module.conv5x5, 5)],
        "pool": ["max", (module.pool_proj, 1)],
    }
    if not naive:
        return reduced
    # Without the 1x1 convolution before the others, and after the pooling.
    return {name: steps[-1:] for name, steps in reduced.items()} | {"pool": ["max"]}


register(
    "googlenet",
    imagenet=GoogLeNet(
        kernel=7, strides=2, pools=("pool1", "pool2"), sides=(32, 65), batch_norm=False
    ),
    cifar=GoogLeNet(kernel=3, strides=1, pools=("pool1",), sides=(8, 17), **CIFAR),
)
