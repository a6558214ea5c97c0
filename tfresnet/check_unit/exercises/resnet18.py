"""Exercise 6: ResNet-18 from Table 1 of the paper."""

from tfresnet.check_unit.exercises.judging import function
from tfresnet.check_unit.exercises.layers import layers
from tfresnet.models import create_model

# Odd through all stages (65, 33, 17, 9, 5, 3), so that Keras' own padding agrees with ours.
_SHAPE = (2, 65, 65, 3)
_CLASSES = 10


def _ours():
    shape = {"input_shape": _SHAPE[1:], "num_classes": _CLASSES}
    yield "", lambda: create_model("resnet18", stem="imagenet", shortcut="B", **shape)


def network(name, points, aspects):
    numbers = {"num_classes": _CLASSES}
    return layers(name, points, "network", "resnet18", "resnet18", _SHAPE, numbers, _ours, aspects)


def stage_parameters(channels, filters, units, norms=2, projections=None, wide=False):
    """`norms`: numbers for each channel that batch normalisation has; `projections`: of the stage,
    by default one where the channels change; `wide`: every unit reads `channels`."""
    if projections is None:
        projections = int(channels != filters)
    first = units if wide else 1
    kernels = 9 * filters * (first * channels + (2 * units - first) * filters)
    kernels += projections * channels * filters
    return kernels + norms * filters * (2 * units + projections)


def _stages(rng):
    channels = 16 * int(rng.integers(2, 20))
    return [(64, 64, 2), (64, 128, 2), (256, 512, 3), (channels, 2 * channels, 2)]


def _with(**changes):
    return lambda *stage: stage_parameters(*stage, **changes)


CRITERIA = {
    6: (
        network("parts", 4, ("parts",)),
        network("inference", 3, ("inference",)),
        network("training", 1, ("training",)),
        function(
            "stage_parameters",
            2,
            stage_parameters,
            _stages,
            {
                "no projection": _with(projections=0),
                "no norms": _with(norms=0),
                "statistics": _with(norms=4),
                "all wide": _with(wide=True),
                "with bias": _with(norms=3),
                "always projected": _with(projections=1),
            },
        ),
    )
}
