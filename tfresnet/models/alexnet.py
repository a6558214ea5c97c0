"""AlexNet in one tower.

Sources: Krizhevsky et al., 2012, "ImageNet Classification with Deep Convolutional Neural Networks"
(`widths="2012"`, the original layer sizes); Krizhevsky, 2014, "One weird trick",
https://arxiv.org/abs/1404.5997 (`widths="2014"`, the later and narrower form without groups, which
most libraries call AlexNet).

Left out: local response normalisation, which the later form dropped, and the split into two towers,
which made it fit 3 GB of memory. (The split halves the input of three convolutions and saves 1.4
million parameters.) The paper says 224 pixels, but its arithmetic needs 227: an image of 224 gets
two zeros on each side, as in the later code. The dense layers fix the size of the images.

CIFAR stem (images of up to 64 pixels): a padded 5x5 first convolution with stride 2, dense layers
of 1024, and batch normalisation. Without it, training does not start at the usual rates here.
"""

from dataclasses import dataclass

from tfresnet.errors import InputError
from tfresnet.models.network import CIFAR, Network
from tfresnet.models.registry import register

# Filters of the five convolutions.
WIDTHS = {"2012": (96, 256, 384, 384, 256), "2014": (64, 192, 384, 256, 256)}
KERNELS = (5, 3, 3, 3)  # of the second to fifth convolution
POOLED = (1, 2, 5)  # a 3x3 / 2 max pooling follows these convolutions


@dataclass(frozen=True, kw_only=True)
class AlexNet(Network):
    """Columns, with the ImageNet row as defaults: the first convolution and the dense layers.

    Options: `widths`, see above; `batch_norm`: normalise in every layer but the last.
    """

    kernel: int = 11
    strides: int = 4
    padding: str = "valid"
    dense: tuple[int, ...] = (4096, 4096)
    dropout_rate: float = 0.5
    batch_norm: bool = False
    smallest: int = 67
    input_shape: tuple[int | None, int | None, int] = (227, 227, 3)
    widths: str = "2012"

    OPTIONS = ("widths", "batch_norm")

    def features(self, x):
        if self.widths not in WIDTHS:
            raise InputError(
                f"widths of alexnet must be '2012' or '2014'. Received: {self.widths!r}"
            )
        first, *others = WIDTHS[self.widths]
        if self.padding == "valid" and x.shape[1] == 224:
            x = self.pad(2, name="conv1_pad")(x)
        x = self.conv(first, self.kernel, self.strides, padding=self.padding, name="conv1")(x)
        x = self.pool("max", 3, 2, name="pool1")(x)
        for number, (filters, kernel) in enumerate(zip(others, KERNELS, strict=True), start=2):
            x = self.conv(filters, kernel, name=f"conv{number}")(x)
            if number in POOLED:
                x = self.pool("max", 3, 2, name=f"pool{number}")(x)
        return x


_CIFAR = {"kernel": 5, "strides": 2, "padding": "same", "dense": (1024, 1024), "smallest": 29}
register("alexnet", AlexNet(), AlexNet(batch_norm=True, **_CIFAR, **CIFAR))
