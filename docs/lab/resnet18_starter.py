"""ResNet-18 for CIFAR-10, for you to complete: replace each `raise` by code of your own.

    python -m tfresnet.check_unit resnet18_starter.py residual_unit
    python -m tfresnet.check_unit resnet18_starter.py resnet18
    python train.py --model resnet18_starter.py:resnet18

Each command names a gap that is still open. Figures and tables are those of the paper: K. He,
X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition, 2015.
"""

import keras
from keras import layers

# Channels and units of the four stages: Table 1, the column "18-layer".
STAGES = ((64, 2), (128, 2), (256, 2), (512, 2))


def conv_bn(x, filters, kernel, strides=1):
    """A convolution that keeps the size of the map (at stride 1), then batch normalisation."""
    raise NotImplementedError("gap 1 is open: a convolution without bias, batch normalisation")


def shortcut(x, filters, strides):
    """What is added to the branch: `x` itself where the shape fits, else a projection of it."""
    if strides == 1 and x.shape[-1] == filters:
        return x
    raise NotImplementedError("gap 2 is open: a 1x1 convolution with stride, batch normalisation")


def residual_unit(x, filters, strides=1, plain=False):
    """The unit of Figure 5, left: two 3x3 convolutions and a shortcut, y = relu(F(x) + x).

    The first convolution has the stride. With `plain` there is no shortcut: y = relu(F(x)).
    """
    raise NotImplementedError("gap 3 is open: the branch, the sum with the shortcut, two ReLUs")


def network(input_shape, num_classes, plain):
    """The network of Table 1 for small images: the stem is one 3x3 convolution without pooling."""
    images = keras.Input(input_shape)
    x = layers.ReLU()(conv_bn(images, 64, 3))
    raise NotImplementedError("gap 4 is open: the units of STAGES, a global mean, a dense layer")
    return keras.Model(images, x)


def resnet18(input_shape, num_classes):
    return network(input_shape, num_classes, plain=False)


def plain18(input_shape, num_classes):
    """The same layers without shortcuts, for comparison."""
    return network(input_shape, num_classes, plain=True)
