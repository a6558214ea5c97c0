"""Evaluates a trained network: `python evaluate.py --help`."""

from tfresnet import cli, scripts


def main(argv: list[str] | None = None) -> dict:
    args = cli.parse_evaluate(argv)
    scripts.load_tensorflow()
    from tfresnet import evaluation

    result = evaluation.evaluate(
        args.source,
        dataset=args.dataset,
        data_dir=args.data_dir,
        split=args.split,
        tta=args.tta,
        precision=args.precision,
    )
    print(evaluation.report(result))
    if args.json:
        evaluation.write_json(result, args.json)
    return result


if __name__ == "__main__":
    scripts.run(main, "evaluate.py")
