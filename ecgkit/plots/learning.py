"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ecgkit.data import aami
from ecgkit.plots.style import finish, panel_grid


def learning_curves(
    losses: Mapping[str, Sequence[float]],
    title: str,
    *,
    accuracies: Mapping[str, Sequence[float]] | None = None,
    log: bool = False,
    synthetic: bool = False,
) -> Figure:
    """Draw the training loss of each epoch, and the validation accuracy where it is known.

    Both are those of at most four training runs, by name; ``log`` makes the axis of the loss
    logarithmic.
    """
    percent = {name: [100 * a for a in curve] for name, curve in (accuracies or {}).items()}
    drawn: list[tuple[str, Mapping[str, Sequence[float]]]] = [("training loss", losses)]
    if any(percent.values()):
        drawn.append(("validation accuracy (%)", percent))
    figure, panels = panel_grid(3.2, columns=len(drawn))
    looks = zip(("-", "--", ":", "-."), aami.COLORS.values(), strict=False)
    look_of = dict(zip(losses, looks, strict=False))
    seen = []
    for axes, (label, curves) in zip(panels[0], drawn, strict=True):
        for name, curve in ((name, curve) for name, curve in curves.items() if len(curve)):
            dash, color = look_of[name]
            epochs = range(1, len(curve) + 1)
            axes.plot(epochs, curve, dash, color=color, marker="o", markersize=3, label=name)
            seen.append(f"{name}: {label} {curve[0]:.3g} to {curve[-1]:.3g}")
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if log:
        panels[0, 0].set(yscale="log", ylabel="training loss (logarithmic)")
    if len(losses) > 1:
        panels[0, 0].legend(frameon=False)
    sns.despine(figure)
    return finish(figure, title, f"Curves over epochs. {'; '.join(seen)}.", synthetic)
