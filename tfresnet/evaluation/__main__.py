"""Evaluates a trained network: `tfresnet evaluate --help`, or `python evaluate.py --help`."""

import contextlib
import sys

from tfresnet.system import commands


def main(argv: list[str] | None = None) -> dict:
    import json

    from tfresnet.evaluation.flags import parse

    args = parse(argv)
    commands.load_tensorflow()
    from tfresnet.evaluation import evaluate, text

    options = {name: value for name, value in vars(args).items() if name != "json"}
    with contextlib.redirect_stdout(sys.stderr if args.json == "-" else sys.stdout):
        result = evaluate.evaluate(**options)
        print(text.report(result))
    if args.json == "-":
        print(json.dumps(result, indent=2))
    elif args.json:
        text.write_json(result, args.json)
    return result


if __name__ == "__main__":
    commands.run(main, "evaluate.py")
