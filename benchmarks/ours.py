"""tfresnet, as `train.py` and `evaluate.py` run it."""

import dataclasses
import itertools
import tempfile

from benchmarks.contestants import EVAL_IMAGES, Assignment, Step
from benchmarks.tensorflow_steps import images, inference, start_up
from tfresnet import models
from tfresnet.data import train_batches
from tfresnet.evaluation.evaluator import Evaluator
from tfresnet.models.registry import list_models, register
from tfresnet.models.resnet import NETWORKS
from tfresnet.settings.config import TrainConfig
from tfresnet.training.learner import Learner
from tfresnet.training.loop import train
from tfresnet.training.setup import load_material
from tfresnet.training.step import TrainStep

_TRAIN_IMAGES = 50_000
_SHARE = 0.1  # of the peak learning rate; noise does not make the loss diverge there


def step(what: Assignment, remat: bool = False, opt: str = "sgd") -> Step:
    """The whole training step, from pixels; the task "pipeline" also augments its images. The
    others use SGD, without smoothing."""
    config = TrainConfig(
        model=_network(what),
        dataset="shapes10",  # built in, with the image size and class count of CIFAR-10
        batch_size=what.batch_size,
        opt=opt,
        label_smoothing=0.0,
        precision=what.precision,
        remat=remat,
    )
    if what.task == "start-up":

        def train_in_temporary_folder(callbacks):
            with tempfile.TemporaryDirectory() as folder:
                train(dataclasses.replace(config, output_dir=folder), callbacks=callbacks)

        return start_up(train_in_temporary_folder)
    settings, material = load_material(config.resolved())
    fed = what.task == "pipeline"
    split = images(_TRAIN_IMAGES if fed else what.batch_size, what.side)
    dataset = dataclasses.replace(material.dataset, train=split)
    learner = Learner.build(settings, dataset)
    if what.task == "inference":
        return inference(models.inference_copy(learner.model))
    if what.task == "evaluation":
        evaluator = Evaluator(learner.model, dataset.class_names)
        split = images(EVAL_IMAGES)
        return lambda: evaluator(split), EVAL_IMAGES
    train_step = TrainStep(learner.network, learner.optimizer, settings.label_smoothing)
    options = {"batch_size": what.batch_size, "padding_mode": settings.padding_mode}
    batches = iter(train_batches(split, seed=0, flip=True, **options))
    if not fed:
        batches = itertools.repeat(next(batches))
    return lambda: train_step(*next(batches), _SHARE), what.batch_size


def _network(what):
    """The network's name; one of other depth or width than its name says is registered first."""
    row = NETWORKS[what.model]
    changed = dataclasses.replace(row, units=tuple(what.units), filters=tuple(what.filters))
    if changed == row:
        return what.model
    name = "-".join(map(str, (what.model, *what.units, *what.filters)))
    if name not in list_models():
        register(name, changed)
    return name
