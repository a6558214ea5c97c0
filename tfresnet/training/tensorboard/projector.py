"""The Projector page: the features that enter the last layer."""

import keras
import numpy as np
import tensorflow as tf
from tensorboard.plugins import projector

from tfresnet.data import eval_batches
from tfresnet.data.dataset import Split
from tfresnet.layers.recorder import record_calls, walk_calls
from tfresnet.runs.folder import RunFolder
from tfresnet.training.tensorboard.images import tile_images

IMAGES = 1000
THUMBNAIL = 32  # pixels


def penultimate_features(model: keras.Model, images: Split) -> np.ndarray:
    """The inputs of the last dense layer, or else of the last layer, `(n, width)`, for `images`."""

    @tf.function(reduce_retracing=True)
    def forward(batch):
        with record_calls() as calls:
            model(batch, training=False)
        layers = [call for call in walk_calls(calls) if not call.inside]
        dense = [call for call in layers if isinstance(call.layer, keras.layers.Dense)]
        return (dense or layers)[-1].inputs[0]

    batches = eval_batches(images, batch_size=250)
    parts = [np.asarray(tf.cast(forward(batch), tf.float32)) for batch, _ in batches]
    return np.concatenate(parts).reshape(len(images), -1)


def write_projector(
    folder: RunFolder, features: np.ndarray, answers: np.ndarray, images: Split, names
) -> None:
    """Writes the features `(n, width)` of `images`, the predicted classes and thumbnails."""
    np.savetxt(folder.features, features, fmt="%.4g", delimiter="\t")
    lines = ["class\tpredicted\tright"]
    for true, answer in zip(images.labels, answers, strict=True):
        lines.append("\t".join((names[true], names[answer], "yes" if true == answer else "no")))
    folder.feature_labels.write_text("\n".join(lines) + "\n", encoding="utf-8")
    folder.thumbnails.write_bytes(sprite(images.images[:]))
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add(tensor_name="penultimate features")
    embedding.tensor_path = folder.features.name
    embedding.metadata_path = folder.feature_labels.name
    embedding.sprite.image_path = folder.thumbnails.name
    embedding.sprite.single_image_dim.extend([THUMBNAIL, THUMBNAIL])
    projector.visualize_embeddings(str(folder.test), config)


def sprite(images: np.ndarray) -> bytes:
    """A JPEG with thumbnails of uint8 images (n, height, width, 3) in a square, row by row."""
    small = tf.image.resize(images, (THUMBNAIL, THUMBNAIL), method="area").numpy().round()
    square = tile_images(small, columns=int(np.ceil(np.sqrt(len(images)))))
    return tf.io.encode_jpeg(square, quality=80).numpy()
