"""Pictures with captions, as arrays. Pillow draws them in a tenth of matplotlib's time."""

from dataclasses import dataclass

import numpy as np

MOST_CLASSES = 50  # more make no readable matrix
TILE = 96  # pixels of the longer side of a picture in a grid
COLUMNS = 4  # TensorBoard shrinks what is wider than 350 pixels until nobody can read it
GAP = 6
LINE = 13  # pixels of a line of text
_FONT_SIZE = 11
# Black, purple, orange, pale yellow: dark to light, also for those who cannot tell hues apart.
_HEAT = np.array([[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]])


@dataclass(frozen=True)
class Label:
    """A text at (x, y) pixels; `anchor` as Pillow has it: "lm" is left middle."""

    x: float
    y: float
    text: str
    anchor: str = "mm"
    colour: str = "black"
    vertical: bool = False


def with_labels(canvas: np.ndarray, labels: list[Label]) -> np.ndarray:
    """A uint8 picture (height, width, 3) with texts on it."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(_FONT_SIZE)
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    for label in labels:
        if label.vertical:  # read from below, and ending at (x, y)
            width = round(font.getlength(label.text)) + 2
            strip = Image.new("RGB", (width, LINE + 2), "white")
            ImageDraw.Draw(strip).text((0, LINE / 2), label.text, "black", font, anchor="lm")
            place = (round(label.x - LINE / 2), round(label.y - width))
            picture.paste(strip.rotate(90, expand=True), place)
        else:
            draw.text((label.x, label.y), label.text, label.colour, font, anchor=label.anchor)
    return np.asarray(picture)


def image_grid(images: list, captions: list[str], columns: int = COLUMNS) -> np.ndarray:
    """A picture of images, uint8 (height, width, 3) or float in [0, 1], each under its caption.

    The captions have equally many lines, separated by newlines.
    """
    lines = captions[0].count("\n") + 1
    height, width = TILE + LINE * lines + GAP, TILE + GAP
    rows = -(-len(images) // columns)
    canvas = np.full((rows * height, columns * width, 3), 255, np.uint8)
    labels = []
    for index, (image, caption) in enumerate(zip(images, captions, strict=True)):
        y, x = index // columns * height, index % columns * width
        tile = _enlarged(image)
        top = y + LINE * lines
        canvas[top : top + tile.shape[0], x : x + tile.shape[1]] = tile
        for number, line in enumerate(caption.split("\n")):
            labels.append(Label(x, y + LINE * (number + 0.5), line, "lm"))
    return with_labels(canvas, labels)


def heat(values: np.ndarray) -> np.ndarray:
    """Values (height, width) as colours, float (height, width, 3): dark to light by size."""
    values = values - values.min()
    share = values / max(values.max(), 1e-12)
    places = np.linspace(0, 1, len(_HEAT))
    return np.stack([np.interp(share, places, channel / 255) for channel in _HEAT.T], axis=-1)


def matrix(counts: np.ndarray, names) -> np.ndarray:
    """A confusion matrix: a row for each true class, each cell coloured by its share of the row."""
    cell, margin = 34, 14 + 7 * max(len(name) for name in names)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    blue = 1 - share[..., None] * (1 - np.array([8, 48, 107]) / 255)
    cells = np.round(255 * blue).astype(np.uint8).repeat(cell, 0).repeat(cell, 1)
    canvas = np.full((margin + len(cells), margin + len(cells), 3), 255, np.uint8)
    canvas[margin:, margin:] = cells
    middle = margin + cell * (np.arange(len(names)) + 0.5)
    labels = [
        Label(margin - 5, place, name, "rm") for place, name in zip(middle, names, strict=True)
    ]
    labels += [
        Label(place, margin - 4, name, vertical=True)
        for place, name in zip(middle, names, strict=True)
    ]
    labels.append(Label(4, LINE, "true \\ predicted", "lm"))
    for row, column in np.argwhere(counts):
        colour = "white" if share[row, column] > 0.5 else "black"
        labels.append(Label(middle[column], middle[row], str(counts[row, column]), colour=colour))
    return with_labels(canvas, labels)


def _enlarged(image):
    """uint8, with its longer side at most `TILE` pixels, without smoothing."""
    if image.dtype != np.uint8:
        image = np.round(255 * np.clip(image, 0, 1)).astype(np.uint8)
    height, width = (max(1, TILE * side // max(image.shape[:2])) for side in image.shape[:2])
    rows = np.arange(height) * image.shape[0] // height
    return image[rows][:, np.arange(width) * image.shape[1] // width]
