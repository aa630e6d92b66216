"""Figures of the book: ECG on ECG paper, beats, counts, confusion matrices.

Every function returns a Matplotlib figure whose label is its alt text: what a reader who does not
see the picture is told. :func:`show` displays a figure with it. Colours are told apart with every
common colour blindness, and each class has its letter as a second cue.
"""

from ecgkit.plots.augmented import crops, epoch_draws, method_points, spreads
from ecgkit.plots.beats import beat_windows, halves_by_record, nearest_beats
from ecgkit.plots.compared import differences, hills
from ecgkit.plots.cones import along_samples, cone
from ecgkit.plots.diagrams import dilated_convolution, framework, resnet, tcn
from ecgkit.plots.ecg import beats_by_class, ecg_paper, ecg_strip
from ecgkit.plots.inside import (
    Place,
    attributions,
    embedding,
    error_gallery,
    gate_map,
    mean_attributions,
    reliability_diagram,
)
from ecgkit.plots.learning import learning_curves, step_times
from ecgkit.plots.networks import feature_maps, filters, line_panels, shares
from ecgkit.plots.results import (
    accuracy_bars,
    class_counts,
    confusion_matrices,
    confusion_matrix,
    counts_by_record,
)
from ecgkit.plots.scores import errors_by_record, value_rows
from ecgkit.plots.signals import band_responses, band_signals, over_frequency, paper_panels
from ecgkit.plots.style import DPI, SYNTHETIC_MARK, WIDTH_IN, save, show
from ecgkit.plots.waits import waits

__all__ = [
    "DPI",
    "SYNTHETIC_MARK",
    "WIDTH_IN",
    "Place",
    "accuracy_bars",
    "along_samples",
    "attributions",
    "band_responses",
    "band_signals",
    "beat_windows",
    "beats_by_class",
    "class_counts",
    "cone",
    "confusion_matrices",
    "confusion_matrix",
    "counts_by_record",
    "crops",
    "differences",
    "dilated_convolution",
    "ecg_paper",
    "ecg_strip",
    "embedding",
    "epoch_draws",
    "error_gallery",
    "errors_by_record",
    "feature_maps",
    "filters",
    "framework",
    "gate_map",
    "halves_by_record",
    "hills",
    "learning_curves",
    "line_panels",
    "mean_attributions",
    "method_points",
    "nearest_beats",
    "over_frequency",
    "paper_panels",
    "reliability_diagram",
    "resnet",
    "save",
    "shares",
    "show",
    "spreads",
    "step_times",
    "tcn",
    "value_rows",
    "waits",
]
