"""Folders of small pictures, made for the tests."""

from pathlib import Path

import numpy as np
from PIL import Image


def noise(seed: int, width: int, height: int) -> Image.Image:
    """Coarse random colours, so that JPEG changes little."""
    colours = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return Image.fromarray(colours).resize((width, height), Image.Resampling.BILINEAR)


def make_folder(root: Path, parts: dict[str, int], classes=("cat", "dog"), ending="png") -> Path:
    """`parts`: pictures of a class by part, "" for the folder itself; sizes differ."""
    seed = 0
    for part, count in parts.items():
        for name in classes:
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                seed += 1
                noise(seed, 20 + seed % 5, 18 + seed % 3).save(folder / f"{number:03}.{ending}")
    return root
