"""The Graphs page: the operations of the training step, and the layers of the network."""

import json

import keras
import tensorflow as tf

# resnet110's step has about 20,000; the browser takes minutes for more.
MOST_OPERATIONS = 30_000


def write_graphs(model: keras.Model, step: tf.Graph | None) -> str | None:
    """Writes the network as TensorBoard's "Conceptual graph", as `keras.callbacks.TensorBoard`
    does, and the graph of the training step. Returns why the latter was left out, or None."""
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "graph_keras_model"
    metadata.plugin_data.content = b"1"
    tf.summary.write("keras", layer_graph(model), step=0, metadata=metadata)
    if step is None:
        return "no graph of the training step: it ran without one"
    operations = len(step.get_operations())
    if operations > MOST_OPERATIONS:
        return (
            f"no graph of the training step: {operations:,} operations are too many for a browser "
            f"(at most {MOST_OPERATIONS:,})"
        )
    tf.summary.graph(step)
    return None


def layer_graph(model: keras.Model) -> str:
    """The Functional model as JSON, with dtypes as plain names, which TensorBoard needs."""
    content = json.loads(model.to_json())
    content["config"]["name"] = ""  # else the page opens on a single closed node of that name
    for layer in content["config"]["layers"]:
        if isinstance(layer["config"].get("dtype"), dict):
            policy = keras.dtype_policies.deserialize(layer["config"]["dtype"])
            layer["config"]["dtype"] = policy.compute_dtype
    return json.dumps(content)
