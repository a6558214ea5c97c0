"""Runs a study by its name: `python -m tfresnet.experiments --help`."""

import importlib

from tfresnet import scripts

# Name -> (module with `add_flags(parser)` and `run(args)`, what it shows).
STUDIES = {
    "image-sizes": (
        "tfresnet.experiments.image_sizes",
        "one network, images of several sizes: what global average pooling is good for",
    ),
    "short-training": (
        "tfresnet.experiments.short_training",
        "every network of the slides and every improved ResNet learns: 3 epochs of CIFAR-10",
    ),
}


def main(argv: list[str] | None = None):
    from tfresnet.cli import ArgumentParser

    parser = ArgumentParser(
        prog="python -m tfresnet.experiments", description="Runs one of the lecture's studies."
    )
    names = parser.add_subparsers(dest="name", metavar="NAME", required=True)
    for name, (module, shows) in STUDIES.items():
        study = names.add_parser(name, help=shows, description=shows)
        importlib.import_module(module).add_flags(study)
    args = parser.parse_args(argv)
    scripts.load_tensorflow()
    return importlib.import_module(STUDIES[args.name][0]).run(args)


if __name__ == "__main__":
    scripts.run(main, "experiments")
