"""EC57: pairs and matrices worked out by hand, and the counts of WFDB's comparator bxb."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgkit import InputError
from ecgkit.data.wfdb_io import Annotations, read_annotation_file, write_annotations
from ecgkit.evaluate import ec57
from ecgkit.evaluate.ec57 import ec57_report
from ecgkit.evaluate.matching import COLUMNS, ROWS, Settings, compare_annotations

FS = 360


def marks_of(text, fs=FS, **about):
    """Annotations of a text such as "1000N 1300V 1500~~", where ~~ is unreadable signals."""
    marks = re.findall(r"(\d+)(\D\S*)", text)
    symbols = [symbol for _, symbol in marks]
    subtypes = [-1 if symbol == "~~" else 0 for symbol in symbols]
    samples = [int(sample) for sample, _ in marks]
    return Annotations(samples, [symbol[0] for symbol in symbols], fs, subtypes, **about)


def counted(reference, test, fs=FS, **options):
    """Cell name -> count; scored from the first sample on."""
    scored = Settings(**{"start_s": 0, "end_s": 60, **options})
    return cells(compare_annotations(marks_of(reference, fs), marks_of(test, fs), scored))


def cells(matrix):
    """Cell name -> count, of the cells that are not zero."""
    return {ROWS[r] + COLUMNS[c]: int(matrix[r, c]) for r, c in np.argwhere(matrix)}


def matrix_of(**counts):
    """The matrix with these counts in its cells."""
    matrix = np.zeros((7, 7), np.int64)
    for cell, count in counts.items():
        matrix[ROWS.index(cell[0]), COLUMNS.index(cell[1])] = count
    return matrix


FLUTTER = "500N 1000[ 1200! 1300V 2000] 2500N"
RULES = {  # rule -> reference, test, matrix, settings
    "150 ms are 54 samples, and one more is another beat": [
        ("1000N", "1054V", {"Nv": 1}),
        ("1000N", "946V", {"Nv": 1}),
        ("1000N", "1055V", {"No": 1, "Ov": 1}),
        ("1000N", "945V", {"No": 1, "Ov": 1}),
        # 37.5 samples at 250 Hz; WFDB's strtim adds a half and cuts
        ("1000N", "1038N", {"Nn": 1}, {"fs": 250}),
        ("1000N", "1039N", {"No": 1, "On": 1}, {"fs": 250}),
    ],
    "beats are missed and extra": [
        ("1000N 1300V 1600N", "1002N 1450V 1600N", {"Nn": 2, "Vo": 1, "Ov": 1}),
        ("1000N 1300V 1600N", "", {"No": 2, "Vo": 1}),
    ],
    "of two near one the nearer is it": [
        ("1000N", "970V 1010N", {"Nn": 1, "Ov": 1}),
        ("1000N", "995N 1030V", {"Nn": 1, "Ov": 1}),
        ("970V 1010N", "1000N", {"Nn": 1, "Vo": 1}),
        # The case in the notes to bxb: 128 is as far from 96 as from 160, but 160 has 185
        ("96N 160V", "128N 185V", {"Nn": 1, "Vv": 1}, {"window_s": 37 / FS}),
    ],
    "without SVEB, S counts as N on both sides": [
        ("1000j 1300N 1600A", "1000N 1300e 1600V", {"Sn": 1, "Ns": 1, "Sv": 1}),
        ("1000j 1300N 1600A", "1000N 1300e 1600V", {"Nn": 2, "Nv": 1}, {"sveb": False}),
    ],
    "the learning period of five minutes is not counted": [
        (*2 * ["107600V 108000N 108400N"], {"Nn": 2}, {"start_s": 300, "end_s": 400}),
        (*2 * ["107600V 108000N 108400N"], {"Nn": 2, "Vv": 1}, {"end_s": 400}),
    ],
    "beats just outside the scored time may be partners": [
        ("3590V 4000N", "3600V 4000N", {"Nn": 1}, {"start_s": 10}),
        ("3600V 4000N", "3590V 4000N", {"Vv": 1, "Nn": 1}, {"start_s": 10}),
        ("1000N 3590V 5000N", "1000N 3610V 4500V", {"Nn": 1, "Vv": 1}, {"end_s": 10}),
    ],
    "beats found in flutter are not counted": [
        (FLUTTER, "500N 1300V 1600V 2100V 2500N", {"Nn": 2, "Ov": 1}),
        ("500N 1000[", "500N 9000V", {"Nn": 1}),
        # a second one that is never closed: bxb keeps the end of the first
        (f"{FLUTTER} 3000[ 3100!", "500N 1300V 1600V 2100V 2500N 9000V", {"Nn": 2, "Ov": 2}),
    ],
    "a flutter wave outside flutter takes a partner and is no beat": [
        ("1000N 1500!", "1000N", {"Nn": 1}),
        ("500N 1000!", "500N 1010V", {"Nn": 1, "Ov": 1}),
        ("1000N", "990! 1020N", {"No": 1, "On": 1}),  # 990 is nearer to 1000
    ],
    "misses and extras of unreadable signals have their own cells": [
        ("500N 1500V 2500N", "500N 1000~~ 2000~ 2500N", {"Nn": 2, "Vx": 1}),
        ("500N 1000~~ 2000~ 2500N", "500N 1500V 2500N", {"Nn": 2, "Xv": 1}),
        ("500N 1500V 2500N", "500N 1000~ 2000~ 2500N", {"Nn": 2, "Vo": 1}),  # noisy only
        ("500N 1500V 2500N", "500N 1000~~", {"Nn": 1, "Vx": 1, "Nx": 1}),  # to the end
    ],
    "a lone mark for unreadable signals stands for the pause around it": [
        ("500N 1500~~ 2500N", "500N 554V 2500N", {"Nn": 2, "Xv": 1}),
        ("500N 1500~~ 2500N", "480N 553V 2500N", {"Nn": 2, "Ov": 1}),
    ],
}


@pytest.mark.parametrize("rule", RULES)
def test_beats_are_paired_and_counted_by(rule):
    for reference, test, expected, *options in RULES[rule]:
        assert counted(reference, test, **dict(*options)) == expected


def test_without_a_length_the_last_reference_beat_is_the_end():
    test = marks_of("1000N 2000N 3000V")
    for n_samples, expected in [(None, {"Nn": 2}), (3600, {"Nn": 2, "Ov": 1})]:
        marks = marks_of("1000N 2000N", n_samples=n_samples)
        assert cells(compare_annotations(marks, test, Settings(start_s=0))) == expected


# Invariants

MARKS = st.lists(st.tuples(st.integers(1, 3000), st.sampled_from("NLAVjFQ+~")), max_size=30).map(
    sorted
)


@settings(deadline=None, max_examples=200)
@given(MARKS.filter(lambda marks: any(symbol in "NLAVjFQ" for _, symbol in marks)), MARKS)
def test_each_beat_is_counted_once(reference, test):
    texts = [" ".join(f"{n}{symbol}" for n, symbol in marks) for marks in (reference, test)]
    found = counted(*texts)
    for name, symbols in {"N": "NL", "S": "Aj", "V": "V", "F": "F", "Q": "Q"}.items():
        rows = sum(n for cell, n in found.items() if cell[0] == name)
        columns = sum(n for cell, n in found.items() if cell[1] == name.lower())
        assert rows == sum(symbol in symbols for _, symbol in reference)
        assert columns == sum(symbol in symbols for _, symbol in test)


# Scores

BY_HAND = matrix_of(
    **{"Nn": 80, "Ns": 2, "Nv": 3, "Nf": 1, "Nq": 1, "No": 2, "Nx": 1},
    **{"Sn": 4, "Ss": 10, "Sv": 1, "So": 1, "Vn": 2, "Vs": 1, "Vv": 20, "Vf": 1, "Vx": 1},
    **{"Fn": 1, "Fs": 1, "Fv": 5, "Ff": 3, "Qn": 1, "Qs": 2, "Qv": 4, "Qq": 1, "Qo": 1},
    **{"On": 6, "Os": 1, "Ov": 2, "Xn": 1, "Xv": 1},
)


def test_the_scores_are_those_worked_out_by_hand():
    expected = {
        # found 87+15+24+10+8 = 144; missed 3+1+1+0+1 = 6; extra 9+2 = 11
        "qrs_se": (144, 150),
        "qrs_ppv": (144, 155),
        # V: 20 of 2+1+20+1+1 = 25; false Nv 3, Sv 1, Ov 2, Xv 1
        "veb_se": (20, 25),
        "veb_ppv": (20, 27),
        # true negatives N 84, S 14, F 5, Q 4, O 7, X 1 = 115
        "veb_fpr": (7, 122),
        # S: 10 of 4+10+1+1 = 16; false Ns 2, Vs 1, Fs 1, Os 1
        "sveb_se": (10, 16),
        "sveb_ppv": (10, 15),
        # true negatives N 85, V 23, F 9, Q 6, O 8, X 2 = 133
        "sveb_fpr": (5, 138),
    }
    assert ec57.scores(BY_HAND) == {key: n / of for key, (n, of) in expected.items()}


def test_a_score_that_would_divide_by_zero_is_nan():
    assert np.isnan(list(ec57.scores(matrix_of()).values())).all()
    found = ec57.scores(matrix_of(Nn=5))
    assert np.isnan([found["veb_se"], found["veb_ppv"]]).all()
    assert found["veb_fpr"] == 0


@pytest.fixture
def report():
    """Of three records: all found in one, half of the V missed in the next, the last paced."""
    many = "500N 1000N 1500N 2000N 2500N 3000N 3500V 4000V"
    reference = {"one": "1000N 1500V", "many": f"{many} 4500V 5000V", "paced": "1000N 1500/"}
    both = reference, {**reference, "many": f"{many} 10000N"}
    both = [{name: marks_of(text, n_samples=36_000) for name, text in of.items()} for of in both]
    return ec57_report(*both, Settings(start_s=0), annotators=("atr", "net"))


def test_gross_pools_the_beats_and_average_the_records(report):
    # one: QRS 2/2, V 1/1. many: QRS 8/10 found, 1 extra, V 2/4
    assert cells(report.total) == {"Nn": 7, "Vv": 3, "Vo": 2, "On": 1}
    gross, average = report.gross, report.average
    assert (gross["qrs_se"], average["qrs_se"]) == (10 / 12, 0.9)
    assert gross["qrs_ppv"] == 10 / 11
    assert average["qrs_ppv"] == pytest.approx((1 + 8 / 9) / 2)
    assert (gross["veb_se"], average["veb_se"]) == (3 / 5, 0.75)
    assert np.isnan([gross["sveb_se"], average["sveb_se"]]).all()


def test_paced_records_are_excluded_and_named(report):
    assert report.paced == ("paced",)
    assert list(report.matrices) == ["one", "many"]
    assert list(report.table().index) == ["one", "many", "Gross", "Average"]
    assert report.table().loc["many", "V Se"] == 0.5
    assert "paced" in report.text()


def test_the_report_is_ready_for_json(report):
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["records"]["many"]["matrix"] == report.matrices["many"].tolist()
    assert found["gross"]["figures"]["veb_se"] == 3 / 5
    assert found["average"]["figures"]["sveb_se"] is None
    assert (found["reference"], found["test"], found["paced"]) == ("atr", "net", ["paced"])
    assert (found["start_s"], found["end_s"], found["window_s"]) == (0, None, 0.15)
    assert (found["rows"], found["columns"]) == (list("NSVFQOX"), list("nsvfqox"))


def test_text_and_markdown_hold_the_matrix_and_the_scores_in_percent(report):
    expected = [
        "n s v f q o x",
        "N 7 0 0 0 0 0 0",
        "V 0 0 3 0 0 2 0",
        "O 1 0 0 0 0",
        "Record Q Se Q +P V Se V +P V FPR S Se S +P S FPR",
        "Gross 83.33 90.91 60.00 100.00 0.000 - - 0.000",
        "Average 90.00 94.44 75.00 100.00 0.000 - - 0.000",
    ]
    for text in (report.text(), report.markdown().replace("|", " ")):
        assert set(expected) <= {" ".join(line.split()) for line in text.splitlines()}
    beats = {"a": marks_of("900A 1300V", n_samples=36_000, synthetic=True)}
    report = ec57_report(beats, beats, Settings(start_s=0, sveb=False))
    for text in (report.text(), report.markdown()):
        assert text.startswith("SYNTHETIC")
        assert "S Se" not in text
    found = report.to_dict()
    assert (found["synthetic"], "sveb_se" in found["gross"]["figures"]) == (True, False)


# Errors


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, "Record a"),
        ({"start_s": 1, "end_s": 2}, "beat"),
        ({"start_s": -1}, "time"),
        ({"start_s": 0, "window_s": float("nan")}, "nan"),
        ({"start_s": 1e308}, "time"),
    ],
)
def test_settings_that_leave_nothing_to_score(options, word):
    beats = {"a": marks_of("1000N 2000V", n_samples=36_000)}
    with pytest.raises(InputError, match=word):
        ec57_report(beats, beats, Settings(**options))


def test_records_that_cannot_be_compared():
    beats = marks_of("1000N 2000V")
    with pytest.raises(InputError, match="250"):
        ec57_report({"a": beats}, {"a": marks_of("1000N", 250)})
    with pytest.raises(InputError, match="b"):
        ec57_report({"a": beats}, {"a": beats, "b": beats})
    with pytest.raises(InputError, match="paced"):
        ec57_report({"a": marks_of("1000/")}, {"a": beats})


# WFDB's bxb
#
# The matrices below were counted in C by the comparison of WFDB's app/bxb.c (27 April 2020), with
# SVEB reported and its standard window: its main loop, its readers of the next beat, its rules for
# flutter and shutdown and its classes, transcribed without RR errors and output files.


def mixed(k):
    """A pseudorandom number that is always the same."""
    return k * 2_654_435_761 % 2**32 >> 9


def altered(reference):
    """An annotator who misses, adds, shifts and confuses beats."""
    beats = [symbol in set("NLRBJASajenVrEFQ/f?") for symbol in reference.symbols.tolist()]
    symbols = reference.symbols[beats].tolist()
    marks = []
    for k, sample in enumerate(reference.samples[beats].tolist()):
        symbol = "NNNSVFQ"[mixed(k) % 7] if mixed(k) % 11 == 0 else symbols[k]
        if k % 17:
            marks.append((max(sample + mixed(k) % 121 - 60, 0), symbol))
        if k % 23 == 0:
            marks.append((sample + 90 + k % 100, "NVSF"[k % 4]))
    samples, symbols = zip(*sorted(marks), strict=True)
    return Annotations(samples, symbols, reference.fs)


def crowded():
    """Two annotators at some 250 beats a minute, with flutter and unreadable stretches."""
    both = []
    for person, step in enumerate((83, 79)):
        marks = []
        for k in range(1, 440):
            sample, chance = 30 + step * k + mixed(k + 500 * person) % 61, mixed(k) >> 4 * person
            unreadable = 9000 < sample + 6000 * person < 11_000  # at another time for each
            if not unreadable and chance % 13:
                marks.append((sample, "NAVFQNLjE"[chance % 9], 0))
        marks += [(9000 - 6000 * person, "~", -1), (11_000 - 6000 * person, "~", 0)]
        marks += [(20_000 + 300 * person, "[", 0), (21_000 + 300 * person, "]", 0)]
        marks += [(30_000 + person, "~", 48), (30_400 + person, "+", 0)]
        both.append(sorted(marks))
    return tuple(
        Annotations(samples, symbols, FS, subtypes, n_samples=36_000)
        for samples, symbols, subtypes in (zip(*marks, strict=True) for marks in both)
    )


BXB = {
    "crowded": (
        "23 23 19 11 11 17 8, 23 14 12 4 6 15 5, 15 14 15 6 3 17 6, 5 4 7 4 3 11 3, "
        "14 6 8 1 4 4 1, 26 16 12 9 8 0 0, 8 4 5 4 4 0 0"
    ),
    "crowded, S as N": (
        "83 0 31 15 17 32 13, 0 0 0 0 0 0 0, 29 0 15 6 3 17 6, 9 0 7 4 3 11 3, "
        "20 0 8 1 4 4 1, 42 0 12 9 8 0 0, 12 0 5 4 4 0 0"
    ),
    "105": (
        "1699 23 28 22 27 322 0, 0 0 0 0 0 0 0, 0 0 22 0 1 6 0, 0 0 0 0 0 0 0, "
        "0 0 0 0 4 1 0, 216 25 27 24 2 0 0, 0 0 0 1 0 0 0"
    ),
    "203": (
        "1693 27 35 25 27 296 0, 0 0 0 0 0 0 0, 13 4 277 7 4 68 0, 0 0 0 1 0 0 0, "
        "0 0 0 0 4 0 0, 212 25 65 22 2 0 0, 0 0 0 0 0 0 0"
    ),
    "207": (
        "1102 15 18 14 17 210 0, 4 86 1 1 2 13 0, 4 1 83 0 1 20 0, 0 0 0 0 0 0 0, "
        "0 0 0 0 0 0 0, 142 27 30 18 1 0 0, 0 0 0 0 0 0 0"
    ),
    "208": (
        "1064 12 16 16 18 182 0, 0 2 0 0 0 0 0, 26 15 638 12 9 124 0, 12 3 2 229 4 51 0, "
        "0 0 0 0 2 0 0, 143 24 97 55 1 0 0, 0 0 0 0 0 0 0"
    ),
}
"""What was compared -> the rows N S V F Q O X of its matrix."""


def printed(name):
    """The matrix that bxb counted."""
    return [[int(count) for count in row.split()] for row in BXB[name].split(", ")]


def test_crowded_beats_are_paired_as_bxb_pairs_them():
    for name, sveb in [("crowded", True), ("crowded, S as N", False)]:
        found = compare_annotations(*crowded(), Settings(start_s=5, sveb=sveb))
        assert found.tolist() == printed(name)


@pytest.mark.parametrize("name", [name for name in BXB if name.isdecimal()])
def test_records_of_mit_bih_are_counted_as_bxb_counts_them(mitdb, name):
    # 203 and 208 have an unreadable stretch, 105 has four, 207 has flutter after five minutes
    reference = read_annotation_file(mitdb.directory / name)
    assert compare_annotations(reference, altered(reference)).tolist() == printed(name)


def test_a_record_that_cannot_be_compared_is_left_out_and_named():
    long = marks_of("1000N 120000V", n_samples=144_000)
    short = marks_of("1000N", n_samples=3600)
    with pytest.warns(UserWarning, match="Record short is left out.* 300-10 s") as caught:
        report = ec57_report({"short": short, "long": long}, {"short": short, "long": long})
    assert (len(caught), list(report.matrices)) == (1, ["long"])
    nothing = {"long": marks_of("")}  # of a detector that found nothing: all are missed
    report = ec57_report({"long": long}, nothing, Settings(start_s=0))
    assert cells(report.total) == {"No": 1, "Vo": 1}


# The command


@pytest.fixture
def folders(tmp_path, write_record):
    """Two folders: a record of 20 s with ten beats, and another annotator's nine of them."""
    r_peaks = np.arange(600, 7000, 700)
    write_record(r_peaks=r_peaks, symbols="NNVNNANNQN")
    there = tmp_path / "net"
    write_annotations(there / "one.net", Annotations(r_peaks[:-1] + 9, list("NNVNNNNNN"), FS))
    return tmp_path, there


def test_the_command_reports_two_folders(run, folders):
    arguments = ("ec57", *folders, "--test", "net", "--start", 0)
    status, output, errors = run(*arguments, "--json")
    assert (status, errors) == (0, "")
    found = json.loads(output)
    assert cells(np.array(found["records"]["one"]["matrix"])) == {
        "Nn": 6, "No": 1, "Sn": 1, "Vv": 1, "Qn": 1
    }  # fmt: skip
    assert found["gross"]["figures"]["qrs_se"] == 0.9
    assert found["start_s"] == 0
    status, output, _ = run(*arguments)
    assert (status, "Gross" in output) == (0, True)
    status, output, _ = run(*arguments, "--markdown")
    assert (status, output.count("| N |")) == (0, 1)


def test_the_options_reach_the_comparison(run, folders):
    def scores(*options):
        arguments = ("ec57", *folders, "--test", "net", "--records", "one", "--json", *options)
        return json.loads(run(*arguments)[1])["gross"]["figures"]

    assert scores("--start", 10)["qrs_se"] == 4 / 5  # beats from 4100 to 6900, the last missed
    assert scores("--start", 0, "--end", 18)["qrs_se"] == 1
    assert scores("--start", 0, "--window", 0.02)["qrs_se"] == 0  # all are 25 ms late
    assert "sveb_se" not in scores("--start", 0, "--no-sveb")


def test_input_that_the_command_cannot_use(run, folders):
    here, there = folders
    (there / "one.cut").write_bytes((there / "one.net").read_bytes()[:-3])
    test = ("--test", "net", "--records", "one")
    (there / "two.net").write_bytes(b"")
    status, output, errors = run("ec57", here, there, "--test", "net", "--start", 0, "--json")
    assert (status, errors.count("\n"), list(json.loads(output)["records"])) == (0, 1, ["one"])
    assert json.loads(output)["warnings"] == [errors.removeprefix("ecgkit: ").strip()]
    for arguments, word in [
        ((here, there, "--test", "qrs"), ".qrs"),
        ((here, there, "--test", "cut"), "one.cut"),
        ((here, there, *test), "300"),
        ((here, there, *test, "--start", "inf"), "inf"),
    ]:
        status, output, errors = run("ec57", *arguments)
        assert (status, output, errors.count("\n")) == (2, "", 1)
        assert word in errors
