"""The settings of a run: typed, checked and parsed once. Loads neither TensorFlow nor Keras."""
