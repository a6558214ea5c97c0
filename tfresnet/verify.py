"""What of a run folder is sound: `python -m tfresnet.verify RUN`."""

import sys

from tfresnet import scripts


def main(argv: list[str] | None = None):
    from tfresnet import cli

    args = cli.parse_verify(argv)
    scripts.load_tensorflow()
    from tfresnet.runs.verification import verify

    report = verify(args.run)
    print(report)
    if not report.sound:
        sys.exit(1)
    return report


if __name__ == "__main__":
    scripts.run(main, "tfresnet.verify")
