"""torchvision's residual networks in a few lines, to make state dicts of: its names, its places of
strides, and akamaster's shortcut for CIFAR-10."""

import torch
from torch import nn
from torch.nn import functional


class Unit(nn.Module):
    def __init__(self, before, filters, stride, bottleneck, option_a):
        super().__init__()
        self.after = filters * 4 if bottleneck else filters
        self.stride, self.bottleneck = stride, bottleneck
        first, second = (1, stride) if bottleneck else (stride, 1)
        size = 1 if bottleneck else 3
        self.conv1 = nn.Conv2d(before, filters, size, first, size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, second, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        if bottleneck:
            self.conv3 = nn.Conv2d(filters, self.after, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(self.after)
        self.downsample = None
        if (stride > 1 or before != self.after) and not option_a:
            shortcut = nn.Conv2d(before, self.after, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(self.after))

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        if self.bottleneck:
            y = self.bn3(self.conv3(functional.relu(y)))
        if self.downsample is not None:
            x = self.downsample(x)
        elif self.stride > 1:
            zeros = (self.after - x.shape[1]) // 2
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, zeros, zeros))
        return functional.relu(x + y)


class ResNet(nn.Module):
    def __init__(self, units, filters, bottleneck, classes=10, option_a=False):
        super().__init__()
        self.option_a = option_a  # and the stem for small images
        size, stride = (3, 1) if option_a else (7, 2)
        self.conv1 = nn.Conv2d(3, filters, size, stride, size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        before = filters
        for stage, count in enumerate(units):
            parts = []
            for index in range(count):
                stride = 2 if stage and not index else 1
                parts.append(Unit(before, filters * 2**stage, stride, bottleneck, option_a))
                before = parts[-1].after
            setattr(self, f"layer{stage + 1}", nn.Sequential(*parts))
        self.stages = len(units)
        setattr(self, "linear" if option_a else "fc", nn.Linear(before, classes))

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = x if self.option_a else functional.max_pool2d(x, 3, 2, 1)
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return (self.linear if self.option_a else self.fc)(x.mean((2, 3)))


def randomised(**options):
    """A network in which no statistic, scale or bias has its initial value."""
    torch.manual_seed(3)
    network = ResNet(**options).eval()
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.dim() == 1:
                value.uniform_(0.7, 1.3)
    return network
