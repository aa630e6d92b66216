"""EC57: pairs and matrices worked out by hand, and the counts of WFDB's comparator bxb."""

import json

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgkit import InputError, annotators, ec57, inference, metrics, readers
from ecgkit.annotators import Annotations
from ecgkit.matching import COLUMNS, ROWS, compare, partners

FS = 360
WINDOW = 54  # samples: 150 ms at 360 Hz


def counted(reference, test, fs=FS, **options):
    """Cell name -> count, of two lists of (sample, symbol); scored from the first sample on."""
    marks = []
    for annotator in (reference, test):
        samples, symbols = zip(*annotator, strict=True) if annotator else ((), ())
        subtypes = [-1 if symbol == "~~" else 0 for symbol in symbols]
        marks.append(Annotations(samples, [symbol[0] for symbol in symbols], fs, subtypes))
    options = {"start_s": 0, "end_s": 60, **options}
    return cells(compare(*marks, **options))


def cells(matrix):
    """Cell name -> count, of the cells that are not zero."""
    return {ROWS[r] + COLUMNS[c]: int(matrix[r, c]) for r, c in np.argwhere(matrix)}


def matrix_of(**counts):
    """The matrix with these counts in its cells."""
    matrix = np.zeros((7, 7), np.int64)
    for cell, count in counts.items():
        matrix[ROWS.index(cell[0]), COLUMNS.index(cell[1])] = count
    return matrix


# Which beats are the same


def test_the_same_beats_are_the_diagonal():
    beats = [(1000, "N"), (1300, "A"), (1700, "V"), (2000, "F"), (2300, "Q")]
    assert counted(beats, beats) == {"Nn": 1, "Ss": 1, "Vv": 1, "Ff": 1, "Qq": 1}


@pytest.mark.parametrize("sign", [1, -1])
def test_150_ms_is_the_same_beat_and_a_sample_more_is_not(sign):
    assert counted([(1000, "N")], [(1000 + sign * WINDOW, "V")]) == {"Nv": 1}
    assert counted([(1000, "N")], [(1000 + sign * (WINDOW + 1), "V")]) == {"No": 1, "Ov": 1}


def test_the_window_is_rounded_to_whole_samples_halves_up():
    # 0.15 s at 250 Hz are 37.5 samples; WFDB's strtim adds a half and cuts
    assert counted([(1000, "N")], [(1038, "N")], fs=250) == {"Nn": 1}
    assert counted([(1000, "N")], [(1039, "N")], fs=250) == {"No": 1, "On": 1}


def test_a_beat_missed_and_a_beat_too_many():
    reference = [(1000, "N"), (1300, "V"), (1600, "N")]
    test = [(1002, "N"), (1450, "V"), (1600, "N")]
    assert counted(reference, test) == {"Nn": 2, "Vo": 1, "Ov": 1}


def test_of_two_beats_near_one_the_nearer_is_it_and_the_other_is_extra():
    assert counted([(1000, "N")], [(970, "V"), (1010, "N")]) == {"Nn": 1, "Ov": 1}
    assert counted([(1000, "N")], [(995, "N"), (1030, "V")]) == {"Nn": 1, "Ov": 1}
    assert counted([(970, "V"), (1010, "N")], [(1000, "N")]) == {"Nn": 1, "Vo": 1}


def test_of_two_beats_equally_near_the_later_is_it():
    assert counted([(1000, "N")], [(980, "S"), (1020, "V")]) == {"Nv": 1, "Os": 1}


def test_partners_are_the_pairs_that_are_counted():
    rng = np.random.default_rng(0)
    beats = np.cumsum(rng.integers(80, 400, 500))
    found = np.sort(beats[::2] + rng.integers(-70, 70, 250))
    pairs = partners(beats, found, 54)
    matrix = compare(
        Annotations(beats, ["N"] * 500, 360), Annotations(found, ["V"] * 250, 360), start_s=0
    )
    assert (pairs >= 0).sum() == matrix[0, 2] > 150
    hit = pairs >= 0
    assert (np.abs(found[pairs[hit]] - beats[hit]) <= 54).all()
    assert (np.diff(pairs[hit]) > 0).all()


def test_a_beat_that_has_a_nearer_partner_leaves_the_other_to_be_found():
    # The case in the notes to bxb: 128 is as far from 96 as from 160, but 160 has 185
    reference, test = [(96, "N"), (160, "V")], [(128, "N"), (185, "V")]
    assert counted(reference, test, window_s=37 / FS) == {"Nn": 1, "Vv": 1}


def test_the_classes_are_those_of_the_standard():
    symbols = {"N": "NLRB", "S": "JASajen", "V": "VrE", "F": "F", "Q": "Q/f?"}
    for name, alike in symbols.items():
        for symbol in alike:
            assert counted([(999, symbol)], [(999, "N")]) == {f"{name}n": 1}
            assert counted([(999, "N")], [(999, symbol)]) == {f"N{name.lower()}": 1}


def test_without_sveb_s_counts_as_n_on_both_sides():
    beats = [(1000, "j"), (1300, "N"), (1600, "A")], [(1000, "N"), (1300, "e"), (1600, "V")]
    assert counted(*beats) == {"Sn": 1, "Ns": 1, "Sv": 1}
    assert counted(*beats, sveb=False) == {"Nn": 2, "Nv": 1}


def test_what_is_no_beat_is_left_out():
    reference = [(10, "+"), (1000, "N"), (1010, '"'), (1020, "|"), (1030, "x"), (1040, "!")]
    assert counted(reference, [(1000, "N"), (1100, "T"), (1200, "~")]) == {"Nn": 1}


def test_a_symbol_that_wfdb_does_not_know_is_named():
    with pytest.warns(UserWarning, match="'v' 'z': no symbols that WFDB knows"):
        assert counted([(1000, "N")], [(1000, "v"), (1500, "z"), (1600, "v")]) == {"No": 1}


# Where counting begins and ends


def test_the_learning_period_of_five_minutes_is_not_counted():
    start = 300 * FS
    beats = [(start - 400, "V"), (start, "N"), (start + 400, "N")]
    assert counted(beats, beats, start_s=300, end_s=400) == {"Nn": 2}
    assert counted(beats, beats, end_s=400) == {"Nn": 2, "Vv": 1}


def test_a_beat_just_inside_may_be_found_just_outside():
    reference = [(3600, "V"), (4000, "N")]
    assert counted(reference, [(3590, "V"), (4000, "N")], start_s=10) == {"Vv": 1, "Nn": 1}


def test_a_beat_just_outside_may_be_found_just_inside_and_is_not_extra():
    reference = [(3590, "V"), (4000, "N")]
    assert counted(reference, [(3600, "V"), (4000, "N")], start_s=10) == {"Nn": 1}


def test_an_extra_beat_a_window_after_the_start_counts():
    beats = [(4000, "N")], [(3600 + WINDOW + 1, "V"), (4000, "N")]
    assert counted(*beats, start_s=10) == {"Ov": 1, "Nn": 1}


def test_beats_after_the_end_are_not_counted_but_may_be_partners():
    reference = [(1000, "N"), (3590, "V"), (5000, "N")]
    test = [(1000, "N"), (3610, "V"), (4500, "V")]
    assert counted(reference, test, end_s=10) == {"Nn": 1, "Vv": 1}


def test_without_a_length_the_references_last_beat_is_the_end():
    marks = Annotations([1000, 2000], ["N", "N"], FS)
    test = Annotations([1000, 2000, 3000], ["N", "N", "V"], FS)
    assert cells(compare(marks, test, start_s=0)) == {"Nn": 2}
    marks = Annotations([1000, 2000], ["N", "N"], FS, n_samples=3600)
    assert cells(compare(marks, test, start_s=0)) == {"Nn": 2, "Ov": 1}


# Flutter and unreadable signals


def test_beats_found_in_flutter_are_not_counted():
    reference = [(500, "N"), (1000, "["), (1200, "!"), (1300, "V"), (2000, "]"), (2500, "N")]
    test = [(500, "N"), (1300, "V"), (1600, "V"), (2100, "V"), (2500, "N")]
    assert counted(reference, test) == {"Nn": 2, "Ov": 1}


def test_flutter_that_is_not_ended_lasts():
    assert counted([(500, "N"), (1000, "[")], [(500, "N"), (9000, "V")]) == {"Nn": 1}


def test_where_signals_are_unreadable_misses_and_extras_have_their_own_cells():
    beats = [(500, "N"), (1500, "V"), (2500, "N")]
    quiet = [(500, "N"), (1000, "~~"), (2000, "~"), (2500, "N")]
    assert counted(beats, quiet) == {"Nn": 2, "Vx": 1}
    assert counted(quiet, beats) == {"Nn": 2, "Xv": 1}
    noisy = [(500, "N"), (1000, "~"), (2000, "~"), (2500, "N")]
    assert counted(beats, noisy) == {"Nn": 2, "Vo": 1}


def test_a_lone_mark_for_unreadable_signals_stands_for_the_pause_around_it():
    quiet = [(500, "N"), (1500, "~~"), (2500, "N")]
    inside, outside = 500 + WINDOW, 500 + WINDOW - 1
    extra = [(500, "N"), (inside, "V"), (2500, "N")]
    assert counted(quiet, extra) == {"Nn": 2, "Xv": 1}
    extra = [(480, "N"), (outside, "V"), (2500, "N")]
    assert counted(quiet, extra) == {"Nn": 2, "Ov": 1}


# Laws

PEOPLE = st.lists(st.tuples(st.integers(1, 3000), st.sampled_from("NLAVjFQ+~")), max_size=30).map(
    sorted
)


@settings(deadline=None, max_examples=200)
@given(PEOPLE.filter(lambda marks: any(symbol in "NLAVjFQ" for _, symbol in marks)), PEOPLE)
def test_each_beat_is_counted_once(reference, test):
    found = counted(reference, test)
    for name, symbols in {"N": "NL", "S": "Aj", "V": "V", "F": "F", "Q": "Q"}.items():
        rows = sum(n for cell, n in found.items() if cell[0] == name)
        columns = sum(n for cell, n in found.items() if cell[1] == name.lower())
        assert rows == sum(symbol in symbols for _, symbol in reference)
        assert columns == sum(symbol in symbols for _, symbol in test)


@settings(deadline=None, max_examples=200)
@given(*2 * [st.sets(st.integers(1, 3000), min_size=1, max_size=30).map(sorted)])
def test_the_two_annotators_may_change_places(one, other):
    one, other = [(sample, "N") for sample in one], [(sample, "V") for sample in other]
    found, turned = counted(one, other), counted(other, one)
    same = {"Nv": "Vn", "No": "On", "Ov": "Vo"}
    assert found == {cell: turned[same[cell]] for cell in same if same[cell] in turned}


# Figures


BY_HAND = matrix_of(
    **{"Nn": 80, "Ns": 2, "Nv": 3, "Nf": 1, "Nq": 1, "No": 2, "Nx": 1},
    **{"Sn": 4, "Ss": 10, "Sv": 1, "So": 1, "Vn": 2, "Vs": 1, "Vv": 20, "Vf": 1, "Vx": 1},
    **{"Fn": 1, "Fs": 1, "Fv": 5, "Ff": 3, "Qn": 1, "Qs": 2, "Qv": 4, "Qq": 1, "Qo": 1},
    **{"On": 6, "Os": 1, "Ov": 2, "Xn": 1, "Xv": 1},
)


def test_the_figures_are_those_worked_out_by_hand():
    assert ec57.shares(BY_HAND) == {
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


def test_fusion_and_unclassifiable_beats_called_v_are_no_false_veb():
    matrix = matrix_of(Vv=1, Fv=7, Qv=9, Nn=10)
    assert ec57.figures(matrix)["veb_ppv"] == 1
    assert ec57.figures(matrix)["veb_fpr"] == 0


def test_unclassifiable_beats_called_s_are_no_false_sveb_but_fusion_beats_are():
    assert ec57.figures(matrix_of(Ss=1, Qs=9))["sveb_ppv"] == 1
    assert ec57.figures(matrix_of(Ss=1, Fs=1))["sveb_ppv"] == 0.5


def test_what_would_divide_by_zero_is_none():
    assert set(ec57.figures(matrix_of()).values()) == {None}
    found = ec57.figures(matrix_of(Nn=5))
    assert (found["veb_se"], found["veb_ppv"], found["veb_fpr"]) == (None, None, 0)


def marks_of(*beats, n_samples=36_000, **about):
    samples, symbols = zip(*beats, strict=True)
    return Annotations(samples, symbols, FS, n_samples=n_samples, **about)


@pytest.fixture
def report():
    """Of three records: all found in one, half of the V missed in the next, the last paced."""
    many = [(500 * i, "V" if i > 6 else "N") for i in range(1, 11)]
    few = [*many[:8], (10_000, "N")]
    one = [(1000, "N"), (1500, "V")]
    paced = [(1000, "N"), (1500, "/")]
    reference = {"one": marks_of(*one), "many": marks_of(*many), "paced": marks_of(*paced)}
    test = {"one": marks_of(*one), "many": marks_of(*few), "paced": marks_of(*paced)}
    return ec57.ec57(reference, test, start_s=0, annotators=("atr", "net"))


def test_gross_pools_the_beats_and_average_the_records(report):
    # one: QRS 2/2, V 1/1. many: QRS 8/10 found, 1 extra, V 2/4
    assert cells(report.total) == {"Nn": 7, "Vv": 3, "Vo": 2, "On": 1}
    gross, average = report.gross, report.average
    assert (gross["qrs_se"], average["qrs_se"]) == (10 / 12, 0.9)
    assert gross["qrs_ppv"] == 10 / 11
    assert average["qrs_ppv"] == pytest.approx((1 + 8 / 9) / 2)
    assert (gross["veb_se"], average["veb_se"]) == (3 / 5, 0.75)
    assert (gross["sveb_se"], average["sveb_se"]) == (None, None)


def test_the_average_is_over_the_records_that_have_the_figure():
    beats = {"a": marks_of((900, "N")), "b": marks_of((900, "N"), (1300, "V"))}
    report = ec57.ec57(beats, beats, start_s=0)
    assert (report.average["veb_se"], report.average["qrs_se"]) == (1, 1)


def test_paced_records_are_left_out_and_named(report):
    assert report.paced == ("paced",)
    assert list(report.matrices) == ["one", "many"]
    assert "Left out, as they hold paced beats: paced." in report.text()


def test_the_report_is_ready_for_json(report):
    found = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert found["records"]["many"]["matrix"] == report.matrices["many"].tolist()
    assert found["gross"]["figures"]["veb_se"] == 3 / 5
    assert found["average"]["figures"]["sveb_se"] is None
    assert (found["reference"], found["test"], found["paced"]) == ("atr", "net", ["paced"])


def test_the_text_holds_matrix_counts_and_figures_in_percent(report):
    lines = [line.split() for line in report.text().splitlines()]
    assert ["N", "7", "0", "0", "0", "0", "0", "0"] in lines
    assert ["V", "0", "0", "3", "0", "0", "2", "0"] in lines
    assert ["O", "1", "0", "0", "0", "0"] in lines
    (heading,) = (line for line in lines if line[:2] == ["Record", "Nn'"])
    # the line format of bxb with SVEB
    assert " ".join(heading) == (
        "Record Nn' Sn' Vn' Fn' On' Ns Ss Vs Fs' Os' Nv Sv Vv Fv' Ov' No' So' Vo' Fo'"
    )
    total = dict(
        zip(heading, next(line for line in lines if line[0:2] == ["Sum", "7"]), strict=True)
    )
    assert (total["Nn'"], total["Vv"], total["Vo'"], total["On'"]) == ("7", "3", "2", "1")
    assert ["Gross", "83.33", "90.91", "60.00", "100.00", "0.000", "-", "-", "0.000"] in lines
    assert ["Average", "90.00", "94.44", "75.00", "100.00", "0.000", "-", "-", "0.000"] in lines
    assert "QRS complexes: 12. VEB: 5. SVEB: 0." in report.text()
    assert "These times are not the standard's" in report.text()


def test_the_line_format_adds_up_f_with_q_and_o_with_x():
    counts = ec57.Report({"x": BY_HAND}, (), {"sveb": True})._line(BY_HAND)
    assert list(counts.values()) == [82, 4, 3, 6, 7, 2, 10, 1, 3, 1, 3, 1, 20, 9, 3, 3, 1, 1, 1]


def test_without_sveb_nothing_speaks_of_it():
    beats = {"a": marks_of((900, "A"), (1300, "V"))}
    report = ec57.ec57(beats, beats, start_s=0, sveb=False)
    assert "SVEB" not in report.text()
    assert "S Se" not in report.text() + report.markdown()
    assert not any(key.startswith("sveb_") for key in report.as_dict()["gross"]["figures"])
    assert "Record  Nn'  Vn'  Fn'  On'  Nv  Vv  Fv'  Ov'  No'  Vo'  Fo'" in report.text()


def test_the_markdown_has_two_tables(report):
    text = report.markdown()
    assert "| Gross | 83.33 | 90.91 | 60.00 | 100.00 | 0.000 | - | - | 0.000 |" in text
    assert "| V | 0 | 0 | 3 | 0 | 0 | 2 | 0 |" in text


def test_synthetic_records_are_marked():
    beats = {"a": marks_of((900, "N"), synthetic=True)}
    report = ec57.ec57(beats, beats, start_s=0)
    assert report.as_dict()["synthetic"]
    assert report.text().startswith("SYNTHETIC RECORDS")
    assert report.markdown().startswith("SYNTHETIC RECORDS")


def test_metrics_has_the_report_too():
    assert metrics.ec57 is ec57.ec57


# What cannot be compared


def test_what_cannot_be_compared_is_a_sentence():
    beats = marks_of((1000, "N"), (2000, "V"))
    slow = Annotations(beats.samples, beats.symbols, 250)
    for reference, test, options, says in [
        (beats, slow, {"start_s": 0}, "360 samples a second, the test 250"),
        (beats, beats, {}, "Record a: The reference has no beat after second 300"),
        (beats, beats, {"start_s": 1, "end_s": 2}, "after second 1 and before second 2"),
        (beats, beats, {"start_s": -1}, "-1 seconds"),
        (beats, beats, {"start_s": 0, "window_s": float("nan")}, "nan seconds"),
        (beats, beats, {"start_s": 1e308}, "seconds cannot be"),
    ]:
        with pytest.raises(InputError, match=says):
            ec57.ec57({"a": reference}, {"a": test}, **options)
    with pytest.raises(InputError, match="Record b is in test alone"):
        ec57.ec57({"a": beats}, {"a": beats, "b": beats})
    with pytest.raises(InputError, match=r"No record is left to compare \(1 hold paced beats\)"):
        ec57.ec57({"a": marks_of((1000, "/"))}, {"a": beats})


def test_a_record_in_which_nothing_was_found_is_a_result():
    nothing = Annotations([], [], FS)
    assert cells(compare(marks_of((1000, "N")), nothing, start_s=0)) == {"No": 1}


@pytest.mark.parametrize(
    ("samples", "symbols", "fs", "says"),
    [
        ([1, 2], "N", 360, "2 sample numbers but 1 symbols"),
        ([2, 1], "NN", 360, "not in order"),
        ([-1, 1], "NN", 360, "from 0 on"),
        ([1.5, 2], "NN", 360, "whole numbers"),
        ([1, 2], "NN", 0, "A sampling rate of 0 Hz"),
        ([1, 2], "NN", float("nan"), "A sampling rate of nan Hz"),
    ],
)
def test_what_is_no_list_of_marks_is_a_sentence(samples, symbols, fs, says):
    with pytest.raises(InputError, match=says):
        Annotations(samples, list(symbols), fs)


# WFDB's bxb
#
# The matrices below were counted in C by the comparison of WFDB's app/bxb.c (27 April 2020), with
# SVEB reported and its standard window: its main loop, its readers of the next beat, its rules for
# flutter and shutdown and its classes, transcribed without RR errors and output files and compiled
# with lines of text in place of annotation files. The whole package was not to be had.


def mixed(k):
    """A number that looks like chance and is always the same."""
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
    "100": (
        "1501 19 23 19 23 287 0, 1 23 0 0 1 4 0, 0 0 1 0 0 0 0, 0 0 0 0 0 0 0, "
        "0 0 0 0 0 0 0, 190 26 20 24 1 0 0, 0 0 0 0 0 0 0"
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
    "210": (
        "1607 22 30 18 28 305 0, 0 16 0 0 0 4 0, 9 2 127 5 1 21 0, 0 0 0 9 0 0 0, "
        "0 0 0 0 0 0 0, 207 28 34 27 1 0 0, 0 0 0 0 0 0 0"
    ),
}
"""What was compared -> the rows N S V F Q O X of its matrix."""


def printed(name):
    """The matrix that bxb counted."""
    return [[int(count) for count in row.split()] for row in BXB[name].split(", ")]


def test_crowded_beats_are_paired_as_bxb_pairs_them():
    assert compare(*crowded(), start_s=5).tolist() == printed("crowded")
    assert compare(*crowded(), start_s=5, sveb=False).tolist() == printed("crowded, S as N")


@pytest.mark.parametrize("name", [name for name in BXB if name.isdecimal()])
def test_records_of_mit_bih_are_counted_as_bxb_counts_them(mitdb, name):
    # 203 and 208 have an unreadable stretch, 105 has four, 207 has flutter after five minutes
    reference = annotators.read(mitdb.directory / name)
    assert compare(reference, altered(reference)).tolist() == printed(name)


def test_mit_bih_agrees_with_itself_but_for_the_paced_records(mitdb):
    names = ["100", "207", "208"]
    reference, test = annotators.read_both(mitdb.directory, mitdb.directory, ("atr", "atr"), names)
    report = ec57.ec57(reference, test)
    assert report.gross["qrs_se"] == report.gross["veb_ppv"] == report.average["sveb_se"] == 1
    assert report.paced == ()


# Files and the command


@pytest.fixture
def folders(tmp_path, write_record):
    """Two folders: a record of 20 s with ten beats, and another annotator's nine of them."""
    r_peaks = np.arange(600, 7000, 700)
    write_record(r_peaks=r_peaks, symbols="NNVNNANNQN")
    there = tmp_path / "net"
    annotators.write(there / "one.net", Annotations(r_peaks[:-1] + 9, list("NNVNNNNNN"), FS))
    return tmp_path, there


def test_an_annotation_file_that_was_written_is_read_by_wfdb(folders):
    _, there = folders
    found = wfdb.rdann(str(there / "one"), "net")
    assert found.symbol == list("NNVNNNNNN")
    assert found.sample.tolist() == [609 + 700 * i for i in range(9)]
    assert found.fs == FS
    assert [path.name for path in there.iterdir()] == ["one.net"]


@pytest.mark.parametrize("name", ["one", "one.", "one.n1", "o ne.net", ".net"])
def test_a_name_that_wfdb_does_not_take_is_a_sentence(tmp_path, name):
    with pytest.raises(InputError, match="names no annotation file"):
        annotators.write(tmp_path / name, Annotations([1], ["N"], FS))


def test_no_mark_is_no_file(tmp_path):
    with pytest.raises(InputError, match="nothing to write"):
        annotators.write(tmp_path / "a.net", Annotations([], [], FS))
    assert not any(tmp_path.iterdir())


def test_the_command_reports_two_folders(run, folders):
    here, there = folders
    status, output, errors = run("ec57", here, there, "--test", "net", "--start", 0, "--json")
    assert (status, errors) == (0, "")
    found = json.loads(output)
    assert cells(np.array(found["records"]["one"]["matrix"])) == {
        "Nn": 6, "No": 1, "Sn": 1, "Vv": 1, "Qn": 1
    }  # fmt: skip
    assert found["gross"]["figures"]["qrs_se"] == 0.9
    assert found["start_s"] == 0
    status, output, _ = run("ec57", here, there, "--test", "net", "--start", 0)
    assert status == 0
    assert "Gross" in output
    status, output, _ = run("ec57", here, there, "--test", "net", "--start", 0, "--markdown")
    assert (status, output.count("| N |")) == (0, 1)


def test_the_options_reach_the_comparison(run, folders):
    def figures(*options):
        arguments = ("ec57", *folders, "--test", "net", "--records", "one", "--json", *options)
        return json.loads(run(*arguments)[1])["gross"]["figures"]

    assert figures("--start", 10)["qrs_se"] == 4 / 5  # beats from 4100 to 6900, the last missed
    assert figures("--start", 0, "--end", 18)["qrs_se"] == 1
    assert figures("--start", 0, "--window", 0.02)["qrs_se"] == 0  # all are 25 ms late
    assert "sveb_se" not in figures("--start", 0, "--no-sveb")


def test_records_that_were_not_tested_are_named(run, folders, write_record):
    write_record("two")
    arguments = ("ec57", *folders, "--test", "net", "--start", "0", "--json")
    status, output, errors = run(*arguments)
    assert (status, list(json.loads(output)["records"])) == (0, ["one"])
    assert errors.startswith("ecgkit: Not compared, as ")
    assert errors.endswith(" has no .net for them: two.\n")


def test_what_the_command_cannot_use_is_one_sentence(run, folders):
    here, there = folders
    (there / "two.net").write_bytes((there / "one.net").read_bytes())
    (there / "one.cut").write_bytes((there / "one.net").read_bytes()[:-3])
    slow = Annotations([100, 200], ["N", "N"], 128)
    annotators.write(there / "one.slow", slow)
    test = ("--test", "net", "--records", "one")
    for arguments, says in [
        ((here / "no", there, *test), "There is no directory"),
        ((here, there, "--test", "qrs"), "No file *.qrs is in"),
        ((here, there, "--test", ".net"), "'.net' is no extension"),
        ((here, there, "--test", "net", "--start", 0), "two.atr is missing"),
        ((here, there, "--test", "net", "--records", "three"), "three.atr is missing"),
        ((here, there, "--test", "cut"), "one.cut is not a readable WFDB annotation file"),
        ((here, there, "--test", "slow"), "Record one: The reference has 360 samples a second"),
        ((here, there, *test), "Record one: The reference has no beat after second 300"),
        ((here, there, *test, "--start", "inf"), "inf seconds cannot be"),
        ((there, there, "--reference", "net", *test, "--start", "99"), "no beat after second 99"),
    ]:
        status, output, errors = run("ec57", *arguments)
        assert (status, output) == (2, "")
        assert says in errors
        assert errors.count("\n") == 1


def test_a_file_without_a_rate_has_the_references(tmp_path, write_record):
    write_record()
    (tmp_path / "net").mkdir()
    wfdb.wrann("one", "net", np.array([1000, 1360]), ["N", "N"], write_dir=str(tmp_path / "net"))
    ours, theirs = annotators.read_both(tmp_path, tmp_path / "net", ("atr", "net"))
    assert (ours["one"].fs, theirs["one"].fs, ours["one"].n_samples) == (360, 360, 7200)
    with pytest.raises(InputError, match="put the record's header beside it"):
        annotators.read(tmp_path / "net" / "one", "net")


def test_what_classify_writes_can_be_compared(run, synthetic_source, tmp_path):
    path = tmp_path / "syn02.net"
    record = synthetic_source.directory / "syn02"
    status, output, _ = run("classify", record, "--annotations", path, "--device", "cpu")
    assert (status, f"written: {path}" in output) == (0, True)
    arguments = ("ec57", synthetic_source.directory, tmp_path, "--test", "net", "--records")
    status, output, errors = run(*arguments, "syn02", "--json")
    assert (status, errors) == (0, "")
    found = json.loads(output)
    assert found["synthetic"]
    # It was told where the beats are: after five minutes none is missed but near the end, none
    # extra, and what it said of each is what the recording's own table says.
    matrix = np.array(found["gross"]["matrix"])
    assert matrix[:5, 5:].sum() <= 1
    assert matrix[5:].sum() == 0
    from ecgkit import published

    classified = inference.classify(
        readers.open_recording(record), published.load()[0], device="cpu"
    )
    late = classified.samples >= 300 * FS
    counts = [int((classified.classes[late] == name).sum()) for name in "NSVF"]
    assert matrix.sum(axis=0)[:4].tolist() == counts
