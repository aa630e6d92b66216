"""The colours of the classes are told apart with every common colour blindness."""

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest

from ecgkit.data import aami

# Machado, Oliveira and Fernandes 2009 (doi:10.1109/TVCG.2009.113), severity 1, on linear RGB
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
SRGB_TO_XYZ = np.array(  # IEC 61966-2-1, white D65
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
JUST_NOTICEABLE = 2.3  # of the colour difference Delta E of 1976 (Mahy et al. 1994)


def lab_seen(color, matrix):
    """CIE L*a*b* of a colour as somebody with this colour vision sees it."""
    c = np.array(mpl.colors.to_rgb(color))
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    t = SRGB_TO_XYZ @ np.clip(matrix @ linear, 0, 1) / SRGB_TO_XYZ.sum(axis=1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", BLINDNESS)
def test_class_colours_are_told_apart_with_every_colour_blindness(vision):
    np.testing.assert_allclose(lab_seen("red", np.eye(3)), [53.24, 80.09, 67.20], atol=0.05)
    seen = {c: lab_seen(color, np.array(BLINDNESS[vision])) for c, color in aami.COLORS.items()}
    apart = {a + b: np.linalg.norm(seen[a] - seen[b]) for a, b in combinations(seen, 2)}
    assert min(d for pair, d in apart.items() if "Q" not in pair) > 6 * JUST_NOTICEABLE
    assert min(apart.values()) > 4 * JUST_NOTICEABLE
