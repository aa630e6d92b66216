"""A preparation has the paper's defaults, refuses what cannot be made, and survives JSON."""

import json

import pytest

from ecgkit import InputError
from ecgkit.data.preparation import BEAT_LENGTH, SAMPLING_RATE, Preparation

EVERYTHING = Preparation(
    **{"lead": "first", "zeroed": ("A3", "D1"), "wavelet": "sym4", "level": 3, "step": 2},
    **{"extension": "periodization", "before": 60, "after": 120, "margin_before": 60},
    **{"margin_after": 120, "units": "patient", "relative_to": "median", "align_s": 0.05},
    **{"features": ("size", "rr_near"), "mapping": "literature"},
)


def test_the_defaults_are_the_papers():
    # Section IV-A: 360 Hz, lead MLII, wavelet db6, 180 samples (0.5 s) per beat; no features.
    plain = Preparation()
    assert (SAMPLING_RATE, BEAT_LENGTH, plain.n_features) == (360, 180, 0)
    assert (plain.lead, plain.wavelet, plain.step, plain.units) == ("MLII", "db6", 1, "mV")
    # Decisions of the book: nine levels, below 0.35 Hz and above 45 Hz nothing, R in the middle.
    assert (plain.level, plain.zeroed) == (9, ("A9", "D1", "D2"))
    assert (plain.before, plain.margin_before, plain.margin_after) == (90, 100, 150)


@pytest.mark.parametrize("preparation", [Preparation(), EVERYTHING])
def test_a_preparation_survives_json(preparation):
    text = json.dumps(preparation.to_dict(), allow_nan=False)
    assert Preparation.from_dict(json.loads(text)) == preparation
    assert Preparation.from_dict({"step": 3}) == Preparation(step=3)


@pytest.mark.parametrize(
    "change",
    [
        *({"zeroed": bad} for bad in ("A9", ("D10",), ("A8",), ("D1", "D1"), 5, ([],))),
        *({"features": bad} for bad in ("size", ("rr",), ("size", "size"), (None,))),
        *({"level": bad} for bad in (0, -1, 2.5, "9", 10**9)),
        *({name: bad} for name in ("before", "after", "step") for bad in (-1, 0.5, "1", 10**9)),
        *({name: bad} for name in ("after", "step", "margin_after") for bad in (0, None)),
        *({"margin_before": 89}, {"margin_after": 89}, {"before": 101}),  # beats beyond the signal
        *({"units": "uV"}, {"relative_to": "mode"}, {"mapping": "aami"}, {"mapping": ["ec57"]}),
        *({"wavelet": "db99"}, {"wavelet": "morl"}, {"wavelet": None}, {"extension": "mirror"}),
        *({"align_s": bad} for bad in (-0.01, 0.21, float("nan"), "0.1", None)),
        {"before": 91},  # 181 samples
        {"colour": "red"},
    ],
    ids=repr,
)
def test_what_cannot_be_made_is_refused(change):
    with pytest.raises(InputError):
        Preparation.from_dict({**Preparation().to_dict(), **change})


@pytest.mark.parametrize(("seconds", "samples"), [(0, 0), (0.05, 18), (0.15, 54), (0.1999, 71)])
def test_alignment_in_samples(seconds, samples):
    assert Preparation(align_s=seconds).align_samples == samples
