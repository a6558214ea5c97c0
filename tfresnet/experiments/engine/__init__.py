"""What the studies share: the training budget, runs trained once, error bars, figures."""
