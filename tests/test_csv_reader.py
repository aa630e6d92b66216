"""One lead of a text file: where its table begins, its times, and what is refused."""

import gzip
import json

import numpy as np
import pytest
from conftest import WAVE, refused

from ecgkit.apply.csv_reader import find_jumps
from ecgkit.apply.readers import read_recording

T = np.arange(3000) / 250  # s


LAYOUTS = [
    ("", "{mv}", ""),
    ("MLII\n", "{mv}", "MLII"),
    ("time,MLII,V5\n", "{i},{mv},9", "MLII"),
    ("V5;time (s);II\n", "9;{t:.3f};{mv}", "II"),
    ("time\tII\n", "{i}\t{mv}", "II"),
    ("time II\n", "{i} {mv}", "II"),
    ('"time\n(s)","II\n(mV)","",""\n', "{t:.3f},{mv},,", "II"),
    ("Time,II\n", "{day:.9f},{mv}", "II"),
    ("'Elapsed time','MLII'\n'hh:mm:ss.mmm','mV'\n", "'0:{t:06.3f}',{mv}", "MLII"),
    ("\n\nMLII\n\n", "{mv}", "MLII"),
    ("sample;MLII\n", "{i};{comma}", "MLII"),
    ("", "{comma}", ""),
    ("ECG\n", "{comma}", "ECG"),
    ("II, mV\n", "{comma}", "II"),
    *((f"{x},II\n", "{i},{mv}", "II") for x in ("Zeit", "", "Unnamed: 0", "x", "idx", "frame")),
    *((f"{x},ecg_mV\n", "{t},{mv}", "ecg") for x in ("time_s", "t", "x", "temps", "datetime")),
    ("Zeit,ecg_mV\n", "{t:.2f},{mv}", "ecg"),
    ("x,ecg_mV\n", "1700000{t:07.3f},{mv}", "ecg"),
    ("x,ecg_mV\n", "10:00:{t:06.3f},{mv}", "ecg"),
]


@pytest.mark.parametrize(("head", "line", "name"), LAYOUTS)
@pytest.mark.filterwarnings("ignore:.*(unit|chooses another)")
def test_a_csv_may_be_laid_out_in_many_ways(write_csv, monkeypatch, head, line, name):
    monkeypatch.setattr("ecgkit.apply.csv_reader.BLOCK", 999)
    recording = read_recording(write_csv(head, line), fs=250)
    assert (recording.name, recording.lead, recording.fs) == ("ecg", name, 250)
    assert recording.signal.dtype == np.float32
    assert np.array_equal(recording.signal, WAVE)
    assert recording.r_peaks is recording.symbols is None


@pytest.mark.parametrize(
    ("head", "given", "factor", "guess"),
    [
        ("MLII", None, 1, "mV"),
        ("MLII", None, 1000, "uV"),
        ("MLII", None, 0.001, "V"),
        ("MLII (uV)", None, 1000, None),
        ("MLII_uV", None, 1000, None),
        ("MLII", "uV", 1000, None),
        ("MLII (mV)", "V", 0.001, None),
        ("Lead V", None, 1, "mV"),
    ],
)
def test_the_unit_is_stated_or_guessed_with_a_warning(
    tmp_path, recwarn, head, given, factor, guess
):
    path = tmp_path / "ecg.csv"
    path.write_text(f"{head}\n" + "\n".join(repr(float(x)) for x in WAVE * factor))
    recording = read_recording(path, fs=250, units=given)
    assert np.abs(recording.signal - WAVE).max() < 2e-7
    assert [f"like {guess}" in str(warning.message) for warning in recwarn] == [True] * bool(guess)


def test_leads_of_one_name_are_told_apart(write_csv):
    path = write_csv("t;II (mV);II (mV)\n", "{t};{mv};9")
    with pytest.warns(UserWarning, match="has 2 leads II: the first"):
        assert np.array_equal(read_recording(path).signal, WAVE)
    assert read_recording(path, lead="II (2)").signal[0] == 9


@pytest.mark.parametrize(
    ("cell", "value"), [("", np.nan), ("nan", np.nan), ("inf", np.inf), ("1e300", np.inf)]
)
def test_cells_without_a_usable_value(tmp_path, cell, value):
    path = tmp_path / "ecg.csv"
    path.write_text(f"time,MLII (mV)\n0,0.5\n1,{cell}\n2,0.5\n")
    assert np.array_equal(read_recording(path, fs=360).signal, [0.5, value, 0.5], equal_nan=True)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no numbers"),
        ("MLII\n", "no numbers"),
        ("Dear reader,\nthis is a letter.\nIt holds no ECG.\n", "no numbers"),
        ("1,2\n3,4\n", "--lead"),
        ("0.1," * 999 + "0.2\n", "1000 columns"),
        ("time,lead,mV\n" + "0,I,0.1\n0,II,0.2\n" * 50, "I, II"),
        ("a,b,c\n1,2\n3,4\n", "2 columns, but 3"),
        ("MLII\n" + "0.1\n" * 50 + "electrode off\n" + "0.2\n" * 500, "Line 52"),
        ("t,II\n" + "0,0.1\n" * 50 + "t,II\n" + "0,0.1\n" * 50, "Line 52"),
        ("II\n" + "0.1\n" * 50 + "Total\n0.2\n", "Line 52"),
        ("time,HR,accX\n" + "0,70,0.1\n0.004,71,0.3\n" * 50, "no ECG"),
        ("time,ch1,ch2\n" + "0,70,0.1\n0.004,71,0.3\n" * 50, "ch1, ch2"),
        ("\n".join(f"{i},{i / 250}" for i in range(99)), "times"),
        ("time,MLII\n" + "0,0.1\n" * 50 + "1,2,3\n" + "0,0.2\n" * 500, "line 52"),
    ],
)
def test_a_csv_that_holds_no_signal(tmp_path, text, word):
    (tmp_path / "ecg.csv").write_text(text)
    refused(word, tmp_path / "ecg.csv", fs=360)


@pytest.mark.parametrize("fs", [None, 0, -1, float("nan"), float("inf")])
def test_a_csv_needs_a_sampling_rate(tmp_path, fs):
    (tmp_path / "ecg.csv").write_text("MLII\n0.1\n0.2\n")
    refused("sampling rate", tmp_path / "ecg.csv", fs=fs)


# What stands above the numbers

OPEN_SIGNALS = {
    "column": ["nSeq", "I1", "A2"], "label": ["A2"], "sensor": ["ECG"], "sync interval": 0,
    "sampling rate": 250, "resolution": [4, 1, 10],
}  # fmt: skip
HEADS = {  # the lines above the table; one of its lines; the lead
    "Apple Watch": (
        'Name,X\nDevice,"Watch6,7"\nSample Rate,250 hertz\n\n\nLead,Lead I\nUnit,µV\n\n',
        ("{uv}.25", "Lead I"),
    ),
    "LabChart": (
        "Interval=\t0.004 s\nExcelDateTime=\t4.0E+04\nDateFormat=\t\nChannelTitle=\tECG\tPulse\n"
        "Range=\t10.00 mV\t1.000 V\n",
        ("{t:.3f}\t{mv}\t0.5", "ECG"),
    ),
    "AcqKnowledge": (
        "rec.acq\n4 msec/sample\n2 channels\nECG\nmV\nRSP\nVolts\nmin\tCH1\tCH2\t\n\t30\t30\t\n",
        ("{min:.7f}\t{mv}\t0.5\t", "ECG"),
    ),
    "AcqKnowledge, one": (
        "rec.acq\n4 msec/sample\n1 channels\nECG\nmV\nCH1\n3000\n",
        ("{mv}", "ECG"),
    ),
    "Shimmer": (
        '"sep=\t"\nShimmer_E5_Timestamp_Unix_CAL\tShimmer_E5_ECG_LA-RA_24BIT_CAL\t'
        "Shimmer_E5_ECG_LL-RA_24BIT_CAL\nms\tmV\tmV\n",
        ("{t}e3\t0.5\t{mv}\t", "Shimmer_E5_ECG_LL-RA_24BIT_CAL"),
    ),
    "Shimmer, older": (
        "Shimmer\tShimmer\nTimestamp\tECG LL-RA\nCAL\tCAL\nSecs\tmVolts\n",
        ("{t}\t{mv}", "ECG LL-RA"),
    ),
    "Polar": (
        "Phone timestamp;sensor timestamp [ns];ecg [uV]\n",
        ("2022-01-02T10:00:{t:06.3f};{ns};{uv}", "ecg"),
    ),
    "OpenSignals": (
        f"# {json.dumps({'98:D3': OPEN_SIGNALS})}\n# EndOfHeader\n",
        ("{i}\t0\t{adc}\t", "ECG A2"),
    ),
    "Kaggle": ("'sample #','MLII','V5'\n", ("{i},{adc},512", "MLII")),
    "prose": ("Filter: 40 Hz\nSampling frequency: 0.25 kHz\n\nII (mV)\n", ("{mv}", "II")),
    "Excel": ("Time (s)\tII (uV)\n", ('{t:.3f}\t"{uv:,}"', "II")),
    "rdsamp": ("   Elapsed time    II\n   (seconds)   (mV)\n", ("  {t:.3f}  {mv}", "II")),
    "NumPy": ("# t, II (mV)\n", ("{t:.18e},{mv:.18e}", "II")),
}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.filterwarnings("ignore:.*chooses another")
def test_a_head_states_names_units_and_rate(write_csv, kind):
    head, (line, lead) = HEADS[kind]
    raw = {"gain": 200, "baseline": 512} if "adc" in line else {}
    recording = read_recording(write_csv(head, line), fs=250 if kind == "Kaggle" else None, **raw)
    assert (recording.fs, recording.lead) == (250, lead)
    assert np.abs(recording.signal - WAVE).max() < (0.006 if raw else 0.001)


@pytest.mark.parametrize("kind", ["OpenSignals", "Kaggle"])
def test_integers_of_a_converter_are_refused_until_its_gain_is_told(write_csv, kind):
    path, fs = write_csv(HEADS[kind][0], HEADS[kind][1][0]), 250
    refused("--gain", path, fs=fs)
    refused("--gain", path, fs=fs, baseline=512)
    refused("without --units", path, fs=fs, gain=200, units="uV")
    refused("another number", path, fs=fs, gain=0)
    assert np.ptp(read_recording(path, fs=fs, units="uV").signal) == pytest.approx(0.4)
    assert np.median(read_recording(path, fs=fs, gain=200).signal) == 0
    refused("states a unit", write_csv("II (mV)\n", "{mv}"), fs=fs, gain=200)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n\n \n", "\n\x1a", "\0" * 999])
def test_encodings_and_ends(write_csv, encoding, end):
    path = write_csv("sep=;\nZeit (s);II (µV)\n", "{t};{uv}", encoding, end=end)
    recording = read_recording(path)
    assert (recording.fs, recording.lead, len(recording.signal)) == (250, "II", 3000)
    assert np.abs(recording.signal - WAVE).max() < 0.001


@pytest.mark.parametrize("end", ["\n12.0", "\n12.000,-"])
def test_a_last_line_that_is_cut_is_left_out(write_csv, end):
    with pytest.warns(UserWarning, match="last line"):
        assert len(read_recording(write_csv("t,II (mV)\n", end=end)).signal) == 3000


def test_gzip(write_csv):
    path = write_csv("t,II (mV)\n", end="\n12.0")
    packed = path.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.warns(UserWarning, match=f"^{packed}: its last line"):
        recording = read_recording(packed)
    assert (recording.name, recording.fs, len(recording.signal)) == ("ecg", 250, 3000)
    refused(f"{packed} .* 250 Hz", packed, fs=300)
    packed.write_bytes(packed.read_bytes()[:-99])
    refused("not a complete", packed)


# Times


@pytest.mark.parametrize(
    ("name", "scale", "digits"),
    [("time", 1, 3), ("time", 1000, 0), ("t_us", 1e6, 0), ("time (min)", 1 / 60, 6), ("t", 1, 2)],
)
@pytest.mark.parametrize("fs", [128, 250, 360, 500])
def test_times_give_the_rate(tmp_path, name, scale, digits, fs):
    path = tmp_path / "ecg.csv"
    rows = (f"{i / fs * scale:.{digits}f},{x}" for i, x in enumerate(WAVE))
    path.write_text(f"{name},II (mV)\n" + "\n".join(rows))
    assert read_recording(path).fs == fs
    assert read_recording(path, fs=1.005 * fs).fs == 1.005 * fs
    refused(f"{fs} Hz.* not {fs / 2:g}", path, fs=fs / 2)


@pytest.mark.parametrize("line", ["{t:.3f},{mv}", "{i},{mv}", "23:59:{t:06.3f},{mv}"])
@pytest.mark.parametrize("n", [1, 300])
def test_samples_that_the_times_miss_are_read_as_gaps(write_csv, line, n):
    keep = np.ones(3000, bool)
    keep[1000 : 1000 + n] = False
    path = write_csv("t,II (mV)\n", line, keep=keep)
    with pytest.warns(UserWarning, match=f"at sample 1000 .* {n} missing samples"):
        signal = read_recording(path, fs=250).signal
    assert np.array_equal(signal, np.where(keep, WAVE, np.nan), equal_nan=True)


@pytest.mark.parametrize("back", [0.1, 6.0])
def test_times_that_go_back(tmp_path, back):
    path = tmp_path / "ecg.csv"
    rows = (f"{t - back * (t > 8):.3f},{x}" for t, x in zip(T, WAVE, strict=True))
    path.write_text("t,II (mV)\n" + "\n".join(rows))
    if back > 1:
        refused("sample 2001", path)
    else:
        with pytest.warns(UserWarning, match="sample 2001 by -25 samples"):
            assert len(read_recording(path).signal) == 3000


def test_clock_times_go_on_after_midnight(tmp_path, recwarn):
    rows = (f"{h}:{m}:{t % 60:06.3f},{x}" for h, m, t, x in zip(
        np.where(T < 8, 23, 0), np.where(T < 8, 59, 0), T + 52, WAVE, strict=True))  # fmt: skip
    (tmp_path / "ecg.csv").write_text("time,II (mV)\n" + "\n".join(rows))
    recording = read_recording(tmp_path / "ecg.csv", fs=250)
    assert (recording.fs, len(recording.signal), len(recwarn)) == (250, 3000, 0)


@pytest.mark.parametrize(
    ("head", "fs"),
    [
        ("PR Interval (ms): 158\nRR interval: 800", None),
        ("ACC sampling rate: 100 Hz\nECG sampling rate: 250 Hz", 250),
        ("Sampling rate (original): 1000 Hz\nSampling rate: 250 Hz", None),
        ("Sampling interval (ms): 4", 250),
        ("Sample Interval,0.004", 250),
        ("Sampling interval: 4", None),
        ("Sampling rate: 1,000 Hz", 1000),
        ("Sampling frequency (kHz): 1", 1000),
        ("Sampling period: 4 ms", 250),
        ("Sampling rate,0", None),
    ],
)
def test_the_rate_in_the_lines_above_is_that_of_the_samples_or_asked_for(tmp_path, head, fs):
    (tmp_path / "ecg.csv").write_text(f"{head}\nII\n" + "\n".join(map(str, WAVE)))
    if fs is None:
        refused("--fs", tmp_path / "ecg.csv")
        assert read_recording(tmp_path / "ecg.csv", fs=300).fs == 300
    else:
        assert read_recording(tmp_path / "ecg.csv").fs == fs


def test_a_table_begins_where_its_first_column_does(tmp_path):
    rows = [f"{t:.3f},{mv},{'' if t < 4 else 97}" for t, mv in zip(T, WAVE, strict=True)]
    (tmp_path / "ecg.csv").write_text("time (s),II (mV),SpO2\n" + "\n".join(rows))
    assert len(read_recording(tmp_path / "ecg.csv").signal) == 3000


def test_times_that_fall_are_named(tmp_path):
    rows = [f"{t:.3f},{mv}" for t, mv in zip(T, WAVE, strict=True)]
    (tmp_path / "ecg.csv").write_text("time (s),II (mV)\n" + "\n".join(rows[::-1]))
    refused("earliest first", tmp_path / "ecg.csv", fs=250)
    rows[500:600] = rows[550:600] + rows[500:550]  # two packets of 0.2 s in the wrong order
    (tmp_path / "ecg.csv").write_text("time (s),II (mV)\n" + "\n".join(rows))
    with pytest.warns(UserWarning, match="fall 1 x, the first at sample 550: sort"):
        read_recording(tmp_path / "ecg.csv")


def test_jumps_are_told_from_rounding_and_packets():
    n = np.arange(3000)
    late = n // 20 * 20.0 - n  # packets of 20
    assert len(find_jumps(late)[0]) == 0
    assert len(find_jumps(np.round(n / 2.7) * 2.7 - n)[0]) == 0
    late[1000:] += 100
    assert [list(x) for x in find_jumps(late)] == [[1000], [100]]
