"""One file per network family. The import of this package registers all networks."""

from tfresnet.models import (
    alexnet,
    googlenet,
    inception_v3,
    nin,
    resnet,
    resnet_d,
    resnet_v2,
    small,
    vgg,
)
from tfresnet.models.files import load_model as load_model
from tfresnet.models.inference import classifier_layers as classifier_layers
from tfresnet.models.inference import inference_copy as inference_copy
from tfresnet.models.inference import of_any_size as of_any_size
from tfresnet.models.inference import refold as refold
from tfresnet.models.inference import without_auxiliary as without_auxiliary
from tfresnet.models.inspection import gives_probabilities as gives_probabilities
from tfresnet.models.inspection import picture_side as picture_side
from tfresnet.models.inspection import precision_of as precision_of
from tfresnet.models.inspection import preprocessing_of as preprocessing_of
from tfresnet.models.inspection import stage_of as stage_of
from tfresnet.models.inspection import train_last_stages as train_last_stages
from tfresnet.models.preparing import preparing as preparing
from tfresnet.models.preparing import swap_colours as swap_colours
from tfresnet.models.registry import create_model as create_model
from tfresnet.models.registry import has_auxiliary as has_auxiliary
from tfresnet.models.registry import image_side as image_side
from tfresnet.models.registry import list_models as list_models
from tfresnet.models.registry import options_for as options_for
from tfresnet.models.weights import Weights as Weights
from tfresnet.models.weights import find_source as find_source
from tfresnet.models.weights import read_weights as read_weights
