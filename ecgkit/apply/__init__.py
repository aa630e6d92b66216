"""Trained networks put to work: any recording read, checked and classified."""
