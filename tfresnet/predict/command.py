"""The work of `python -m tfresnet.predict`."""

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfresnet import pretrained
from tfresnet.data.picture_files import centre_box, read, seen
from tfresnet.data.places import PICTURES, is_hidden
from tfresnet.errors import InputError, RunError
from tfresnet.evaluation.flags import source_options
from tfresnet.predict.cam import activation_map, side_by_side, write_picture
from tfresnet.predict.classifier import BATCH, Classifier, load
from tfresnet.runs.finding import is_run

_MAP_SIDE = 1024  # most pixels of the shorter side of a picture beside its map
logger = logging.getLogger("tfresnet")


def predict(args: argparse.Namespace) -> list[dict]:
    """Prints the classes of pictures and returns them.

    Raises:
        InputError: no such model or picture, or several pictures for `--cam`.
        RunError: some pictures could not be read; the others have been classified.
    """
    paths = [path for name in args.images for path in _find_pictures(name)]
    if args.cam and len(paths) != 1:
        raise InputError(f"--cam must be of one picture. Received: {len(paths)} pictures")
    source = args.source or pretrained.default()
    classifier = load(source, image_size=args.image_size, **source_options(args))
    if not (args.source or args.json):
        print(f"by {source.stem}, which comes with the package:")
    results, broken = [], []
    for path, picture, probabilities in _classify(classifier, paths, broken):
        best = classifier.best(probabilities, args.top)
        classes = [{"class": name, "probability": share} for name, share in best]
        results.append({"image": str(path), "classes": classes})
        if not args.json:
            shares = "  ".join(f"{name} {100 * share:.2f} %" for name, share in best)
            print(f"{path}: {shares}", flush=True)
        if args.cam:
            heat = activation_map(classifier.model, picture, int(probabilities.argmax()))
            _write_map(args.cam, path, heat)
            about = f"{path} and its map for {best[0][0]}: written to {args.cam}"
            print(about, file=sys.stderr if args.json else sys.stdout)
    if args.json:
        print(json.dumps(results, indent=2, ensure_ascii=False))
    if broken:
        raise RunError(f"{len(broken)} of {len(paths)} pictures could not be read")
    return results


def _write_map(file, path, heat):
    picture = read(path, _MAP_SIDE)
    picture.thumbnail((2 * _MAP_SIDE, 2 * _MAP_SIDE))
    write_picture(file, side_by_side(picture, heat, centre_box(picture.size, len(heat))))


def _classify(classifier: Classifier, paths: list[Path], broken: list[Path]) -> Iterator[tuple]:
    """Yields path, picture and probabilities; holds one batch in memory at a time. Of several
    pictures, those that cannot be read go to `broken`, with a warning."""
    for first in range(0, len(paths), BATCH):
        some, pictures = [], []
        for path in paths[first : first + BATCH]:
            try:
                pictures.append(seen(path, classifier.image_size))
                some.append(path)
            except InputError as error:
                if len(paths) == 1:
                    raise
                logger.warning("%s", error)
                broken.append(path)
        if some:
            yield from zip(
                some, pictures, classifier.probabilities(np.stack(pictures)), strict=True
            )


def _find_pictures(name):
    """A file, whatever its name, or all pictures in a folder and below but hidden ones, sorted."""
    path = Path(name)
    if not path.exists():
        raise InputError(f"a picture must exist. Received: {name}")
    if path.is_dir() and is_run(path):
        raise InputError(f"a folder of pictures must not be a run. Received: {name}")
    if not path.is_dir():
        return [path]
    inside = [p for p in sorted(path.rglob("*")) if p.suffix.lower() in PICTURES and p.is_file()]
    found = [p for p in inside if not any(map(is_hidden, p.relative_to(path).parts))]
    if not found:
        raise InputError(f"a folder must hold pictures ({', '.join(PICTURES)}). Received: {name}")
    return found
