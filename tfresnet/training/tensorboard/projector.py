"""The Projector page: where the network puts images before it decides."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfresnet.data import eval_batches
from tfresnet.data.dataset import Dataset, Split
from tfresnet.evaluation import normalise

IMAGES = 1000
MOST_DIMENSIONS = 128  # as many principal components stand for longer features
THUMBNAIL = 32  # pixels


def features_and_logits(network: keras.Model, images: Split, dataset: Dataset):
    """(what enters the last layer, `(n, width)`; logits, `(n, classes)`) of `images`."""
    both = keras.Model(network.inputs, [network.layers[-1].input, network.outputs[0]])
    forward = tf.function(
        lambda batch: both(normalise(batch, dataset), training=False), reduce_retracing=True
    )
    batches = eval_batches(images, batch_size=250)
    outputs = [forward(batch) for batch, _ in batches]
    parts = [
        np.concatenate([np.asarray(tf.cast(o[i], tf.float32)) for o in outputs]) for i in (0, 1)
    ]
    return parts[0].reshape(len(images), -1), parts[1]


def write_projector(folder: Path, features: np.ndarray, logits: np.ndarray, images, names) -> None:
    """Writes features `(n, width)` of `images` with their classes and thumbnails into `folder`."""
    from tensorboard.plugins import projector

    label, width = "penultimate features", features.shape[1]
    if width > MOST_DIMENSIONS:
        features = principal_components(features, MOST_DIMENSIONS)
        label += f" ({features.shape[1]} principal components of {width})"
    np.savetxt(folder / "features.tsv", features, fmt="%.4g", delimiter="\t")
    predicted = logits.argmax(axis=1)
    lines = ["class\tpredicted\tright"]
    for true, answer in zip(images.labels, predicted, strict=True):
        lines.append("\t".join((names[true], names[answer], "yes" if true == answer else "no")))
    (folder / "features_labels.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "features_sprite.jpg").write_bytes(sprite(images.images))
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = label
    embedding.tensor_path = "features.tsv"
    embedding.metadata_path = "features_labels.tsv"
    embedding.sprite.image_path = "features_sprite.jpg"
    embedding.sprite.single_image_dim.extend([THUMBNAIL, THUMBNAIL])
    projector.visualize_embeddings(str(folder), config)


def principal_components(features: np.ndarray, count: int) -> np.ndarray:
    """The first `count` principal components of `features` (n, width)."""
    centred = features - features.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, :count] * values[:count]


def sprite(images: np.ndarray) -> bytes:
    """One JPEG of uint8 images (n, height, width, 3): a square of thumbnails, row by row."""
    side = int(np.ceil(np.sqrt(len(images))))
    small = tf.image.resize(images, (THUMBNAIL, THUMBNAIL), method="area").numpy()
    tiles = np.full((side * side, THUMBNAIL, THUMBNAIL, 3), 255, np.uint8)
    tiles[: len(small)] = np.round(small)
    rows = tiles.reshape(side, side, THUMBNAIL, THUMBNAIL, 3).transpose(0, 2, 1, 3, 4)
    picture = rows.reshape(side * THUMBNAIL, side * THUMBNAIL, 3)
    return tf.io.encode_jpeg(picture, quality=80).numpy()
