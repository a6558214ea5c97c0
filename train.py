"""Trains a network on CIFAR-10: `python train.py --help`."""

from tfresnet import scripts


def main(argv: list[str] | None = None):
    from tfresnet import cli

    arguments = cli.parse_train(argv)
    scripts.load_tensorflow()
    import tfresnet

    return tfresnet.train(**arguments)


if __name__ == "__main__":
    scripts.run(main, "train.py")
