"""Augmentation, the training loop, and files of weights."""
