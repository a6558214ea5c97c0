"""What is in pictures: `python -m tfresnet.predict RUN_OR_MODEL IMAGE...`."""

from tfresnet import scripts


def main(argv: list[str] | None = None):
    from tfresnet import cli

    args = cli.parse_predict(argv)
    scripts.load_tensorflow()
    from tfresnet.predict.command import predict

    return predict(args)


if __name__ == "__main__":
    scripts.run(main, "tfresnet.predict")
