"""Memorizers side by side on the same data: what each one costs, what it is worth, and what no one can beat."""
