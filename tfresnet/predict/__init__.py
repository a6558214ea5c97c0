"""What a trained network sees in pictures: `tfresnet.load(x).predict(...)`, and the command."""
