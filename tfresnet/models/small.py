"""Two small networks for the lecture's tasks, with the variants that the tasks compare.

`cnn3`: "a 3-layer CNN with batch normalisation after every layer", and without it. `inception3`:
three modules of one kind and of equal width, to compare the kinds.
"""

from dataclasses import dataclass

from tfresnet.errors import InputError
from tfresnet.layers import BatchNormalization, InceptionModule
from tfresnet.models.network import CIFAR, Network
from tfresnet.models.registry import register


@dataclass(frozen=True, kw_only=True)
class SmallNetwork(Network):
    """Three of the subclass's `layer`s with 2x2 max pooling between them, then a global mean."""

    widths: tuple[int, int, int]
    smallest: int = 4

    def features(self, x):
        for number, width in enumerate(self.widths, start=1):
            x = self.layer(x, width, f"conv{number}_block1")
            if number < len(self.widths):
                x = self.pool("max", 2, 2, name=f"pool{number}")(x)
        return x

    def check_option(self, option, known):
        value = getattr(self, option)
        if value not in known:
            rule = f"{option} of {self.name} must be one of {', '.join(known)}"
            raise InputError(f"{rule}. Received: {value!r}")


@dataclass(frozen=True, kw_only=True)
class ThreeLayers(SmallNetwork):
    """Option: `norm`: batch normalisation "before" the ReLU, "after" it, or "without"."""

    norm: str = "before"

    OPTIONS = ("norm",)

    def layer(self, x, width, name):
        self.check_option("norm", ("before", "after", "without"))
        x = self.conv(width, 3, use_bn=self.norm == "before", name=name)(x)
        if self.norm == "after":
            x = BatchNormalization(dtype=self.dtype, name=f"{name}_bn")(x)
        return x


@dataclass(frozen=True, kw_only=True)
class ThreeModules(SmallNetwork):
    """Option: `module`: "naive" or "reduced" (1x1 convolutions before the large ones and after the
    pooling), both with the same output channels; or only "5x5", "two3x3" (with a ReLU between
    them) or "linear3x3" (without)."""

    module: str = "reduced"

    OPTIONS = ("module",)

    def features(self, x):
        x = self.conv(self.widths[0], 3, name="stem")(x)  # gives the 5x5 its full width
        return super().features(x)

    def layer(self, x, width, name):
        self.check_option("module", ("naive", "reduced", "5x5", "two3x3", "linear3x3"))
        parallel = self.module in ("naive", "reduced")
        return (self._parallel if parallel else self._chain)(x, width, name)

    def _parallel(self, x, width, name):
        half, pooled = width // 2, ["max"]
        branches = {"conv1x1": [(width, 1)], "conv3x3": [(width, 3)], "conv5x5": [(half, 5)]}
        if self.module == "reduced":
            branches["conv3x3"].insert(0, (half, 1))
            branches["conv5x5"].insert(0, (half // 4, 1))
            pooled.append((x.shape[-1], 1))
        options = {"use_bn": self.batch_norm, "dtype": self.dtype, "name": name}
        return InceptionModule(branches | {"pool": pooled}, **options)(x)

    def _chain(self, x, width, name):
        if self.module == "5x5":
            return self.conv(width, 5, name=name)(x)
        between = "relu" if self.module == "two3x3" else None
        x = self.conv(width, 3, activation=between, name=f"{name}_1")(x)
        return self.conv(width, 3, name=f"{name}_2")(x)


register("cnn3", ThreeLayers(widths=(32, 64, 128), **CIFAR))
register("inception3", ThreeModules(widths=(32, 32, 32), **CIFAR))
