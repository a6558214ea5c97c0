"""What the studies share: one budget, runs that are trained once, error bars, figures."""
