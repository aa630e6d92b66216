"""Symbols become classes as WFDB's bxb has it, or as most machine-learning papers do."""

import numpy as np
import pytest
import wfdb

from ecgkit import InputError
from ecgkit.data import aami

# WFDB, bxb.c: what its comparator counts when supraventricular beats are reported (EC57, 4.2).
BXB = {
    "N": {"N", "L", "R", "B"},
    "S": {"J", "A", "S", "a", "j", "e", "n"},
    "V": {"V", "r", "E"},
    "F": {"F"},
    "Q": {"Q", "/", "f", "?"},
}
# Hindawi jhe 2021/8642576, table 1; it names no more symbols than these.
PAPERS = {
    "N": {"N", "L", "R", "e", "j"},
    "S": {"A", "a", "J", "S"},
    "V": {"V", "E"},
    "F": {"F"},
    "Q": {"/", "f", "Q"},
}


def test_ec57_is_the_table_of_bxb_literature_that_of_the_papers_and_only_e_and_j_differ():
    ec57, literature = aami.mapping("ec57"), aami.mapping("literature")
    assert ec57 == {s: name for name, symbols in BXB.items() for s in symbols}
    for name, symbols in PAPERS.items():
        assert {literature[symbol] for symbol in symbols} == {name}
    assert set(ec57) == set(literature)
    assert {s: ec57[s] + literature[s] for s in ec57 if ec57[s] != literature[s]} == {
        "e": "SN", "j": "SN"
    }  # fmt: skip


def test_every_symbol_that_wfdb_counts_as_a_beat_has_a_class():
    # wfdb's is_qrs table holds, beside the 19 beats, none of the 22 codes for rhythm and noise.
    codes = {label.symbol for label in wfdb.io.annotation.ann_labels}
    beats = set("NLRBAaJSVrFejnE/fQ?")
    assert beats <= codes
    assert (
        {symbol for symbol in codes if aami.is_beat(symbol)} == beats == set(aami.mapping("ec57"))
    )


def test_class_numbers_follow_the_order_n_s_v_f_q():
    assert aami.CLASSES == ("N", "S", "V", "F", "Q")
    labels = aami.encode(["L", "j", "E", "F", "/"])
    assert labels.tolist() == [0, 1, 2, 3, 4]
    assert labels.dtype == np.int8
    assert aami.encode("Nj", "literature").tolist() == [0, 0]
    assert aami.encode([]).shape == (0,)
    assert aami.counts(aami.encode("")) == dict.fromkeys("NSVFQ", 0)


def test_unknown_symbols_and_mappings_are_named_with_those_that_there_are():
    with pytest.raises(InputError, match=r"'!', '\+'.* N L R"):
        aami.encode(["N", "+", "V", "!", "+"])
    with pytest.raises(InputError, match=r"'aami'.*ec57.*literature"):
        aami.encode(["N"], "aami")


def test_every_class_has_a_name_and_a_color_of_its_own():
    for table in (aami.NAMES, aami.COLORS):
        assert tuple(table) == aami.CLASSES
        assert len(set(table.values())) == 5
