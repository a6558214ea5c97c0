"""A user's network as one layer of a model, whose file then holds no code."""

import keras

from tfresnet.errors import InputError

NEEDS_CODE = "the code of a network runs only with --model FILE.py or, for a run, --trust-code"


@keras.saving.register_keras_serializable(package="tfresnet")
class OwnLayer(keras.layers.Layer):
    """Holds a network that only its own code can make again.

    A model file holds its weights and `made_for`; `OwnNetwork.custom_objects` makes it again when
    the file is read.

    Args:
        network: from pictures to answers, built.
        made_for: the shape, number of classes, precision and options that it was made for.
    """

    REGISTERED = "tfresnet>OwnLayer"

    def __init__(self, network: keras.Layer, made_for: dict, **kwargs):
        super().__init__(**{"name": "own"} | kwargs)
        self.network = network
        self.made_for = dict(made_for)

    def build(self, input_shape):
        pass  # it is built already

    def call(self, inputs):
        return self.network(inputs)

    def get_config(self):
        return super().get_config() | {"made_for": self.made_for}

    @classmethod
    def from_config(cls, config):
        raise InputError(f"{NEEDS_CODE}. Received: neither")
