"""The layers of the networks: normalisation, convolution + BN, residual and Inception units."""

from tfresnet.layers.convolution import Conv2D, ConvBN
from tfresnet.layers.inception import InceptionModule
from tfresnet.layers.logits import Logits
from tfresnet.layers.normalization import BatchNormalization
from tfresnet.layers.own import OwnLayer
from tfresnet.layers.preactivation import PreactIdentityBlock, PreactProjectionBlock
from tfresnet.layers.preprocessing import Preprocessing
from tfresnet.layers.residual import (
    IdentityBlock,
    PlainBlock,
    PooledProjectionBlock,
    ProjectionBlock,
    residual_unit,
)
