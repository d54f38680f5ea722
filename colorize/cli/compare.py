"""`python -m colorize compare`: from names of runs to the comparison, on the screen, on disk and in MLflow."""

import tempfile
from pathlib import Path

from rich.console import Console

from colorize.comparison.figure import differences_figure
from colorize.comparison.groups import Group, group_runs
from colorize.comparison.page import save_page
from colorize.comparison.report import Comparison, estimates_table, make_comparison, markdown, save_json
from colorize.comparison.runs import find_runs, load_runs, tracking_of
from colorize.console import say, show
from colorize.errors import UserError

STEM = "comparison"


def compare(
    names: list[str],
    out: Path,
    experiment: str | None = None,
    reference: str | None = None,
    evaluation: str | None = None,
    tracking: str | None = None,
    log_to: tuple | None = None,
) -> Comparison:
    """Compares runs, prints the table and writes Markdown, JSON and a page.

    Args:
        names: output folders or run ids.
        out: folder for the files.
        experiment: of MLflow, whose finished runs are added to `names`.
        reference: label of a group, or enough of it; None: the first group.
        evaluation: `DATA-PART`; None: what all runs have, test before val.
        tracking: URI of MLflow for runs that are no folder.
        log_to: (`StoredRuns`, run id) that gets the files; None: a new run where all runs are logged.
    Raises:
        UserError: a run cannot be found, or they cannot be compared.
    """
    if experiment:
        from colorize.tracking.client import StoredRuns

        names = [*names, *StoredRuns(tracking).of_experiment(experiment)]
    if len(names) < 2:
        raise UserError(f"compare needs two runs at least, and got {len(names)}: output folders or run ids")
    console = Console()
    with tempfile.TemporaryDirectory(prefix="colorize-runs-") as place:
        found = find_runs(names, tracking, Path(place))
        runs, without = load_runs(found, evaluation, all_of_them=not experiment)
        groups, twice = group_runs(runs)
        comparison = make_comparison(groups, _reference(groups, reference), without + twice)
        _save(comparison, out)
    show(console, estimates_table(comparison))
    for sentence in [*comparison.sentences, *comparison.left_out]:
        say(console, f"- {sentence}")
    say(console, f"results   {out}: {', '.join(path.name for path in sorted(out.iterdir()))}")
    _log(log_to or _new_run(runs, comparison, tracking, console), out, console)
    say(console, f"look      open {(out / f'{STEM}.html').resolve()} in a browser")
    return comparison


def check_free(out: Path, overwrite: bool) -> None:
    """Looks whether a folder holds no comparison yet.

    Raises:
        UserError: it does, and nobody said that it may be replaced.
    """
    if not overwrite and (out / f"{STEM}.json").exists():
        raise UserError(f"{out} holds a comparison already: name another folder with --out, or replace it: --overwrite")


def _reference(groups: list[Group], wanted: str | None) -> Group:
    if wanted is None:
        return groups[0]
    exact = [group for group in groups if group.label == wanted]
    found = exact or [group for group in groups if wanted in group.label]
    if len(found) != 1:
        labels = "\n".join(f"  {group.label}" for group in groups)
        raise UserError(f"--reference {wanted}: expected the label of one group, or enough of it:\n{labels}")
    return found[0]


def _save(comparison: Comparison, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{STEM}.md").write_text(markdown(comparison), encoding="utf-8")
    save_json(comparison, out / f"{STEM}.json")
    save_page(comparison, out / f"{STEM}.html")
    figure, picture = differences_figure(comparison), out / f"{STEM}.png"
    picture.unlink(missing_ok=True)
    if figure:
        figure.savefig(picture, dpi=150)


def _new_run(runs, comparison: Comparison, tracking: str | None, console: Console) -> tuple | None:
    place = tracking_of(runs)
    if place is None:
        say(console, "MLflow    these runs are not logged in one place: nothing was logged")
        return None
    from colorize.tracking.client import StoredRuns

    uri, experiment = place
    try:
        stored = StoredRuns(tracking or uri)
        tags = {"comparison": "true", "runs": ", ".join(run.name for run in runs)[:5000]}
        run_id = stored.start(experiment, f"comparison: {comparison.title}", tags)
        stored.end(run_id, "FINISHED")
        return stored, run_id
    except UserError as error:  # the comparison is there all the same
        say(console, f"MLflow    {error}")
        return None


def _log(target: tuple | None, out: Path, console: Console) -> None:
    if target is None:
        return
    stored, run_id = target
    try:
        stored.add(run_id, {}, out, STEM)
        say(console, f"MLflow    {STEM}/ of the run {run_id}")
    except UserError as error:
        say(console, f"MLflow    {error}")
