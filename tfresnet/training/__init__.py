"""Training: set-up, step, loop, optimiser, averages, hooks; `tfresnet.train` is the way in."""
