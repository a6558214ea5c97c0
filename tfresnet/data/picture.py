"""Picture files as arrays."""

from pathlib import Path

import numpy as np

from tfresnet.errors import InputError


def read_picture(path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """uint8 `(height, width, 3)` of a picture file as it is meant to be seen: EXIF's orientation is
    obeyed, whatever it holds is made RGB. With `size`, (height, width): resized so that it covers
    that, and cut to its centre.

    Raises:
        InputError: no picture that can be read.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:  # Pillow raises whatever the damage leads to
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"a picture must be readable ({reason}). Received: {path}") from None
    if size is not None:
        image = ImageOps.fit(image, size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image)
