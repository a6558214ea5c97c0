"""Does global average pooling let one network take images of several sizes?

    python -m tfresnet.experiments image-sizes

makes each network once, with its sides left open, and gives the same weights images of 32, 48 and
224 pixels. The mean over a feature map of any size is one number a channel, so the last dense layer
never sees the size; where dense layers follow the map itself, the size shapes their weights.
"""

from argparse import ArgumentParser, Namespace

from tfresnet.errors import InputError
from tfresnet.tables import aligned

SIZES = (32, 48, 224)
# The stem for small images, which leaves 32 pixels something to pool.
GLOBAL_POOLING = {
    "nin": {"stem": "cifar"},
    "googlenet": {"stem": "cifar"},
    "resnet18": {"stem": "cifar"},
}
DENSE_LAYERS = {"alexnet": {"stem": "cifar"}, "vgg19": {"stem": "cifar"}}


def add_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--sizes", nargs="+", type=int, metavar="N", default=list(SIZES), help="sides of the images"
    )


def run(args: Namespace) -> list[tuple[str, str, str]]:
    """Rows (network, image, outcome), printed as a table, which are also returned."""
    rows = []
    for name, stem in (GLOBAL_POOLING | DENSE_LAYERS).items():
        rows += _one_network(name, stem, args.sizes)
    print(aligned(("network", "image", "outcome"), rows))
    return rows


def _one_network(name, stem, sizes):
    import numpy as np

    from tfresnet.models import create_model

    try:
        model = create_model(name, num_classes=10, input_shape=(None, None, 3), **stem)
    except InputError as error:
        return [(name, "any", str(error))]
    weights = model.count_params()
    rows = []
    for size in sizes:
        logits = model(np.zeros((1, size, size, 3), "float32"))
        shape = tuple(logits.shape)
        rows.append((name, f"{size}x{size}", f"logits {shape} from the same {weights:,} weights"))
    return rows
