"""What the networks are made of: normalisation, convolution + BN, the residual units."""

from tfresnet.layers.convolution import Conv2D, ConvBN
from tfresnet.layers.normalization import BatchNormalization
from tfresnet.layers.residual import IdentityBlock, PlainBlock, ProjectionBlock, residual_unit

__all__ = [
    "BatchNormalization",
    "Conv2D",
    "ConvBN",
    "IdentityBlock",
    "PlainBlock",
    "ProjectionBlock",
    "residual_unit",
]
