"""Trains a network: `tfresnet train --help`, or `python train.py --help` in a checkout."""

from tfresnet.system import commands


def main(argv: list[str] | None = None):
    from tfresnet.training.flags import parse

    arguments = parse(argv)
    commands.load_tensorflow()
    import tfresnet

    return tfresnet.train(**arguments)


if __name__ == "__main__":
    commands.run(main, "train.py")
