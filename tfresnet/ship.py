"""Writes the model of a run into the package: `python -m tfresnet.ship RUN [--half]`."""

from tfresnet.system import commands


def ship(folder: str, half: bool = False):
    """Writes the network of a run in float32, with its preprocessing; returns the path.

    `half` rounds the kernels to float16, so that the compressed file is half as large.

    Raises:
        InputError: the run is not finished, or has another image size or network options.
    """
    from tfresnet import models, pretrained
    from tfresnet.runs.record import RunRecord

    config = RunRecord(folder).config
    weights = models.read_weights(folder)
    options = {"num_classes": weights.num_classes, "preprocessing": weights.preprocessing}
    model = models.create_model(config.model, input_shape=(32, 32, 3), weights=weights, **options)
    if half:
        model.set_weights([_round_to_half(array) for array in model.get_weights()])
    path = pretrained.FOLDER / f"{config.model}-{config.dataset}.keras"
    model.save(path)
    _compress(path)
    return path


def _round_to_half(array):
    """Rounds kernels only: a variance may overflow float16."""
    return array.astype("float16").astype(array.dtype) if array.ndim > 1 else array


def _compress(path):
    """Compresses a model file: Keras does not."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def parse(argv: list[str] | None = None):
    """The flags of `python -m tfresnet.ship`."""
    from tfresnet.system.arguments import ArgumentParser, existing

    about = "Writes the model of a finished run into the package; its card is written by hand."
    parser = ArgumentParser("tfresnet.ship", about)
    parser.add_argument("run", type=existing, metavar="RUN", help="folder of the run")
    parser.add_argument("--half", action="store_true", help="round kernels to float16")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    commands.load_tensorflow()
    path = ship(args.run, args.half)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    commands.run(main, "tfresnet.ship")
