"""What a beat is relative to its recording's previous beats: RR intervals and shape.

A supraventricular beat comes early, which half a second around its R peak does not show. Most
features are ratios to what was usual in the same recording just before, 0 without previous beats:
no heart rate, gain or electrode is carried over from one patient to the next. ``interval`` and
``usual_interval`` do hold the rate, and widths and shapes describe the beat alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ecgkit.data.preparation import Preparation

NEAR, FAR = 10, 200
"""Previous beats that features look back on: about eight seconds, and about three minutes."""
HISTORY = 2 * FAR + NEAR
"""Previous beats on which a beat's features and normalised samples depend."""

FEATURES = {
    "rr_near": "interval before the beat, to the mean of the last 10 intervals",
    "rr_far": "interval before the beat, to the mean of the last 200 intervals",
    "rr_next": "interval after the beat, to the one before it",
    "rr_next_near": "interval after the beat, to the mean of the last 10 intervals",
    "rr_last": "interval before the last beat, to the mean of the last 10 intervals",
    "rr_spread": "standard deviation of the last 10 intervals' logarithms",
    "shape_p": "first third of the samples: 1 less the correlation with the mean of the last 200",
    "shape_qrs": "middle third, likewise",
    "shape_t": "last third, likewise",
    "size": "standard deviation of the samples, to its mean over the last 200 beats",
    "width_half": "samples beyond half of the QRS peak, to their mean over the last 200 beats",
    "width_quarter": "samples beyond a quarter of it, likewise",
    # from here on, relative to medians, which single odd beats do not move
    "interval": "interval before the beat: logarithm of seconds",
    "usual_interval": "median of the last 50 intervals, likewise",
    "early_10": "interval before the beat, to the median of the last 10",
    "early_50": "interval before the beat, to the median of the last 50",
    "pause_10": "interval after the beat, to the median of the last 10",
    "pause_50": "interval after the beat, to the median of the last 50",
    "pair": "both intervals together, to twice the median of the last 10",
    "last_early": "interval before the last beat, to the median of the last 10",
    "second_last_early": "interval before the beat before, likewise",
    "irregular_10": "median change of the logarithm of the last 10 intervals",
    "irregular_50": "median change of the logarithm of the last 50 intervals",
    "nearest": "difference of the logarithm of the interval to the most similar of the last 10",
    "fit": "correlation with the median of the last 100 beats",
    "fit_p": "correlation with it before the QRS complex",
    "fit_qrs": "correlation with it in the QRS complex",
    "fit_t": "correlation with it after the QRS complex",
    "fit_last": "correlation of the last beat with its median",
    "fit_to_last": "correlation with the last beat",
    "distance": "mean distance from the median beat, in heights of its QRS complex",
    "distance_qrs": "likewise in the QRS complex",
    "height": "height of the QRS complex, to that of the median beat",
    "spread": "standard deviation of the samples, to that of the median beat",
    "half": "width of the QRS complex at half its height, in samples at 120 Hz",
    "quarter": "width at a quarter, likewise",
    "half_ratio": "width at half the height, to that of the median beat",
    "quarter_ratio": "width at a quarter, likewise",
    "upward": "largest upward deflection of the QRS complex, in its heights",
    "downward": "largest downward deflection, likewise",
    "steep": "steepest slope of the QRS complex, in its heights per sample at 120 Hz",
    "steep_ratio": "steepest slope in mV, to that of the median beat",
    "p_height": "largest sample before the QRS complex, in heights of the median's QRS complex",
    "p_usual": "the same of the median beat",
    **{f"away_{i}": f"mean of samples {9 * i} to {9 * i + 8} less the median's" for i in range(20)},
}
"""Name to meaning. "To" is the logarithm of a ratio, limited to :data:`LIMIT`; "last" excludes the
beat itself and the interval before it. The middle third holds the QRS complex, its peak the sample
farthest from the beat's median. Widths: github.com/crs4/rf-ecg-heartbeat-classification."""

RR_FEATURES, MEAN_FEATURES = tuple(FEATURES)[:6], tuple(FEATURES)[:12]
MEDIAN_FEATURES = ("rr_next", "rr_spread", *tuple(FEATURES)[12:])
NEEDS_NEXT = ("rr_next", "rr_next_near", "pause_10", "pause_50", "pair")
"""Features that are known only when the next R peak is."""
LIMIT = 1.5
"""Largest logarithm of a ratio: 4.5 times as long, or as short."""

QRS = slice(22, 40)
"""The QRS complex in the 60 samples of a beat at 120 Hz."""

Values = NDArray[np.floating]


def previous(values: Values, width: int, statistic: str = "mean") -> NDArray[np.float64]:
    """Mean, median or std (standard deviation of the population) of the ``width`` rows before each.

    ``values``, shape (n,) or (n, m), has one row per beat in the order of time. Missing values
    (NaN) do not count; the result is NaN where there are no previous values.

    >>> previous(np.array([1.0, 2.0, 6.0, 0.0]), 2).tolist()
    [nan, 1.0, 1.5, 4.0]
    """
    frame = pd.DataFrame(np.asarray(values, float)).shift().rolling(width, min_periods=1)
    found = frame.std(ddof=0) if statistic == "std" else getattr(frame, statistic)()
    return found.to_numpy().reshape(np.shape(values))


def compute_features(
    signals: Values, rr_before_s: Values, rr_after_s: Values, names: tuple[str, ...]
) -> NDArray[np.float32]:
    """Compute the named :data:`FEATURES` of one recording's beats, one column each.

    Parameters as of :func:`describe_beats`; beats of any unit and of 180 samples; those
    of the means take any multiple of 3.

    >>> rr = np.array([np.nan, 0.8, 0.8, 0.4, 1.2])  # the fourth beat is early, then a pause
    >>> found = compute_features(np.ones((5, 180)), rr, np.append(rr[1:], np.nan), ("rr_near",))
    >>> found[:, 0].astype(float).round(2).tolist()  # log(0.4 / 0.8) = -0.69
    [0.0, 0.0, 0.0, -0.69, 0.59]
    """
    columns = _rr_columns(rr_before_s, rr_after_s)
    if set(names) & set(MEAN_FEATURES[6:]):
        columns |= _shape_columns(signals)
    if set(names) & set(MEDIAN_FEATURES[2:]):
        columns |= _median_rr_columns(rr_before_s, rr_after_s) | _median_shape_columns(signals)
    found = [columns[name] for name in names]
    return np.array(found, np.float32).reshape(len(names), len(signals)).T.copy()


def _rr_columns(rr_before_s: Values, rr_after_s: Values) -> dict[str, Values]:
    rr, following = np.asarray(rr_before_s, float), np.asarray(rr_after_s, float)
    near, far = previous(rr, NEAR), previous(rr, FAR)
    logs = np.log(np.where(rr > 0, rr, np.nan))
    return {
        "rr_near": _log_ratio(rr, near),
        "rr_far": _log_ratio(rr, far),
        "rr_next": _log_ratio(following, rr),
        "rr_next_near": _log_ratio(following, near),
        "rr_last": _log_ratio(np.append(np.nan, rr[:-1])[: len(rr)], near),
        "rr_spread": np.nan_to_num(previous(logs, NEAR, "std")).clip(0, LIMIT),
    }


def _shape_columns(signals: Values) -> dict[str, Values]:
    x = np.asarray(signals, float)
    thirds, usual = np.split(x, 3, axis=1), np.split(previous(x, FAR), 3, axis=1)
    shapes = (1 - _correlation(a, b) for a, b in zip(thirds, usual, strict=True))
    height = np.abs(thirds[1] - np.median(x, axis=1, keepdims=True))  # (n, m / 3)
    peak = height.max(axis=1, keepdims=True, initial=0)
    widths = ((height > peak / part).sum(axis=1).astype(float) for part in (2, 4))
    ratios = (_log_ratio(own, previous(own, FAR)) for own in (x.std(axis=1), *widths))
    names = ("shape_p", "shape_qrs", "shape_t", "size", "width_half", "width_quarter")
    return dict(zip(names, (*shapes, *ratios), strict=True))


def _median_rr_columns(rr_before_s: Values, rr_after_s: Values) -> dict[str, Values]:
    rr, following = np.asarray(rr_before_s, float), np.asarray(rr_after_s, float)
    logs = np.log(np.where(rr > 0, rr, np.nan))
    ten, fifty = (previous(rr, width, "median") for width in (10, 50))
    lags = pd.concat([pd.Series(logs).shift(lag) for lag in range(11)], axis=1).to_numpy()
    changes = np.abs(lags[:, 0] - lags[:, 1])
    gaps = np.abs(lags[:, :1] - lags[:, 1:])  # (n, 10)
    columns = {
        "interval": logs,
        "usual_interval": np.log(np.where(fifty > 0, fifty, np.nan)),
        "early_10": _log_ratio(rr, ten),
        "early_50": _log_ratio(rr, fifty),
        "pause_10": _log_ratio(following, ten),
        "pause_50": _log_ratio(following, fifty),
        "pair": _log_ratio(rr + following, 2 * ten),
        "last_early": _log_ratio(np.exp(lags[:, 1]), ten),
        "second_last_early": _log_ratio(np.exp(lags[:, 2]), ten),
        "irregular_10": previous(changes, 10, "median"),
        "irregular_50": previous(changes, 50, "median"),
        "nearest": np.where(np.isfinite(gaps), gaps, np.inf).min(axis=1, initial=LIMIT),
    }
    return {name: np.nan_to_num(column) for name, column in columns.items()}


def _median_shape_columns(signals: Values) -> dict[str, Values]:
    n, width = signals.shape
    x = np.asarray(signals, float).reshape(n, 60, width // 60).mean(axis=2)  # (n, 60), 120 Hz
    usual = previous(x, 100, "median")
    usual = np.where(np.isfinite(usual), usual, x)  # (n, 60), the beat itself where it is the first
    own, other = _measure(x), _measure(usual)
    unit, usual_unit = (np.where(h > 1e-6, h, 1.0) for h in (own["height"], other["height"]))
    away = (x - usual) / usual_unit[:, None]
    parts = {"fit": slice(60), "fit_p": slice(5, 22), "fit_qrs": QRS, "fit_t": slice(40, 60)}
    columns = {name: _correlation(x[:, of], usual[:, of]) for name, of in parts.items()}
    ratios = {"height": "height", "spread": "spread", "half_ratio": "half"}
    ratios |= {"quarter_ratio": "quarter", "steep_ratio": "steep"}
    columns |= {name: _log_ratio(own[of], other[of]) for name, of in ratios.items()}
    means = away.reshape(n, 20, 3).mean(axis=2)
    return columns | {
        **{f"away_{i}": column for i, column in enumerate(means.T)},
        "fit_last": np.append(1.0, columns["fit"])[:n],
        "fit_to_last": _correlation(x, np.concatenate([x[:1], x])[:n]),
        "distance": np.abs(away).mean(axis=1),
        "distance_qrs": np.abs(away[:, QRS]).mean(axis=1),
        "half": own["half"],
        "quarter": own["quarter"],
        "upward": (x[:, QRS].max(axis=1) - own["base"]) / unit,
        "downward": (own["base"] - x[:, QRS].min(axis=1)) / unit,
        "steep": own["steep"] / unit,
        "p_height": own["p"] / usual_unit,
        "p_usual": other["p"] / usual_unit,
    }


def _measure(x: Values) -> dict[str, Values]:
    """Measures of beats of shape (n, 60), (n,) each; widths count samples of the QRS complex."""
    base = np.median(x, axis=1)
    away = np.abs(x - base[:, None])
    height = away[:, QRS].max(axis=1)
    half, quarter = ((away[:, 18:44] > height[:, None] / part).sum(axis=1) for part in (2, 4))
    steep, p = np.abs(np.diff(x[:, 20:43])).max(axis=1), x[:, 8:20].max(axis=1) - base
    found = {"base": base, "height": height, "half": half, "quarter": quarter, "steep": steep}
    return found | {"spread": x.std(axis=1), "p": p}


def _log_ratio(part: Values, usual: Values) -> NDArray[np.float64]:
    """Logarithm of a ratio, limited; 0 where one of the two is unknown or not positive."""
    valid = (part > 0) & (usual > 0)
    ratio = np.divide(part, usual, out=np.ones(len(part)), where=valid)
    return np.log(ratio).clip(-LIMIT, LIMIT)


def _correlation(a: Values, b: Values) -> NDArray[np.float64]:
    """Correlation of two arrays row by row; 1 where it is not defined."""
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.divide((a * b).sum(axis=1), size, out=np.ones(len(a)), where=size > 1e-12)


def describe_beats(
    signals: NDArray[np.float32], rr_before_s: Values, rr_after_s: Values, preparation: Preparation
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Normalise the beats of one recording and compute their features, shape (n, k).

    Row i depends on no beat after i, and on no more than :data:`HISTORY` beats before it.

    Parameters
    ----------
    signals, rr_before_s, rr_after_s : ndarray, shape (n, 180), (n,) and (n,)
        Beats in mV as they were cut, in the order of time; seconds since the beat before and to
        the beat after, NaN where there is none.
    preparation : Preparation
        ``units``, ``relative_to`` and ``features`` are used.
    """
    parts = []
    for start in range(0, max(len(signals), 1), 20_000):  # a day of beats at once takes 1 GB
        first = max(start - HISTORY, 0)
        rows = slice(first, start + 20_000)
        found = _describe(signals[rows], rr_before_s[rows], rr_after_s[rows], preparation)
        parts.append([part[start - first :] for part in found])
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _describe(
    x: NDArray[np.float32], rr_before_s: Values, rr_after_s: Values, preparation: Preparation
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if preparation.units == "patient":
        size = x.std(axis=1)
        mean_size = previous(np.append(size, np.nan), FAR)[1:]  # the beat's own included
        x = (x / np.where(mean_size > 0, mean_size, 1)[:, None]).astype(np.float32)
    features = compute_features(x, rr_before_s, rr_after_s, preparation.features)
    if preparation.relative_to == "none":
        return x, features
    usual = previous(x, FAR, preparation.relative_to)
    return np.nan_to_num(x - usual).astype(np.float32), features  # the first beat: zeros
