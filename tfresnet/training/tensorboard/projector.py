"""The Projector page: where the network puts images before it decides."""

import keras
import numpy as np
import tensorflow as tf

from tfresnet.data import eval_batches
from tfresnet.data.dataset import Split
from tfresnet.runs.folder import RunFolder

IMAGES = 1000
MOST_DIMENSIONS = 128  # as many principal components stand for longer features
THUMBNAIL = 32  # pixels


def features_of(model: keras.Model, images: Split) -> np.ndarray:
    """What enters the last layer, `(n, width)`, for each of `images`."""
    extractor = keras.Model(model.inputs, model.layers[-1].input)
    forward = tf.function(lambda batch: extractor(batch, training=False), reduce_retracing=True)
    batches = eval_batches(images, batch_size=250)
    parts = [np.asarray(tf.cast(forward(batch), tf.float32)) for batch, _ in batches]
    return np.concatenate(parts).reshape(len(images), -1)


def write_projector(
    folder: RunFolder, features: np.ndarray, answers: np.ndarray, images: Split, names
) -> None:
    """Writes features `(n, width)` of `images`, the classes they were taken for, thumbnails."""
    from tensorboard.plugins import projector

    label, width = "penultimate features", features.shape[1]
    if width > MOST_DIMENSIONS:
        features = principal_components(features, MOST_DIMENSIONS)
        label += f" ({features.shape[1]} principal components of {width})"
    np.savetxt(folder.features, features, fmt="%.4g", delimiter="\t")
    lines = ["class\tpredicted\tright"]
    for true, answer in zip(images.labels, answers, strict=True):
        lines.append("\t".join((names[true], names[answer], "yes" if true == answer else "no")))
    folder.feature_labels.write_text("\n".join(lines) + "\n", encoding="utf-8")
    folder.thumbnails.write_bytes(sprite(images.images))
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = label
    embedding.tensor_path = folder.features.name
    embedding.metadata_path = folder.feature_labels.name
    embedding.sprite.image_path = folder.thumbnails.name
    embedding.sprite.single_image_dim.extend([THUMBNAIL, THUMBNAIL])
    projector.visualize_embeddings(str(folder.test), config)


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
