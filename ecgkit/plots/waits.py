"""What an answer has to wait for."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from ecgkit.plots.style import WIDTH_IN, finish

_COLORS = sns.color_palette("colorblind")
_HATCHES = ("", "//", "..", "xx", "--", "\\\\")


def waits(chains: Mapping[str, Mapping[str, float]], title: str, synthetic: bool = False) -> Figure:
    """Draw what passes between an R peak and the answer about its beat, one after the other.

    Parameters
    ----------
    chains
        Row -> part -> seconds, in the order in which they pass; up to six parts in all.
    title, synthetic
        Said over the figure; mark it as computer-made.
    """
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 2.0 + 0.6 * len(chains)), layout="constrained")
    parts = list(dict.fromkeys(part for chain in chains.values() for part in chain))
    looks = dict(zip(parts, zip(_COLORS, _HATCHES, strict=False), strict=False))
    said = []
    for row, (name, chain) in enumerate(chains.items()):
        start = 0.0
        for part, seconds in chain.items():
            color, hatch = looks[part]
            axes.barh(row, seconds, left=start, color=color, hatch=hatch, edgecolor="white")
            start += seconds
        axes.text(start, row, f" {start:.1f} s", va="center", size=11)
        each = ", ".join(f"{part} {seconds:.2f}" for part, seconds in chain.items())
        said.append(f"{name} {start:.1f} s: {each}")
    for part in parts:
        color, hatch = looks[part]
        axes.bar(0, 0, color=color, hatch=hatch, edgecolor="white", label=part)
    axes.set_yticks(range(len(chains)), list(chains))
    axes.set_ylim(len(chains) - 0.4, -0.6)
    right = 1.16 * max(sum(chain.values()) for chain in chains.values())  # room for the sum
    axes.set_xlim(0, right)
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= right])
    axes.set_xlabel("seconds after the R peak")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=10)
    figure.suptitle(title, x=0.01, ha="left")
    sns.despine(figure)
    return finish(
        figure, f"{title}. Bars of seconds after the R peak. {'; '.join(said)}.", synthetic
    )
