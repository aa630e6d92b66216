# ruff: noqa: F401
"""Figures of single pages. As in :mod:`ecgkit.plots`, the label of a figure is its alt text.

Every function takes the figure's ``title``; names and units of the axes are ``x_label`` and
``y_label``; ``synthetic`` marks data of no patient; ``seen`` is what the alt text says of lines.
"""

from ecgbook.figures.bars import counts_by_record, errors_by_record, splits_by_record, stacked_bars
from ecgbook.figures.beats import (
    BeatInRecord,
    beat_changes,
    beats_in_context,
    feature_maps,
    mean_attributions,
)
from ecgbook.figures.diagrams import (
    conduction,
    dilated_convolution,
    framework_diagram,
    resnet_diagram,
    tcn_diagram,
)
from ecgbook.figures.lines import band_signals, ecg_panels, line_panels, steepness_panels
from ecgbook.figures.scores import (
    confusion_matrices,
    confusion_matrix,
    precision_recall,
    reliability_diagram,
    run_points,
    score_rows,
)
