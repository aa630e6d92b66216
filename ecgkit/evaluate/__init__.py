"""Scores of a classifier: confusion matrices, the EC57 report, and how certain both are."""
