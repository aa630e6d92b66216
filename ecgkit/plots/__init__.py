"""Figures: ECG on ECG paper, beats by class, confusion matrices, learning curves.

Every function returns a Matplotlib figure whose label is its alt text; ``synthetic`` marks it as
one of synthetic records. Colours are told apart with every common colour blindness, and each class
has its letter as a second cue.
"""

from ecgkit.plots.ecg import beats_by_class, ecg_paper, ecg_strip
from ecgkit.plots.learning import learning_curves
from ecgkit.plots.results import confusion_matrices, confusion_matrix
from ecgkit.plots.style import DPI, SYNTHETIC_MARK, WIDTH_IN, finish, save, show

__all__ = ["DPI", "SYNTHETIC_MARK", "WIDTH_IN", "beats_by_class", "confusion_matrices"]
__all__ += ["confusion_matrix", "ecg_paper", "ecg_strip", "finish", "learning_curves"]
__all__ += ["save", "show"]
