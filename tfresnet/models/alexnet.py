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

CIFAR stem (images of up to 64 pixels), what is different: the first convolution is 5x5 with stride
2 and padded; dense layers of 1024; batch normalisation, without which it does not get going at the
rates that all networks here are trained with.
"""

from dataclasses import dataclass

from tfresnet.errors import InputError
from tfresnet.models.head import classifier
from tfresnet.models.network import CIFAR, Network
from tfresnet.models.registry import register

# Filters of the five convolutions.
WIDTHS = {"2012": (96, 256, 384, 384, 256), "2014": (64, 192, 384, 256, 256)}
KERNELS = (5, 3, 3, 3)  # of all but the first
POOLED = (1, 2, 5)  # the convolutions that a 3x3 / 2 max pooling follows
DROPOUT = 0.5


@dataclass(frozen=True, kw_only=True)
class AlexNet(Network):
    """The first convolution (`pads`: zeros on each side, by length of the side), the dense layers.

    Options: `widths`, see above; `batch_norm`: normalise in each layer but the last.
    """

    kernel: int
    strides: int
    padding: str
    pads: tuple[tuple[int, int], ...] = ()
    dense: tuple[int, ...]
    smallest: int
    widths: str = "2012"

    OPTIONS = ("widths", "batch_norm")

    @property
    def fixed(self):
        return self.include_top

    def features(self, x):
        if self.widths not in WIDTHS:
            raise InputError(
                f"widths of alexnet must be '2012' or '2014'. Received: {self.widths!r}"
            )
        first, *others = WIDTHS[self.widths]
        if pad := dict(self.pads).get(x.shape[1]):
            x = self.pad(pad, name="conv1_pad")(x)
        x = self.conv(first, self.kernel, self.strides, padding=self.padding, name="conv1")(x)
        x = self.pool("max", 3, 2, name="pool1")(x)
        for number, (filters, kernel) in enumerate(zip(others, KERNELS, strict=True), start=2):
            x = self.conv(filters, kernel, name=f"conv{number}")(x)
            if number in POOLED:
                x = self.pool("max", 3, 2, name=f"pool{number}")(x)
        return x

    def head(self, x):
        return classifier(x, self, hidden=self.dense, dropout=DROPOUT)


register(
    "alexnet",
    imagenet=AlexNet(
        kernel=11,
        strides=4,
        padding="valid",
        pads=((224, 2),),
        dense=(4096, 4096),
        batch_norm=False,
        smallest=67,
        input_shape=(227, 227, 3),
    ),
    cifar=AlexNet(kernel=5, strides=2, padding="same", dense=(1024, 1024), smallest=29, **CIFAR),
)
