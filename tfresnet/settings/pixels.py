"""How well-known libraries prepare pixels.

Source: `keras.applications.imagenet_utils.preprocess_input`.
"""

from tfresnet.errors import InputError

# (mean, deviation) of red, green and blue in 0..1. "caffe" also swaps red and blue.
PIXELS = {
    "caffe": ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,) * 3),
    "torch": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "tf": ((0.5,) * 3, (0.5,) * 3),
    "unit": ((0.0,) * 3, (1.0,) * 3),
    "raw": ((0.0,) * 3, (1 / 255,) * 3),
}
PIXELS_HELP = (
    "how the network of a weights file wants its pixels: as keras.applications prepares them in "
    "its modes caffe (ResNet50), torch (ImageNet's mean and std) and tf (-1..1), unit (0..1) or "
    "raw (0..255)"
)


def pixel_statistics(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, deviation) of `PIXELS`. Raises `InputError` for an unknown name."""
    if name not in PIXELS:
        raise InputError(f"pixels must be one of {', '.join(PIXELS)}. Received: {name!r}")
    return PIXELS[name]
