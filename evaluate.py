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

    with contextlib.redirect_stdout(sys.stderr if args.json == "-" else sys.stdout):
        result = evaluation.evaluate(
            args.source,
            model=args.model,
            mean=args.mean,
            std=args.std,
            dataset=args.dataset,
            data_dir=args.data_dir,
            classes=args.classes,
            skip_broken=args.skip_broken,
            split=args.split,
            tta=args.tta,
            precision=args.precision,
        )
        print(evaluation.report(result))
    if args.json == "-":
        print(json.dumps(result, indent=2))
    elif args.json:
        evaluation.write_json(result, args.json)
    return result


if __name__ == "__main__":
    scripts.run(main, "evaluate.py")
