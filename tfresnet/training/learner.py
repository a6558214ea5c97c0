"""What learns in a run: a network, its optimiser, and the averages of its weights."""

from dataclasses import dataclass

import keras
import numpy as np

from tfresnet import models
from tfresnet.data.dataset import Dataset
from tfresnet.errors import InputError
from tfresnet.own.network import OwnNetwork
from tfresnet.runs.network import build_network
from tfresnet.runs.variables import model_variables, optimizer_variables
from tfresnet.settings.config import TrainConfig
from tfresnet.training.averages import AveragedWeights
from tfresnet.training.muon import Muon
from tfresnet.training.optimizer import SGD
from tfresnet.training.rmsprop import RMSProp


@dataclass(frozen=True)
class Learner:
    """Everything in a run that has weights.

    network: is trained; may have auxiliary classifiers. optimizer: updates its weights. averages:
    of its weights, or None. model: is evaluated and saved: the network or its averages, with one
    output.
    """

    network: keras.Model
    optimizer: SGD
    averages: AveragedWeights | None
    model: keras.Model

    @classmethod
    def build(
        cls,
        config: TrainConfig,
        dataset: Dataset,
        weights: models.Weights | None = None,
        own: OwnNetwork | None = None,
    ) -> "Learner":
        """Builds the learner, with initial weights drawn from the seed or taken from `weights`. The
        network is made by `own` if the settings name a user's own.
        Raises `InputError`: impossible settings, or weights of another network."""
        whole = _initial_network(config, dataset, weights, own)
        network = _any_size(whole, config.image_sizes) if config.image_sizes else whole
        averages = None
        if config.ema:
            copy = _initial_network(config, dataset, weights, own)
            averages = AveragedWeights(copy, network, config.ema)
        model = models.without_auxiliary(averages.network if averages else whole)
        return cls(network, _optimizer(config, network.trainable_variables), averages, model)

    @property
    def variables(self) -> dict[str, keras.Variable]:
        """Everything that a checkpoint holds, by unique names."""
        named = model_variables(self.network) | optimizer_variables(self.optimizer)
        if self.averages:
            named |= model_variables(self.averages.network, "average")
        return named

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: np.asarray(variable) for name, variable in self.variables.items()}


def _initial_network(config, dataset, weights, own):
    network = build_network(config, dataset, own)
    return weights.fill(network) if weights else network


def _any_size(network, sides):
    try:
        return models.of_any_size(network, sides[0])
    except ValueError as error:
        shown = ",".join(map(str, sides))
        raise InputError(
            f"image_sizes must be sides that {network.name} can be trained on, made for "
            f"{sides[-1]}. Received: {shown}"
        ) from error


def _optimizer(config, trainable):
    settings = {"lr": config.lr, "momentum": config.momentum, "nesterov": config.nesterov}
    settings |= {"l2": config.weight_decay, "scaled": config.precision == "mixed_float16"}
    if config.opt == "muon":
        products = "bfloat16" if config.precision == "mixed_bfloat16" else "float32"
        return Muon(trainable, kernel_lr=config.muon_lr, products=products, **settings)
    return (RMSProp if config.opt == "rmsprop" else SGD)(trainable, **settings)
