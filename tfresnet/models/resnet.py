"""The residual networks of He et al., 2015, and their plain twins.

Source: "Deep Residual Learning for Image Recognition", https://arxiv.org/abs/1512.03385.
"""

from dataclasses import dataclass

from tfresnet.errors import InputError
from tfresnet.layers import residual_unit
from tfresnet.layers.residual import SHORTCUTS
from tfresnet.models.network import CIFAR, Network
from tfresnet.models.registry import register


@dataclass(frozen=True, kw_only=True)
class ResNet(Network):
    """One column of a table: stage i has `units[i]` units with `filters[i]` channels.

    The stem is a 7x7 / 2 with max pooling ("imagenet"), one 3x3 ("cifar"), or a 3x3 with max
    pooling ("cifar_pool", which no paper has, but some files of weights).

    Options: `shortcut`: "A", "B" or "C" of section 4.1; "auto" is B for Table 1, A for section 4.2,
    and none for a plain network, which allows no other. `stride_in_3x3`: the later "v1.5"
    bottleneck. `zero_init_residual`: start every unit as the identity.
    """

    units: tuple[int, ...]
    filters: tuple[int, ...]
    bottleneck: bool
    shortcut: str | None
    source: str
    stem_filters: int | None = None  # None: those of the first stage
    stride_in_3x3: bool = False
    zero_init_residual: bool = False

    OPTIONS = ("shortcut", "stride_in_3x3", "zero_init_residual")

    @property
    def smallest(self):
        return 2 ** (len(self.units) - 1 + {"imagenet": 2, "cifar_pool": 1, "cifar": 0}[self.stem])

    def with_options(self, shortcut="auto", **options):
        if shortcut == "auto":
            return super().with_options(**options)
        if self.shortcut is None or shortcut not in SHORTCUTS[:3]:
            rule = "'auto'" if self.shortcut is None else "'auto', 'A', 'B' or 'C'"
            raise InputError(f"shortcut of {self.name} must be {rule}. Received: {shortcut!r}")
        return super().with_options(shortcut=shortcut, **options)

    def features(self, x):
        x = self._stem(x)
        for stage, (units, filters) in enumerate(zip(self.units, self.filters, strict=True)):
            for index in range(units):
                strides = 2 if stage > 0 and index == 0 else 1
                name = f"conv{stage + 2}_block{index + 1}"
                x = self.unit(x.shape[-1], filters, strides=strides, name=name)(x)
        return x

    def _stem(self, x):
        filters = self.stem_filters or self.filters[0]
        if self.stem == "imagenet":
            x = self.large_convolution(x, filters)
        else:
            x = self.conv(filters, 3, name="conv1")(x)
        if self.stem == "cifar":
            return x
        # After a ReLU nothing is negative, so zero padding does not change a maximum.
        x = self.pad(1, name="pool1_pad")(x)
        return self.pool("max", 3, 2, name="pool1")(x)

    def large_convolution(self, x, filters):
        return self.conv(filters, 7, 2, name="conv1")(x)

    def unit(self, in_channels, filters, **place):
        """The unit for one place. Families override this and pass their own arguments."""
        names = ("bottleneck", "stride_in_3x3", "zero_init_residual", "dtype")
        place |= {name: getattr(self, name) for name in names}
        return residual_unit(self.shortcut, in_channels, filters, **place)


# Table 1: units of each stage by depth.
UNITS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


def imagenet(depth, shortcut="B"):
    source = f"Table 1, {depth}-layer" + ("" if shortcut else "; plain: Fig. 3, middle")
    row = {"units": UNITS[depth], "filters": (64, 128, 256, 512), "bottleneck": depth >= 50}
    return ResNet(shortcut=shortcut, source=source, **row)


def cifar(depth, shortcut="A"):
    n = (depth - 2) // 6
    row = {"units": (n, n, n), "filters": (16, 32, 64), "bottleneck": False, "shortcut": shortcut}
    return ResNet(source=f"section 4.2 and Table 6, n = {n}", **row, **CIFAR)


NETWORKS = {
    **{f"resnet{depth}": imagenet(depth) for depth in UNITS},
    **{f"plain{depth}": imagenet(depth, shortcut=None) for depth in (18, 34)},
    **{f"resnet{depth}": cifar(depth) for depth in (8, 20, 32, 44, 56, 110, 1202)},
    **{f"plain{depth}": cifar(depth, shortcut=None) for depth in (20, 32, 44, 56, 110)},
}


for _name, _row in NETWORKS.items():
    register(_name, _row, cifar_pool=_row)
