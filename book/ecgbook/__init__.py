"""The book's own package: what its pages import beside ``ecgkit``."""
