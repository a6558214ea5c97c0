"""Evaluation: the evaluator, its metrics, and what evaluate.py does with them."""
