"""The pictures of a comparison: each group against the reference, and the curves of all runs."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from colorize.comparison.report import Comparison
from colorize.comparison.statistics import Difference

METRIC = "ab_rmse"
CONCLUSION_COLOURS = {"better": "#0a6b2d", "worse": "#a81616"}


def differences_figure(comparison: Comparison) -> Figure | None:
    """ab RMSE of each group minus that of the reference, a line each; None where there is nothing to compare.

    The thick bar is the interval over photos, the thin one that over seeds; what shows no difference is grey.
    """
    if not comparison.differences:
        return None
    of_groups = {label: values[METRIC] for label, values in comparison.differences.items()}
    figure = Figure(figsize=(8, 1.1 + 0.34 * len(of_groups)), layout="constrained")
    axes = figure.subplots()
    for height, difference in enumerate(of_groups.values()):
        _draw(axes, height, difference)
    axes.axvline(0, color="#1d1d1f", linewidth=0.9)
    axes.set_yticks(range(len(of_groups)), of_groups, parse_math=False)  # a label may hold anything
    axes.set_ylim(len(of_groups) - 0.5, -0.5)
    against = f"ab RMSE minus that of {comparison.reference.label}, Lab units; left of 0 is better"
    figure.supxlabel(against, fontsize=10, parse_math=False)
    title = f"{comparison.title}. Thick: 95 % over photos; thin: over seeds"
    figure.suptitle(title, fontsize=10, x=0.01, ha="left", parse_math=False)
    axes.grid(axis="x", alpha=0.3)
    return figure


def _draw(axes, height: int, difference: Difference) -> None:
    colour = CONCLUSION_COLOURS.get(difference.conclusion(METRIC).split()[0], "#8a8a92")
    for limits, width in ((difference.over_seeds, 1.4), (difference.over_photos, 5)):
        if limits:
            axes.plot(limits, (height, height), color=colour, linewidth=width, solid_capstyle="butt")
    axes.plot(difference.mean, height, "o", color=colour, markeredgecolor="white", markersize=7)


def curves_figure(comparison: Comparison) -> Figure | None:
    """Validation ab RMSE by epoch, a line per run, a colour per group; None where no run has any."""
    if not any(len(run.curve) for group in comparison.groups for run in group.runs):
        return None
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    for number, group in enumerate(comparison.groups):
        for place, run in enumerate(group.runs):
            label = group.label if place == 0 else None
            marker = "." if len(run.curve) == 1 else None  # a line of one point is none
            axes.plot(
                range(1, len(run.curve) + 1), run.curve, color=f"C{number % 10}", label=label, linewidth=1.3,
                marker=marker,
            )  # fmt: skip
    axes.set(xlabel="epoch", ylabel="validation ab RMSE, Lab units")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    for text in axes.legend(frameon=False).get_texts():
        text.set_parse_math(False)
    return figure
