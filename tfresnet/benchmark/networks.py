"""A row of `tfresnet.models.resnet.NETWORKS` as others write it: stock Keras, KerasHub, PyTorch.

Three-channel images of 32x32 with the 3x3 stem, ten classes, the same shortcuts as ours. The row is
handed over, so that the process that measures PyTorch need not load TensorFlow.
"""

IMAGE = (32, 32, 3)
CLASSES = 10


def stock_keras(network):
    """The network from Keras' own layers alone."""
    from keras import Input, Model, layers, ops

    def conv_bn(x, filters, size, strides=1, relu=True):
        x = layers.Conv2D(filters, size, strides, "same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        return layers.ReLU()(x) if relu else x

    def shortcut(x, channels, strides):
        if strides == 1 and x.shape[-1] == channels:
            return x
        if network.shortcut == "B":
            return conv_bn(x, channels, 1, strides, relu=False)
        missing = channels - x.shape[-1]
        return ops.pad(x[:, ::strides, ::strides], [[0, 0], [0, 0], [0, 0], [0, missing]])

    def unit(x, filters, strides):
        if network.bottleneck:
            y = conv_bn(conv_bn(x, filters, 1, strides), filters, 3)
            y = conv_bn(y, 4 * filters, 1, relu=False)
        else:
            y = conv_bn(conv_bn(x, filters, 3, strides), filters, 3, relu=False)
        if network.shortcut:
            y = layers.Add()([y, shortcut(x, y.shape[-1], strides)])
        return layers.ReLU()(y)

    images = Input(IMAGE)
    x = conv_bn(images, network.filters[0], 3)
    for filters, strides in _units(network):
        x = unit(x, filters, strides)
    x = layers.GlobalAveragePooling2D()(x)
    return Model(images, layers.Dense(CLASSES)(x))


def keras_hub(network):
    """The network from KerasHub's basic residual blocks; KerasHub's stem is for photographs."""
    from keras import Input, Model, layers
    from keras_hub.src.models.resnet.resnet_backbone import apply_stack

    images = Input(IMAGE)
    x = layers.Conv2D(network.filters[0], 3, padding="same", use_bias=False)(images)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for stage, (units, filters) in enumerate(zip(network.units, network.filters, strict=True)):
        x = apply_stack(
            x,
            filters,
            units,
            stride=2 if stage else 1,
            block_type="basic_block",
            use_pre_activation=False,
            first_shortcut=stage > 0,
            name=f"stage{stage}",
        )
    x = layers.GlobalAveragePooling2D()(x)
    return Model(images, layers.Dense(CLASSES)(x))


def pytorch(network):
    """The network as a `torch.nn.Module`."""
    from torch import nn
    from torch.nn import functional

    expansion = 4 if network.bottleneck else 1

    def conv_bn(in_channels, filters, size, strides=1):
        conv = nn.Conv2d(in_channels, filters, size, strides, size // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(filters))

    class Unit(nn.Module):
        def __init__(self, in_channels, filters, strides):
            super().__init__()
            sizes = (1, 3, 1) if network.bottleneck else (3, 3)
            widths = [in_channels, *[filters] * (len(sizes) - 1), filters * expansion]
            steps = (strides, 1, 1)
            self.parts = nn.ModuleList(map(conv_bn, widths, widths[1:], sizes, steps))
            self.strides, self.missing = strides, widths[-1] - in_channels
            changes = strides > 1 or self.missing
            self.projection = (
                conv_bn(in_channels, widths[-1], 1, strides)
                if changes and network.shortcut == "B"
                else None
            )

        def forward(self, x):
            y = self.parts[0](x)
            for part in self.parts[1:]:
                y = part(functional.relu(y))
            return functional.relu(y + self.shortcut(x) if network.shortcut else y)

        def shortcut(self, x):
            if self.projection is not None:
                return self.projection(x)
            x = x[:, :, :: self.strides, :: self.strides]
            return functional.pad(x, (0, 0, 0, 0, 0, self.missing)) if self.missing else x

    channels = network.filters[0]
    layers = [conv_bn(IMAGE[2], channels, 3), nn.ReLU()]
    for filters, strides in _units(network):
        layers.append(Unit(channels, filters, strides))
        channels = filters * expansion
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]
    return nn.Sequential(*layers)


def _units(network):
    """(filters, strides) of every unit."""
    for stage, (units, filters) in enumerate(zip(network.units, network.filters, strict=True)):
        for index in range(units):
            yield filters, 2 if stage and not index else 1
