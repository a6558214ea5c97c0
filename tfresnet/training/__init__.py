"""Training: settings, recipes, schedules, optimiser, checkpoints, callbacks, the loop.

`tfresnet.TrainConfig` and `tfresnet.train` are the way in. Nothing is imported here, so that the
settings can be read without loading TensorFlow.
"""
