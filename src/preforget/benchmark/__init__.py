"""The benchmark: engines and unlearning methods on the same data, with the same budget, in the same tables."""
