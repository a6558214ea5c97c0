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
from tfresnet.models.files import inference_model, load_model, load_weights
from tfresnet.models.folding import inference_copy
from tfresnet.models.registry import create_model, has_auxiliary, list_models

__all__ = [
    "create_model",
    "has_auxiliary",
    "inference_copy",
    "inference_model",
    "list_models",
    "load_model",
    "load_weights",
]
