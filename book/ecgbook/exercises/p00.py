"""Checks of page 00, the quickstart."""

import numpy as np

from ecgbook import studies
from ecgbook.exercises import Function, compare, expect
from ecgbook.page import Verdict, wrong

_matrix = np.array(studies.results("reproduction", "resnet-tcn-ours")[0].confusion_matrix)
_shares, _v = _matrix / _matrix.sum(), _matrix[2, 2]  # of the published model
always_n = expect(
    _shares[0].sum(),
    [
        (_shares[:, 0].sum(), "That counts the beats that *the model* calls N (a column)."),
        (_shares[0, 0], "A model that always says N is also right where this model was wrong."),
    ],
    praise="Compare every accuracy on these beats with this one.",
    otherwise="Which beats are right if the answer is always N? Divide their number by all.",
)

ppv_of_v = expect(
    _v / _matrix[:, 2].sum(),
    [(_v / _matrix[2].sum(), "That is the sensitivity: it divides by the row, all V beats.")],
    praise="The column's sum divides: all beats that the model *calls* V.",
    otherwise="Divide the V beats that the model found by all beats that it called V.",
)


def surest_mistake(answer: Function) -> Verdict:
    """Row of the wrongly classified beat with the highest probability."""
    p = np.array([[0.99, 0.01, 0, 0], [0, 0.05, 0, 0.95], [0.6, 0, 0.4, 0], [0.1, 0, 0.9, 0]])
    labels = np.array([0, 3, 1, 0])  # rows 2 and 3 are wrong
    got = answer(p.copy(), labels.copy())
    if got == 3 and answer(p[:2], labels[:2]) is not None:
        return wrong("Without any mistake the function should return None.")
    mistakes = [
        (0, "That is the highest probability of all, of a right answer: look among the mistakes."),
        (1, "That is its place among the mistakes: return its row among all beats."),
        (2, "Another mistake has a higher probability for its wrong class."),
    ]
    return compare(
        got,
        3,
        mistakes,
        praise="Look at such beats first: either the model or the label is wrong.",
        otherwise="Among the beats whose most probable class is not the label, take the highest.",
    )


CHECKS = {"1": surest_mistake, "2": always_n, "3": ppv_of_v}
