"""The layers of the networks: normalisation, convolution + BN, residual and Inception units."""

from tfresnet.layers.convolution import Conv2D as Conv2D
from tfresnet.layers.convolution import ConvBN as ConvBN
from tfresnet.layers.inception import InceptionModule as InceptionModule
from tfresnet.layers.logits import Logits as Logits
from tfresnet.layers.normalization import BatchNormalization as BatchNormalization
from tfresnet.layers.own import OwnLayer as OwnLayer
from tfresnet.layers.preactivation import PreactIdentityBlock as PreactIdentityBlock
from tfresnet.layers.preactivation import PreactProjectionBlock as PreactProjectionBlock
from tfresnet.layers.preprocessing import Preprocessing as Preprocessing
from tfresnet.layers.residual import IdentityBlock as IdentityBlock
from tfresnet.layers.residual import PlainBlock as PlainBlock
from tfresnet.layers.residual import PooledProjectionBlock as PooledProjectionBlock
from tfresnet.layers.residual import ProjectionBlock as ProjectionBlock
from tfresnet.layers.residual import residual_unit as residual_unit
