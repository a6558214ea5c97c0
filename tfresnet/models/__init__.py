"""One file a network family; importing this package registers them all."""

from tfresnet.models import (  # noqa: F401  (they register themselves)
    alexnet,
    googlenet,
    inception_v3,
    nin,
    resnet,
    resnet_d,
    resnet_v2,
    small,
    vgg19,
)
from tfresnet.models.files import load_model
from tfresnet.models.inference import inference_copy, of_any_size, refold, without_auxiliary
from tfresnet.models.inspection import (
    gives_probabilities,
    precision_of,
    preprocessing_of,
    stage_of,
    train_last_stages,
)
from tfresnet.models.registry import create_model, has_auxiliary, list_models
from tfresnet.models.weights import Weights, find_source, load_weights, read_weights

__all__ = [
    "Weights",
    "create_model",
    "find_source",
    "gives_probabilities",
    "has_auxiliary",
    "inference_copy",
    "list_models",
    "load_model",
    "load_weights",
    "of_any_size",
    "precision_of",
    "preprocessing_of",
    "read_weights",
    "refold",
    "stage_of",
    "train_last_stages",
    "without_auxiliary",
]
