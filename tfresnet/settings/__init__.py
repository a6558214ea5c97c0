"""The settings of a run: typed and checked. Imports neither TensorFlow nor Keras."""
