"""Comparing runs: groups, intervals, what is said, the files."""

import base64
import dataclasses
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from messages import ended
from PIL import Image
from scipy import stats

from colorize.__main__ import main
from colorize.comparison.cost import cost_rows
from colorize.comparison.figure import differences_figure
from colorize.comparison.groups import group_runs
from colorize.comparison.report import make_comparison
from colorize.comparison.runs import Run
from colorize.comparison.statistics import Difference, bootstrap, differences, estimates, seed_limits, t_limits
from colorize.evaluation.report import Evaluation, evaluation_name, save_photos
from colorize.metrics.summary import METRICS, pooled
from colorize.runs.layout import save_config

pytestmark = pytest.mark.once

PHOTOS = 60


@pytest.fixture
def run_of(tmp_path, config_of):
    """Writes the output folder of a run whose photos have given errors, and reads it."""

    def make(name, *overrides, shift=0.0, seed=1, digest="d", part="val", noise=0.5, photos=PHOTOS, data="t"):
        config = config_of(f"seed={seed}", *overrides)
        folder = tmp_path / name
        place = folder / "evaluation" / evaluation_name("sample", part, (16, 32), digest)
        for pictures in ("grey", "painted", "truth"):
            (place / pictures).mkdir(parents=True)
            Image.new("RGB", (32, 16), (10, 20, 30)).save(place / pictures / "photo-1.png")
        common, own = np.random.default_rng(7), np.random.default_rng([seed, len(name)])
        difficulty = common.uniform(5, 20, photos)
        values = {name: difficulty + shift + own.normal(0, noise, photos) for name in ("ab_rmse", "ab_mae", "rgb_rmse")}
        values |= {name: difficulty / 10 + own.normal(0, 0.01, photos) for name in ("ssim", "ciede2000", "auc")}
        values |= {"auc_balanced": difficulty / 20, "balance_weight": np.ones(photos)}
        for metric in ("colorfulness", "colorfulness_abs"):
            values |= {metric: difficulty + shift, f"{metric}_truth": 2 * difficulty}
        metrics = {key: float(value) for key, value in pooled(values).items()}
        baselines = {key: metrics for key in ("grey", "mean_ab", "ab_given_lightness")}
        truth = {"colorfulness": 30.0, "colorfulness_abs": 25.0}
        everything = {**baselines, "ours": metrics}
        evaluation = Evaluation(
            "sample", part, photos, digest, (16, 32), ["A protocol."], everything, truth, name, 1.0
        )  # fmt: skip
        evaluation.save(place)
        keys = [f"photo-{i}" for i in range(photos)]
        save_photos(place, keys, keys, keys, values)
        save_config(config, folder)
        (folder / "history.csv").write_text("epoch,val_ab_rmse\n1,14.0\n2,13.5\n")
        result = {"data_digest": data, "parameters": 5000, "images_per_second": 100.0 * seed}
        (folder / "result.json").write_text(json.dumps(result))
        return Run(str(folder), folder, config, evaluation, keys, values, np.zeros(2), data, result)

    return make


def test_runs_that_differ_only_in_seed_or_in_where_they_log_are_one_group(run_of):
    runs = [
        run_of("a1", "fusion=row_gru", seed=1),
        run_of("b1", "fusion=none", seed=1),
        run_of("a2", "fusion=row_gru", "trainer.num_workers=1", "evaluation.num_visualized_photos=1", seed=2),
        run_of("c1", "fusion=row_gru", "optimizer.learning_rate=0.01", seed=1),
    ]
    groups, left_out = group_runs(runs)
    assert [group.seeds for group in groups] == [(1, 2), (1,), (1,)] and not left_out
    assert groups[0].label.startswith("fusion=row_gru") and groups[1].label.startswith("fusion=none")
    assert "optimizer.learning_rate=0.01" in groups[2].label
    assert groups[0].differing["fusion.units"] == "64" and groups[1].differing["fusion.units"] == "-"
    assert not any(key.startswith(("trainer", "evaluation", "seed")) for key in groups[0].differing)


def test_no_two_groups_share_a_label(run_of):
    runs = [
        run_of("n", "fusion=none"),
        run_of("u16", "fusion=row_gru", "fusion.units=16"),
        run_of("u64", "fusion=row_gru"),
        run_of("a", "fusion=none", "optimizer.learning_rate=0.00123412"),
        run_of("b", "fusion=none", "optimizer.learning_rate=0.00123449"),
    ]
    labels = [group.label for group in group_runs(runs)[0]]
    assert len(set(labels)) == 5
    assert "fusion.units=16" in labels[1] and "fusion.units=64" in labels[2] and "units" not in labels[0]
    assert "0.00123412" in labels[3] and "0.00123449" in labels[4]


def test_runs_trained_on_other_photos_are_another_group(run_of):
    groups, left_out = group_runs([run_of("one", data="t"), run_of("other", data="u")])
    assert len(groups) == 2 and not left_out and groups[0].label == "data.digest=t"


@pytest.mark.parametrize(
    ("key", "damage"),
    [
        ("compare.photos_damaged", "photos.csv"),
        ("compare.photos_missing", "photos.csv short"),
        ("compare.evaluation_damaged", "evaluation.json"),
        ("compare.history_short", "history.csv short"),
        ("compare.result_damaged", "result.json"),
    ],
)
def test_a_damaged_run_is_said(key, damage, run_of, capsys):
    one, other = run_of("one"), run_of("two", "fusion=none")
    name, _, how = damage.partition(" ")
    (file,) = other.folder.rglob(name)
    shorter = "epoch\n1\n" if name == "history.csv" else "\n".join(file.read_text().splitlines()[:9])
    file.write_text(shorter if how else "{")
    with ended(key, capsys):
        main(["compare", str(one.folder), str(other.folder)])


def test_what_rich_and_markdown_would_take_for_markup_goes_through(four, tmp_path, capsys):
    out = tmp_path / "out[/bold][red]"
    folder = four[0].folder.rename(four[0].folder.with_name("a|b<i>[bold]"))
    compared(out, folder, four[2].folder)
    assert "out[/bold][red]" in capsys.readouterr().out.replace("\n", "")
    assert "a\\|b&lt;i&gt;[bold]" in (out / "comparison.md").read_text()


def test_one_group_alone_is_said(run_of, tmp_path, capsys):
    compared(tmp_path / "out", *[run_of(f"r{seed}", seed=seed).folder for seed in (1, 2)])
    assert "There is one group alone" in capsys.readouterr().out


def test_the_same_seed_twice_is_not_two_runs(run_of):
    groups, left_out = group_runs([run_of("first", seed=1), run_of("again", seed=1)])
    assert [len(group.runs) for group in groups] == [1] and groups[0].runs[0].name.endswith("again")
    assert "first is left out" in left_out[0]


def test_over_seeds_the_interval_is_students_t(run_of):
    (group,), _ = group_runs([run_of(f"r{seed}", seed=seed, shift=seed / 10) for seed in (1, 2, 3)])
    values = [run.evaluation.metrics["ours"]["ab_rmse"] for run in group.runs]
    estimate = estimates(group)["ab_rmse"]
    half = 4.302653 * np.std(values, ddof=1) / np.sqrt(3)  # t of 2 degrees of freedom, at 97.5 %
    assert estimate.over == "seeds" and estimate.mean == pytest.approx(np.mean(values))
    assert estimate.limits == pytest.approx((np.mean(values) - half, np.mean(values) + half), rel=1e-5)
    assert t_limits([3.0]) is None and t_limits([2.0, 2.0]) == (2.0, 2.0)


def test_with_one_seed_it_is_a_bootstrap_over_photos_near_the_normal_interval(run_of):
    (group,), _ = group_runs([run_of("alone", photos=400)])
    estimate, values = estimates(group)["ab_mae"], group.runs[0].values["ab_mae"]
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert estimate.over == "photos" and np.mean(values) == pytest.approx(estimate.mean)
    assert estimate.limits == pytest.approx((values.mean() - half, values.mean() + half), rel=0.02)
    low, high = estimates(group)["ab_rmse"].limits
    assert low < np.sqrt(np.mean(group.runs[0].values["ab_rmse"] ** 2)) < high
    assert estimates(group) == estimates(group), "the same runs give the same intervals"


def test_the_bootstrap_covers_about_as_often_as_it_says():
    hits = 0
    for seed in range(100):
        sample = np.random.default_rng(seed).normal(3.0, 2.0, 50)
        low, high = bootstrap(50, lambda rows, sample=sample: {"mean": sample[rows].mean(axis=-1)})["mean"]
        hits += low <= 3.0 <= high
    assert 86 <= hits <= 100


def test_a_paired_difference_is_far_narrower_than_the_intervals_of_the_two(run_of):
    groups, _ = group_runs([run_of("ref", "fusion=none"), run_of("other", "fusion=row_gru", shift=-0.3)])
    difference = differences(groups[1], groups[0])["ab_rmse"]
    low, high = difference.over_photos
    wide_low, wide_high = estimates(groups[0])["ab_rmse"].limits
    assert high - low < (wide_high - wide_low) / 3
    assert low < difference.mean < high < 0 and difference.conclusion("ab_rmse").startswith(
        "better on these photos; with one seed"
    )
    assert difference.better > 0.5 and difference.over_seeds is None
    ours, theirs = (group.runs[0].evaluation.metrics["ours"]["ab_rmse"] for group in (groups[1], groups[0]))
    assert difference.mean == pytest.approx(ours - theirs)


def test_equal_groups_show_no_difference_and_say_so(run_of):
    groups, _ = group_runs([run_of("same1", "fusion=none"), run_of("same2", "fusion=row_gru")])
    difference = differences(groups[1], groups[0])["ab_rmse"]
    assert difference.conclusion("ab_rmse") == "no difference shown: the interval over photos includes zero"


def test_over_seeds_differences_are_paired_where_the_seeds_are_the_same():
    ours, theirs = [10.0, 12.0, 14.0], [10.5, 12.6, 14.4]
    low, high = seed_limits(ours, theirs, paired=True)
    expected = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    assert (low, high) == pytest.approx((expected.low, expected.high)) and high < 0
    wide = seed_limits(ours, theirs, paired=False)
    expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert wide == pytest.approx((expected.low, expected.high)) and wide[0] < 0 < wide[1]
    assert seed_limits([1.0], theirs, paired=False) is None


@pytest.mark.parametrize(
    ("over_photos", "over_seeds", "metric", "conclusion"),
    [
        ((-2.0, -1.0), None, "ab_rmse", "better on these photos; with one seed, another may say otherwise"),
        ((-2.0, -1.0), (-3.0, -0.1), "auc", "worse"),
        ((-2.0, -1.0), (-3.0, 0.1), "auc", "no difference shown: the interval over seeds includes zero"),
        ((-2.0, 1.0), (-3.0, 0.1), "auc", "no difference shown: both intervals include zero"),
        ((1.0, 2.0), (0.5, 3.0), "colorfulness", "higher"),
        (None, None, "fid", "not known: no interval"),
        (None, (1.0, 2.0), "fid", "worse"),
    ],
)
def test_a_conclusion_needs_every_interval_to_leave_zero_out(over_photos, over_seeds, metric, conclusion):
    mean = -1.5 if (over_photos or over_seeds or (0,))[0] < 0 else 1.5
    assert Difference(mean, over_photos, over_seeds, None).conclusion(metric) == conclusion


def compared(out, *arguments):
    main(["compare", *map(str, arguments), "--out", str(out)])


@pytest.fixture
def four(run_of):
    return [
        run_of(name, f"fusion={fusion}", seed=seed, shift=shift)
        for name, fusion, seed, shift in (
            ("n1", "none", 1, 0.0), ("n2", "none", 2, 0.0), ("g1", "row_gru", 1, -1.0), ("g2", "row_gru", 2, -1.02)
        )
    ]  # fmt: skip


def test_the_command_writes_a_table_markdown_json_and_a_page(four, tmp_path, capsys):
    compared(tmp_path / "out", *[run.folder for run in four])
    out = capsys.readouterr().out
    assert "fusion=row_gru" in out and "±" in out and "better" in out and "not logged in one place" in out
    text = (tmp_path / "out" / "comparison.md").read_text()
    for metric in set(METRICS) - {"lpips", "fid"}:
        assert METRICS[metric].title.replace("|", "\\|") in text
    assert "`fusion.units`" in text and "A protocol." in text and "nearer to the truth on" in text
    values = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert values["reference"].startswith("fusion=none") and values["groups"][1]["seeds"] == [1, 2]
    difference = values["groups"][1]["differences"]["ab_rmse"]
    assert difference["mean"] < -0.9 and difference["conclusion"] == "better"


def test_the_page_needs_nothing_else(four, tmp_path):
    compared(tmp_path / "out", *[run.folder for run in four])
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page) and "<script" not in page and "@import" not in page
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 4  # grey, two groups, truth
    assert base64.b64decode(pictures[0]).startswith(b"\x89PNG")
    drawn = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert len(drawn) == 2  # the differences, the curves
    assert all(base64.b64decode(svg).count(b"<path") > 4 for svg in drawn)
    assert (tmp_path / "out" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_shows_every_difference_with_its_intervals_and_what_is_shown(run_of):
    of_each = {"none": (0.0, 0.0), "row_gru": (-1.0, -1.02), "conv": (0.1, -0.1)}
    runs = [
        run_of(f"{name}{seed}", f"fusion={name}", seed=seed, shift=shift)
        for name, shifts in of_each.items()
        for seed, shift in enumerate(shifts, start=1)
    ]
    groups, _ = group_runs(runs)
    comparison = make_comparison(groups, groups[0], [])
    (axes,) = differences_figure(comparison).axes
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == list(comparison.differences)
    dots = {labels[int(line.get_ydata()[0])]: line for line in axes.lines if line.get_marker() == "o"}
    for label, values in comparison.differences.items():
        difference = values["ab_rmse"]
        assert dots[label].get_xdata()[0] == difference.mean
        bars = [tuple(line.get_xdata()) for line in axes.lines if tuple(line.get_ydata()) == (labels.index(label),) * 2]
        assert set(bars) == {difference.over_photos, difference.over_seeds}
        assert (dots[label].get_color() == "#0a6b2d") is (difference.conclusion("ab_rmse") == "better")
    conclusions = {values["ab_rmse"].conclusion("ab_rmse").split()[0] for values in comparison.differences.values()}
    assert conclusions == {"better", "no"}
    assert differences_figure(make_comparison(groups[:1], groups[0], [])) is None


def test_keras_is_not_needed(four, tmp_path):
    arguments = ["compare", *[str(run.folder) for run in four], "--out", str(tmp_path / "out")]
    program = f"import sys; from colorize.__main__ import main; main({arguments!r}); print('keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")


def test_names_in_the_page_are_escaped(four, tmp_path):
    folder = four[0].folder.rename(four[0].folder.with_name("<script>alert(1)<"))
    compared(tmp_path / "out", folder, four[2].folder)
    assert "<script>" not in (tmp_path / "out" / "comparison.html").read_text()


def test_the_reference_may_be_chosen_by_part_of_its_label(four, tmp_path, capsys):
    compared(tmp_path / "out", *[run.folder for run in four], "--reference", "row_gru")
    assert "against fusion=row_gru" in capsys.readouterr().out


def test_what_was_measured_differently_is_said_of_its_group(run_of):
    one, other = run_of("a", seed=1), run_of("b", "fusion=none", seed=1)
    told = dataclasses.replace(other.evaluation, protocol=["A protocol.", "Its own."], temperature=0.2)
    groups, _ = group_runs([one, dataclasses.replace(other, evaluation=told)])
    comparison = make_comparison(groups, groups[0], [])
    assert comparison.protocol == ["A protocol.", f"{groups[1].label}: Its own."]
    assert "temperature" not in comparison.title
    assert make_comparison(groups[1:], groups[1], []).title.endswith("at 16 x 32, temperature 0.2")


def test_different_photos_are_not_compared(run_of, capsys, tmp_path):
    one, other = run_of("one"), run_of("two", "fusion=none", digest="other")
    with ended("compare.evaluated_on_other_photos", capsys):
        compared(tmp_path / "out", one.folder, other.folder)
    assert not (tmp_path / "out").exists()


def test_an_evaluation_that_one_lacks_is_said(run_of, capsys, tmp_path):
    one, other = run_of("one", part="test"), run_of("two", "fusion=none", part="val")
    with ended("compare.evaluated_on_other_parts", capsys):
        compared(tmp_path / "out", one.folder, other.folder)


def test_too_few_unknown_and_empty_runs_are_said(run_of, capsys, tmp_path, monkeypatch):
    run = run_of("one")
    out = tmp_path / "out"
    with ended("compare.one_run", capsys):
        compared(out, run.folder)
    with ended("compare.no_run", capsys):
        compared(out, run.folder, "nowhere")
    (tmp_path / "empty").mkdir()
    with ended("compare.empty_folder", capsys):
        compared(out, run.folder, tmp_path / "empty")
    with ended("compare.no_reference", capsys):
        compared(out, run.folder, run_of("two", "fusion=none").folder, "--reference", "x")


@pytest.mark.filterwarnings("ignore")  # of what MLflow imports
def test_runs_of_an_experiment_are_fetched_compared_and_logged(four, tmp_path, monkeypatch):
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("mine", artifact_location=(tmp_path / "artifacts").as_uri())
    for run in four:
        text = (run.folder / "config.yaml").read_text()
        tracked = f"tracking:\n  name: mlflow\n  uri: {uri}\n  experiment: mine\n  patience: 1.5\n  register: null\n"
        (run.folder / "config.yaml").write_text(re.sub(r"tracking:\n  name: .*\n", tracked, text))
        run_id = client.create_run(experiment).info.run_id
        client.log_param(run_id, "seed", run.config.seed)
        client.log_artifacts(run_id, str(run.folder))
        client.set_terminated(run_id)
        client.log_param(run_id, "fusion.name", run.config.fusion.name)
        client.log_param(run_id, "data.digest", "t")
    client.create_run(experiment)  # one that is still running, and has nothing yet
    foreign = client.create_run(experiment).info.run_id
    client.log_param(foreign, "seed", 1)
    client.set_terminated(foreign)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    compared(tmp_path / "out", "--experiment", "mine")
    values = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [len(group["runs"]) for group in values["groups"]] == [2, 2]
    (logged,) = [run for run in client.search_runs([experiment]) if "comparison" in run.data.tags]
    files = {file.path for file in client.list_artifacts(logged.info.run_id, "comparison")}
    assert files == {f"comparison/comparison.{ending}" for ending in ("html", "json", "md", "png")}
    assert logged.info.status == "FINISHED"


def test_cost_is_the_mean_over_runs_and_empty_where_a_run_does_not_say(run_of):
    runs = [run_of("a1", seed=1), run_of("a2", seed=2), run_of("b1", "fusion=none", seed=1)]
    runs[2].result.update(fusion_parameters=1234, peak_memory_bytes=3 * 2**20, frozen_parameters=4_253_864)
    groups, _ = group_runs(runs)
    first, second = cost_rows(groups)
    assert first[1:] == ["5,000", "", "150", ""]
    assert second[1:] == ["5,000 + 4,253,864 frozen", "1,234", "100", "3 MiB"]
