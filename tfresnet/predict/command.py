"""The work of `python -m tfresnet.predict`."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfresnet import pretrained
from tfresnet.data.picture_files import seen
from tfresnet.data.places import PICTURES, is_hidden
from tfresnet.errors import InputError
from tfresnet.predict.cam import activation_map, overlay, write_picture
from tfresnet.predict.classifier import BATCH, Classifier, load


def predict(args: argparse.Namespace) -> list[dict]:
    """Prints the classes of pictures and returns them.

    Raises:
        InputError: no such model or picture, or several pictures for `--cam`.
    """
    paths = [path for name in args.images for path in _find_pictures(name)]
    if args.cam and len(paths) != 1:
        raise InputError(f"--cam must be of one picture. Received: {len(paths)} pictures")
    source = args.source or pretrained.default()
    options = {"model": args.model, "mean": args.mean, "std": args.std}
    classifier = load(source, image_size=args.image_size, **options)
    if not (args.source or args.json):
        print(f"by {source.stem}, which comes with the package:")
    results = []
    for path, picture, probabilities in _classify(classifier, paths):
        best = classifier.best(probabilities, args.top)
        classes = [{"class": name, "probability": share} for name, share in best]
        results.append({"image": str(path), "classes": classes})
        if not args.json:
            shares = "  ".join(f"{name} {100 * share:.2f} %" for name, share in best)
            print(f"{path}: {shares}", flush=True)
        if args.cam:
            heat = activation_map(classifier.model, picture, int(probabilities.argmax()))
            write_picture(args.cam, overlay(picture, heat))
    if args.json:
        print(json.dumps(results, indent=2, ensure_ascii=False))
    return results


def _classify(classifier: Classifier, paths: list[Path]) -> Iterator[tuple]:
    """Yields path, picture and probabilities; holds one batch in memory at a time."""
    for first in range(0, len(paths), BATCH):
        some = paths[first : first + BATCH]
        pictures = np.stack([seen(path, classifier.image_size) for path in some])
        yield from zip(some, pictures, classifier.probabilities(pictures), strict=True)


def _find_pictures(name):
    """A file, whatever its name, or all pictures in a folder and below but hidden ones, sorted."""
    path = Path(name)
    if not path.exists():
        raise InputError(f"a picture must exist. Received: {name}")
    if not path.is_dir():
        return [path]
    inside = [p for p in sorted(path.rglob("*")) if p.suffix.lower() in PICTURES and p.is_file()]
    found = [p for p in inside if not any(map(is_hidden, p.relative_to(path).parts))]
    if not found:
        raise InputError(f"a folder must hold pictures ({', '.join(PICTURES)}). Received: {name}")
    return found
