"""Checks of page 00, the quickstart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ecgkit import metrics, published
from ecgkit.exercises import Verdict, close, right, wrong

V = metrics.CLASSES.index("V")


def always_n(answer: Any) -> Verdict:
    """Accuracy of calling every beat N on the published test half."""
    matrix = np.array(published.run(published.find()["name"])["confusion_matrix"])
    share = matrix[0].sum() / matrix.sum()
    if close(answer, share):
        return right("Nine tenths for knowing nothing: accuracy needs company.")
    if close(answer, 100 * share):
        return wrong("That is in per cent: give a share between 0 and 1.")
    if close(answer, matrix[:, 0].sum() / matrix.sum()):
        return wrong("That counts the beats *the model* calls N (a column). Count the annotators'.")
    if close(answer, matrix[0, 0] / matrix.sum()):
        return wrong("Calling every beat N gets the N beats right that the model got wrong, too.")
    return wrong("Which beats are right if the answer is always N? Divide their number by all.")


def ppv_of_v(answer: Any) -> Verdict:
    """Positive predictive value of V on the published test half."""
    matrix = np.array(published.run(published.find()["name"])["confusion_matrix"])
    value = matrix[V, V] / matrix[:, V].sum()
    if close(answer, value):
        return right("Column, not row: of what the model *calls* V.")
    if close(answer, 100 * value):
        return wrong("That is in per cent: give a share between 0 and 1.")
    if close(answer, matrix[V, V] / matrix[V].sum()):
        return wrong("That is the sensitivity: it divides by the row, all beats that *are* V.")
    return wrong("Divide the V beats the model found by all beats it called V, right or wrong.")


def surest_mistake(answer: Callable[..., Any]) -> Verdict:
    """Row of the wrongly classified beat of which the model was surest."""
    probabilities = np.array(
        [
            [0.99, 0.01, 0.0, 0.0],  # N called N: right, and the surest of all
            [0.6, 0.4, 0.0, 0.0],  # S called N: wrong
            [0.1, 0.0, 0.9, 0.0],  # N called V: wrong, and sure of it
            [0.0, 0.05, 0.0, 0.95],  # F called F: right
        ]
    )
    labels = np.array([0, 1, 0, 3])
    got = answer(probabilities.copy(), labels.copy())
    if got is None or got is ...:
        return wrong("The function returns nothing yet, and was given two mistakes.")
    if int(got) == 0:
        return wrong("That is the surest answer of all, and a right one: look among the mistakes.")
    if int(got) == 1:
        return wrong("That is the mistake the model was *least* sure of.")
    if int(got) != 2:
        return wrong("Among the beats whose largest probability is not the label's, take the top.")
    if answer(probabilities[[0, 3]], labels[[0, 3]]) is not None:
        return wrong("With no mistake in the table it should return None.")
    return right("Such beats open the gallery of errors: some turn out to be the annotators'.")


CHECKS = {"1": always_n, "2": ppv_of_v, "3": surest_mistake}
