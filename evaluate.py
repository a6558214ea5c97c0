"""Evaluates a trained network: `python evaluate.py --help`."""

import contextlib
import sys

from tfresnet import scripts


def main(argv: list[str] | None = None) -> dict:
    import json

    from tfresnet import cli

    args = cli.parse_evaluate(argv)
    scripts.load_tensorflow()
    from tfresnet import evaluation

    options = {name: value for name, value in vars(args).items() if name != "json"}
    with contextlib.redirect_stdout(sys.stderr if args.json == "-" else sys.stdout):
        result = evaluation.evaluate(**options)
        print(evaluation.report(result))
    if args.json == "-":
        print(json.dumps(result, indent=2))
    elif args.json:
        evaluation.write_json(result, args.json)
    return result


if __name__ == "__main__":
    scripts.run(main, "evaluate.py")
