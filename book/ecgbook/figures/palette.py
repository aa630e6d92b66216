"""Colours, line styles and hatches: two cues for whatever stands side by side."""

import seaborn as sns

COLORS = sns.color_palette("colorblind").as_hex()
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D")
HATCHES = ("", "//", "..", "xx", "--", "\\\\")
