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
from tfresnet.models.files import load_model
from tfresnet.models.inference import (
    classifier_layers,
    inference_copy,
    of_any_size,
    refold,
    without_auxiliary,
)
from tfresnet.models.inspection import (
    gives_probabilities,
    picture_side,
    precision_of,
    preprocessing_of,
    stage_of,
    train_last_stages,
)
from tfresnet.models.preparing import preparing, swap_colours
from tfresnet.models.registry import (
    create_model,
    has_auxiliary,
    image_side,
    list_models,
    options_for,
)
from tfresnet.models.weights import Weights, find_source, read_weights
