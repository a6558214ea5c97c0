"""Networks that users write themselves: their files, and how these become networks to train."""
