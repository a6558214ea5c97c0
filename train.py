"""Trains a network on CIFAR-10: `python train.py --help`."""

from tfresnet import cli, scripts


def main(argv: list[str] | None = None):
    config, resume = cli.parse_train(argv)
    scripts.load_tensorflow()
    import tfresnet

    return tfresnet.train(config, resume=resume)


if __name__ == "__main__":
    scripts.run(main, "train.py")
