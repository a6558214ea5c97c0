"""One file a network family; importing this package registers them all."""

from tfresnet.models import (  # noqa: F401  (they register themselves)
    alexnet,
    googlenet,
    inception_v3,
    nin,
    resnet,
    resnet_d,
    resnet_v2,
    vgg19,
)
from tfresnet.models.files import load_model, load_weights
from tfresnet.models.inference import inference_copy, refold, without_auxiliary
from tfresnet.models.inspection import gives_probabilities, precision_of, preprocessing_of
from tfresnet.models.registry import create_model, has_auxiliary, list_models

__all__ = [
    "create_model",
    "gives_probabilities",
    "has_auxiliary",
    "inference_copy",
    "list_models",
    "load_model",
    "load_weights",
    "precision_of",
    "preprocessing_of",
    "refold",
    "without_auxiliary",
]
