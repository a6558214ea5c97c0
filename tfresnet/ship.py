"""Makes a model that ships out of a finished run: `python -m tfresnet.ship RUN [--half]`."""

from tfresnet.system import commands


def ship(folder: str, half: bool = False):
    """Writes the network of a run, in float32, which is fast on every processor, with what its
    pixels need; returns the path. With `half` its kernels have the precision of float16 and take
    half the space.

    Raises:
        InputError: no finished run on images of 32 pixels, or the network had other options.
    """
    from tfresnet import models, pretrained
    from tfresnet.runs.record import RunRecord

    config = RunRecord(folder).config
    weights = models.read_weights(folder)
    model = models.create_model(
        config.model,
        num_classes=weights.num_classes,
        input_shape=(32, 32, 3),
        weights=weights,
        preprocessing=weights.preprocessing,
    )
    if half:
        model.set_weights([_rounded(array) for array in model.get_weights()])
    path = pretrained.FOLDER / f"{config.model}-{config.dataset}.keras"
    model.save(path)
    _compress(path)
    return path


def _rounded(array):
    """Vectors stay: a variance may be beyond the numbers of float16."""
    return array.astype("float16").astype(array.dtype) if array.ndim > 1 else array


def _compress(path):
    """Keras stores its archives as they are."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def parse(argv: list[str] | None = None):
    """The flags of `python -m tfresnet.ship`."""
    from tfresnet.system.arguments import ArgumentParser, existing

    about = "Makes a model that ships out of a finished run; its card is written by hand."
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
