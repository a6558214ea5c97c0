"""Two small networks for the lecture's tasks, with the variants that the tasks compare.

`cnn3`: "a 3-layer CNN with batch normalisation after every layer", and without it. `inception3`:
three modules of one kind and of equal width, to compare the kinds and the ways between them to a
smaller grid.
"""

from dataclasses import dataclass

import keras

from tfresnet.errors import InputError
from tfresnet.layers import BatchNormalization, InceptionModule
from tfresnet.models.network import CIFAR, Network
from tfresnet.models.registry import register


@dataclass(frozen=True, kw_only=True)
class SmallNetwork(Network):
    """Three of the subclass's `layer`s with a smaller grid between them, then a global mean."""

    widths: tuple[int, int, int]
    smallest: int = 4

    def features(self, x):
        for number, width in enumerate(self.widths, start=1):
            x = self.layer(x, width, f"conv{number}_block1")
            if number < len(self.widths):
                x = self.reduce(x, f"pool{number}")
        return x

    def reduce(self, x, name):
        return self.pool("max", 2, 2, name=name)(x)

    def check_option(self, option, known):
        value = getattr(self, option)
        if value not in known:
            rule = f"{option} of {self.name} must be one of {', '.join(known)}"
            raise InputError(f"{rule}. Received: {value!r}")


@dataclass(frozen=True, kw_only=True)
class ThreeLayers(SmallNetwork):
    """Option: `norm`: batch normalisation "before" the ReLU, "after" it, "without" any, or
    "unscaled": before it, without scale and shift."""

    norm: str = "before"

    OPTIONS = ("norm",)

    def layer(self, x, width, name):
        self.check_option("norm", ("before", "after", "without", "unscaled"))
        own = {"dtype": self.dtype, "name": f"{name}_bn"}
        if self.norm == "unscaled":
            x = self.conv(width, 3, use_bn=False, activation=None, name=name)(x)
            x = BatchNormalization(center=False, scale=False, **own)(x)
            return keras.layers.ReLU(dtype=self.dtype, name=f"{name}_relu")(x)
        x = self.conv(width, 3, use_bn=self.norm == "before", name=name)(x)
        return BatchNormalization(**own)(x) if self.norm == "after" else x


# Kernel sizes of a module without branches. "linear3x3" has no ReLU between its two.
CHAINS = {"5x5": (5,), "two3x3": (3, 3), "linear3x3": (3, 3)}
CHAINS |= {"3x3": (3,), "two2x2": (2, 2), "asymmetric": ((1, 3), (3, 1))}
GRIDS = ("pool", "pool-widen", "widen-pool", "parallel")


@dataclass(frozen=True, kw_only=True)
class ThreeModules(SmallNetwork):
    """Options: `module`: "naive" or "reduced" (1x1 convolutions before the large ones and after the
    pooling), both with the same output channels; or one of CHAINS. `grid`: "pool" alone between
    modules, or twice the channels too, by a 3x3 convolution after the pooling, before it, or of
    half of the channels beside it ("parallel")."""

    module: str = "reduced"
    grid: str = "pool"

    OPTIONS = ("module", "grid")

    def features(self, x):
        x = self.conv(self.widths[0], 3, name="stem")(x)  # gives the 5x5 its full width
        return super().features(x)

    def layer(self, x, width, name):
        self.check_option("module", ("naive", "reduced", *CHAINS))
        parallel = self.module not in CHAINS
        return self._parallel(x, width, name) if parallel else self._chain(x, x.shape[-1], name)

    def reduce(self, x, name):
        self.check_option("grid", GRIDS)
        channels = x.shape[-1]
        if self.grid == "parallel":
            branches = {"conv": [(channels, 3)], "pool": ["max"]}
            return InceptionModule(branches, strides=2, dtype=self.dtype, name=name)(x)
        if self.grid == "pool":
            return super().reduce(x, name)
        widen, pool = self.conv(2 * channels, 3, name=f"{name}_widen"), super().reduce
        return widen(pool(x, name)) if self.grid == "pool-widen" else pool(widen(x), name)

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
        *first, last = CHAINS[self.module]
        between = None if self.module == "linear3x3" else "relu"
        for number, kernel in enumerate(first, start=1):
            x = self.conv(width, kernel, activation=between, name=f"{name}_{number}")(x)
        return self.conv(width, last, name=f"{name}_{1 + len(first)}" if first else name)(x)


register("cnn3", ThreeLayers(widths=(32, 64, 128), **CIFAR))
register("inception3", ThreeModules(widths=(32, 32, 32), **CIFAR))
