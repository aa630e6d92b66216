"""Checks of page 00, the quickstart."""

from typing import Any

import numpy as np

from ecgbook import studies
from ecgbook.exercises import Array, Function, compare
from ecgbook.page import Verdict, wrong

V = 2


def _published() -> Array:
    """Read the confusion matrix of the published model."""
    return np.array(studies.results("reproduction", "resnet-tcn-ours")[0].confusion_matrix)


def always_n(answer: Any) -> Verdict:
    """Accuracy on the test half of calling every beat N."""
    m = _published() / _published().sum()
    mistakes = [
        (m[:, 0].sum(), "That counts the beats that *the model* calls N (a column)."),
        (m[0, 0], "A model that always says N is also right where this model was wrong."),
    ]
    return compare(
        answer,
        m[0].sum(),
        mistakes,
        praise="Compare every accuracy on these beats with this one.",
        otherwise="Which beats are right if the answer is always N? Divide their number by all.",
    )


def ppv_of_v(answer: Any) -> Verdict:
    """Positive predictive value of V on the test half."""
    m = _published()
    sensitivity = m[V, V] / m[V].sum()
    return compare(
        answer,
        m[V, V] / m[:, V].sum(),
        [(sensitivity, "That is the sensitivity: it divides by the row, all beats that *are* V.")],
        praise="The column's sum divides: all beats that the model *calls* V.",
        otherwise="Divide the V beats that the model found by all beats that it called V.",
    )


def surest_mistake(answer: Function) -> Verdict:
    """Row of the wrongly classified beat with the highest probability."""
    p = np.array([[0.99, 0.01, 0, 0], [0.6, 0.4, 0, 0], [0.1, 0, 0.9, 0], [0, 0.05, 0, 0.95]])
    labels = np.array([0, 1, 0, 3])  # rows 1 and 2 are wrong
    got = answer(p.copy(), labels.copy())
    if got == 2 and answer(p[[0, 3]], labels[[0, 3]]) is not None:
        return wrong("Without any mistake the function should return None.")
    mistakes = [
        (0, "That is the highest probability of all, of a right answer: look among the mistakes."),
        (1, "That is the mistake with the *lowest* probability."),
    ]
    return compare(
        got,
        2,
        mistakes,
        praise="Some of these beats turn out to be the annotators' mistakes.",
        otherwise="Among the beats whose most probable class is not the label, take the highest.",
    )


CHECKS = {"1": surest_mistake, "2": always_n, "3": ppv_of_v}
