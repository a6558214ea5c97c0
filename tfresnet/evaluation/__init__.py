"""How good a model is: the evaluator, its metrics, and what evaluate.py does with them."""
