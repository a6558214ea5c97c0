"""One file a network family; importing this package registers them all."""

from tfresnet.models import resnet  # noqa: F401  (registers)
from tfresnet.models.files import inference_model, load_model, load_weights
from tfresnet.models.registry import create_model, list_models

__all__ = ["create_model", "inference_model", "list_models", "load_model", "load_weights"]
