"""Our networks in PyTorch, in its fastest form on a processor: channels last, and bfloat16 by
autocast where ours uses it."""

import sys

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contestants import CLASSES, EVAL_BATCH, IMAGE, Assignment, Step, strided

_LAST = {"memory_format": torch.channels_last}


def step(what: Assignment, compiled: bool = False) -> Step:
    network = network_of(what).to(**_LAST)
    network.train(what.task != "inference")
    forward = torch.compile(network) if compiled else network
    low = torch.autocast("cpu", torch.bfloat16, enabled=what.precision == "mixed_bfloat16")
    n = what.batch_size if network.training else EVAL_BATCH
    images = torch.randn(n, IMAGE[2], *IMAGE[:2]).to(**_LAST)
    labels = torch.arange(n) % CLASSES
    optimizer = torch.optim.SGD(
        network.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True
    )

    def infer():
        with torch.inference_mode(), low:
            forward(images)

    def train():
        optimizer.zero_grad()
        with low:
            loss = functional.cross_entropy(forward(images).float(), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    work = train if network.training else infer
    if compiled:
        try:
            work()
        except Exception as error:  # one of many kinds, where there is no C++ compiler
            first = str(error).strip().partition("\n")[0]
            sys.exit(f"torch.compile does not work here: {first}")
    return work, n


def network_of(row) -> nn.Module:
    """The network of a row of `tfresnet.models.resnet.NETWORKS`, or of an `Assignment`."""
    expansion = 4 if row.bottleneck else 1

    def conv_bn(in_channels, filters, size, strides=1):
        conv = nn.Conv2d(in_channels, filters, size, strides, size // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(filters))

    class Unit(nn.Module):
        def __init__(self, in_channels, filters, strides):
            super().__init__()
            sizes = (1, 3, 1) if row.bottleneck else (3, 3)
            widths = [in_channels, *[filters] * (len(sizes) - 1), filters * expansion]
            steps = (strides, 1, 1)
            self.parts = nn.ModuleList(map(conv_bn, widths, widths[1:], sizes, steps))
            self.strides, self.missing = strides, widths[-1] - in_channels
            self.projection = None
            if row.shortcut == "B" and (strides > 1 or self.missing):
                self.projection = conv_bn(in_channels, widths[-1], 1, strides)

        def forward(self, x):
            y = self.parts[0](x)
            for part in self.parts[1:]:
                y = part(functional.relu(y))
            return functional.relu(y + self.shortcut(x) if row.shortcut else y)

        def shortcut(self, x):
            if self.projection is not None:
                return self.projection(x)
            x = x[:, :, :: self.strides, :: self.strides]
            return functional.pad(x, (0, 0, 0, 0, 0, self.missing)) if self.missing else x

    channels = row.filters[0]
    layers = [conv_bn(IMAGE[2], channels, 3), nn.ReLU()]
    for filters, strides in strided(row):
        layers.append(Unit(channels, filters, strides))
        channels = filters * expansion
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]
    return nn.Sequential(*layers)
