"""Figures that more than one page draws.

Every function returns a Matplotlib figure whose label is its alt text; ``synthetic`` marks it as
one of synthetic records. Colours can be told apart by the colour-blind; each class has its letter.
"""

from ecgkit.plots.ecg import beats_by_class, ecg_paper, ecg_strip
from ecgkit.plots.results import confusion_matrices, confusion_matrix, learning_curves
from ecgkit.plots.style import DPI, SYNTHETIC_MARK, WIDTH_IN, finish, save, show

__all__ = ["DPI", "SYNTHETIC_MARK", "WIDTH_IN", "beats_by_class", "confusion_matrices"]
__all__ += ["confusion_matrix", "ecg_paper", "ecg_strip", "finish", "learning_curves"]
__all__ += ["save", "show"]
