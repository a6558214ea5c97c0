"""A page on which one can touch trained networks: they run in the browser."""
