"""Judging a model: the numbers, the files, the words, and how a model is found."""

import csv
import json
import shlex
import shutil

import numpy as np
import pytest
from keras import ops
from messages import ended, refused
from skimage import color as reference
from small import keep

from colorize.__main__ import main
from colorize.color import compose_in_gamut, rgb_to_lightness
from colorize.config.compose import composed, data_and_evaluation
from colorize.data.load import read_dataset
from colorize.evaluation import check_perceptual
from colorize.evaluation.evaluate import audited, batch_size_for, extremes_of
from colorize.evaluation.predictors import run_predictors
from colorize.inference.pipeline import ColorizationPipeline
from colorize.inference.predict import predict_ab
from colorize.models.colorizer import Colorizer, build_network
from colorize.runs.model_file import MODEL, read_about
from colorize.runs.weights import load_colorizer, save_model

pytestmark = pytest.mark.once

MLFLOW_WARNS = pytest.mark.filterwarnings("ignore")  # of what it imports


@pytest.fixture
def model(tmp_path, config_of, photo_folder):
    """A model of 16 x 32 that knows one colour, in an output folder; made with the photos of `photo_folder`."""
    shares = ["data.val_fraction=0.3", "data.height=16", "data.width=32", "data.cache_scale=1"]
    network = ["fusion=none", "encoder.filters=[4]"]
    config = config_of("data=folder", f"data.root={photo_folder}", "data.test_fraction=0.3", *shares, *network)
    folder = tmp_path / "model"
    folder.mkdir()
    network = build_network(config)
    bias = network.model.get_layer("head_ab_scaled").bias
    bias.assign(np.array([20.0, -30.0]) / 110.0)  # the head starts at zero: nothing else is left
    digest = read_dataset(config.data).digest
    keep(config, network, folder, data_digest=digest)
    (folder / "result.json").write_text(json.dumps({"mlflow_run_id": None, "data_digest": digest}))
    return folder


def evaluated(*arguments):
    main(["evaluate", *map(str, arguments)])


def place_of(model, part):
    """The folder of the one evaluation on a part."""
    (place,) = (model / "evaluation").glob(f"folder-{part}-*")
    return place


def evaluation_of(model, part="test"):
    return json.loads((place_of(model, part) / "evaluation.json").read_text())


def test_the_table_the_files_and_the_words(model, capsys):
    evaluated(model)
    out = capsys.readouterr().out
    place = place_of(model, "test")
    evaluation = json.loads((place / "evaluation.json").read_text())
    for words in ("ab RMSE", "grey (ab = 0)", "E[ab given L]", "ours", "truth", "CIEDE2000", "AuC balanced"):
        assert words in out, words
    assert "Neither training nor the choice of the checkpoint has seen these photos." in out.replace("\n", " ")
    with open(place / "photos.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == evaluation["photos"] > 1
    squared = np.mean([float(row["ab_rmse"]) ** 2 for row in rows])
    assert np.sqrt(squared) == pytest.approx(evaluation["metrics"]["ours"]["ab_rmse"], rel=1e-6)
    assert float(rows[0]["psnr"]) == pytest.approx(20 * np.log10(255 / float(rows[0]["rgb_rmse"])), rel=1e-6)
    kinds = {path.name.split("_")[0] for path in (place / "comparison_grids").iterdir()}
    assert kinds == {"best", "median", "worst"}
    assert {path.name for path in (place / "painted").iterdir()} == {path.name for path in (place / "truth").iterdir()}


def test_all_photos_are_judged_beside_the_baselines_in_the_model_file(model, photo_folder, tmp_path, capsys):
    """So that a folder that is too small to be split can be evaluated."""
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(photo_folder.iterdir())[:2]:
        (few / path.name).write_bytes(path.read_bytes())
    arguments = [model, "--split", "all", "data=folder", f"data.root={few}", "data.height=16", "data.width=32"]
    with ended("evaluate.no_tables", capsys):
        evaluated(*arguments)  # its training was not finished: it has none
    tables = {"mean_ab": (3.0, -4.0), "ab_given_lightness": [(5.0, 0.0)] * 101}
    save_model(load_colorizer(model), model / MODEL, read_about(model).model_copy(update=tables))
    evaluated(*arguments)
    told = evaluation_of(model, "all")
    assert told["photos"] == 2
    photos = read_dataset(composed_of(model).data.model_copy(update={"root": str(few)}), needs_parts=False).part("all")
    ab = reference.rgb2lab(photos.fitted())[..., 1:]
    by_hand = np.sqrt(np.mean((ab - [3, -4]) ** 2)), np.sqrt(np.mean((ab - [5, 0]) ** 2))
    found = [told["metrics"][name]["ab_rmse"] for name in ("mean_ab", "ab_given_lightness")]
    assert found == pytest.approx(by_hand, rel=1e-4)


def test_with_mirror_images_it_is_another_evaluation(model):
    """One number by hand: the mean of two predictions, of which one is turned back."""
    colorizer = load_colorizer(model)
    rng, network = np.random.default_rng(0), colorizer.network
    network.set_weights([weight + rng.normal(0, 0.1, weight.shape) for weight in network.get_weights()])
    save_model(colorizer, model / MODEL, read_about(model))
    evaluated(model, "evaluation.reference=true")
    evaluated(model, "evaluation.flip_tta=true")
    plain, mirrored = sorted((model / "evaluation").iterdir())
    assert mirrored.name == f"{plain.name}-mirror"
    told = json.loads((mirrored / "evaluation.json").read_text())
    assert any("its mirror image's" in sentence for sentence in told["protocol"])

    colorizer = load_colorizer(model)
    photos = read_dataset(composed_of(model).data, test=True).test.fitted()
    ab = [predict_ab(colorizer, np.ascontiguousarray(rgb), "pad") for rgb in (photos, photos[:, :, ::-1])]
    both = (ab[0] + ab[1][:, :, ::-1]) / 2
    error = np.sqrt(np.mean((both - reference.rgb2lab(photos)[..., 1:]) ** 2))
    assert told["metrics"]["ours"]["ab_rmse"] == pytest.approx(error, rel=1e-4)
    assert np.abs(both - ab[0]).max() > 0.1, "the two say different things"
    pipeline = ColorizationPipeline(colorizer, data_and_evaluation(composed_of(model), ["evaluation.flip_tta=true"]))
    own, turned = [np.asarray(pipeline.paint(rgb)) for rgb in (photos[0], np.ascontiguousarray(photos[0][:, ::-1]))]
    np.testing.assert_allclose(own.astype(int), turned[:, ::-1].astype(int), atol=1)


def test_the_numbers_are_those_of_a_loop_over_the_photos(model):
    evaluated(model, "--split", "test")
    config = data_and_evaluation(composed_of(model), [])
    photos = read_dataset(config.data, test=True).test.fitted()
    evaluation = evaluation_of(model, "test")
    lab = reference.rgb2lab(photos)
    ours = np.sqrt(np.mean((lab[..., 1:] - [20, -30]) ** 2))
    assert evaluation["metrics"]["ours"]["ab_rmse"] == pytest.approx(ours, rel=1e-4)
    grey = np.sqrt(np.mean(lab[..., 1:] ** 2))
    assert evaluation["metrics"]["grey"]["ab_rmse"] == pytest.approx(grey, rel=1e-4)


def composed_of(model):
    from colorize.runs.layout import read_config

    return read_config(model)


def test_baselines_of_the_test_part_learn_from_train_and_val(model):
    dataset = read_dataset(composed_of(model).data, test=True)
    lab = reference.rgb2lab(np.concatenate([dataset.train.fitted(), dataset.val.fitted()]))
    mean = lab[..., 1:].reshape(-1, 2).mean(axis=0)
    expected = np.sqrt(np.mean((reference.rgb2lab(dataset.test.fitted())[..., 1:] - mean) ** 2))
    evaluated(model)
    evaluation = evaluation_of(model, "test")
    assert evaluation["metrics"]["mean_ab"]["ab_rmse"] == pytest.approx(expected, rel=1e-4)
    assert any("all photos of train and val" in sentence for sentence in evaluation["protocol"])


@pytest.mark.parametrize(
    ("split", "sentence"),
    [("val", "chosen by these same photos"), ("train", "was trained on these same photos")],
)
def test_the_protocol_says_what_the_model_has_seen(split, sentence, model):
    evaluated(model, "--split", split)
    evaluation = evaluation_of(model, split)
    assert any(sentence in line for line in evaluation["protocol"])


def test_photos_that_were_in_the_training_are_counted(model, photo_folder, tmp_path):
    dataset = read_dataset(composed_of(model).data, manifest=model / "photos.csv")
    other = tmp_path / "other"
    for part, names in {"train": ["11.png"], "val": ["10.png"], "test": list(dataset.train.names[:2])}.items():
        (other / part).mkdir(parents=True)
        for name in names:
            (other / part / name).write_bytes((photo_folder / name).read_bytes())
    evaluated(model, f"data.root={other}", "data.max_rejected_fraction=0.5")
    evaluation = evaluation_of(model, "test")
    assert any("it was trained on 2 of these" in line for line in evaluation["protocol"])


def test_other_photos_or_sizes_leave_the_first_evaluation_alone(model):
    evaluated(model)
    before = (place_of(model, "test") / "evaluation.json").read_bytes()
    evaluated(model, "data.height=24", "data.width=40")
    evaluated(model, "data.resize_mode=stretch")
    places = sorted((model / "evaluation").glob("folder-test-*"))
    assert len(places) == 3 and before in [(place / "evaluation.json").read_bytes() for place in places]


def test_a_second_time_leaves_no_pictures_of_the_first(model):
    evaluated(model, "evaluation.num_visualized_photos=2")
    evaluated(model, "evaluation.num_visualized_photos=1")
    assert len(list((place_of(model, "test") / "comparison_grids").iterdir())) == 3


def test_a_damaged_result_and_an_older_configuration_are_said(model, capsys):
    (model / "result.json").write_text("{")
    with ended("evaluate.damaged_result", capsys):
        evaluated(model)
    (model / "result.json").write_text("{}")
    about = read_about(model)
    older = {"judgement" if key == "evaluation" else key: values for key, values in about.config.items()}
    save_model(load_colorizer(model), model / MODEL, about.model_copy(update={"config": older}))
    with ended("evaluate.model_of_another_version", capsys):
        evaluated(model)


def test_another_size_is_resized_as_painting_does_and_says_so(model, capsys):
    evaluated(model, "data.height=24", "data.width=40", "--split", "val")
    evaluation = evaluation_of(model, "val")
    assert evaluation["size"] == [24, 40]
    assert any("made for 16 x 32" in line and "padded by reflection" in line for line in evaluation["protocol"])


def test_an_audit_holds_the_numbers_against_scikit_images(noise, photos_of, config_of):
    photos, rng = photos_of(noise(6, 16, 24)), np.random.default_rng(0)
    predicted = {rgb.tobytes(): rng.normal(0, 20, (16, 24, 2)).astype("float32") for rgb in photos.fitted()}

    def known(rgb):
        return np.stack([predicted[one.tobytes()] for one in rgb])

    values = run_predictors({"ours": known}, photos, config_of().evaluation, 4, lambda done: None).values["ours"]
    audit = audited(known, photos, values, 4)
    assert audit.differences.keys() == {"ab_rmse", "psnr", "ssim", "ciede2000"}
    assert max(audit.differences.values()) < 0.02 and audit.differences["ab_rmse"] < 1e-3
    assert "scikit-image 0." in audit.sentence and "on 6 photos" in audit.sentence
    wrong = audited(known, photos, {**values, "ciede2000": values["ciede2000"] + 3.0}, 4)
    assert wrong.differences["ciede2000"] == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("resize_mode", ["reflect_pad", "stretch"])
def test_predicting_at_another_size_is_what_painting_shows(resize_mode, config_of, noise):
    config = config_of("data.height=16", "data.width=32")
    colorizer = Colorizer(build_network(config))
    rng = np.random.default_rng(0)
    colorizer.network.set_weights([w + rng.normal(0, 0.05, w.shape) for w in colorizer.network.get_weights()])
    rgb = noise(3, 24, 40)
    ab = predict_ab(colorizer, rgb, resize_mode)
    assert ab.shape == (3, 24, 40, 2)
    pipeline = ColorizationPipeline(colorizer, config, resize_mode)
    for photo, colours in zip(rgb, ab):
        painted = np.asarray(pipeline.paint(photo)).astype(int)
        expected = ops.convert_to_numpy(compose_in_gamut(rgb_to_lightness(photo), colours))
        assert np.abs(expected.astype(int) - painted).max() <= 1
    same = noise(2, 16, 32)
    np.testing.assert_allclose(
        predict_ab(colorizer, same, resize_mode), np.asarray(colorizer(same, training=False)), atol=1e-4
    )


def test_numbers_do_not_depend_on_the_batches(config_of, photos_of, noise):
    photos = photos_of(noise(7, 16, 32))
    rng = np.random.default_rng(0)
    colours = {photo.tobytes(): rng.normal(0, 20, (16, 32, 2)).astype("float32") for photo in photos.fitted()}
    predictors = {"ours": lambda rgb: np.stack([colours[photo.tobytes()] for photo in rgb])}
    steps = []
    results = [run_predictors(predictors, photos, config_of().evaluation, size, steps.append) for size in (3, 7, 100)]
    assert sum(steps) == 3 * 2 * 7
    for other in results[1:]:
        for name, values in results[0].values["ours"].items():
            np.testing.assert_allclose(other.values["ours"][name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_best_median_and_worst():
    values = np.array([5.0, 1.0, 9.0, 3.0, 7.0, 2.0, 8.0])
    extremes = extremes_of(values, 3)
    assert values[extremes["best"]].tolist() == [1, 2, 3] and values[extremes["worst"]].tolist() == [9, 8, 7]
    assert values[extremes["median"]].tolist() == [3, 5, 7]
    assert {name: len(chosen) for name, chosen in extremes_of(values[:2], 8).items()} == dict.fromkeys(extremes, 2)


def test_batches_are_sized_to_memory(config_of, monkeypatch):
    network = build_network(config_of()).model
    sizes = [batch_size_for(network, size) for size in ((16, 32), (160, 320), (1600, 3200))]
    assert sizes[0] > sizes[1] > sizes[2] >= 1
    from colorize.evaluation import evaluate

    monkeypatch.setattr(evaluate, "MEMORY_AT_MOST", 1)
    assert batch_size_for(network, (16, 32)) == 1


@pytest.mark.parametrize(
    ("key", "arguments"),
    [
        ("evaluate.no_model", ["nowhere"]),
        ("evaluate.override_of_training", ["MODEL", "trainer.epochs=3"]),
        ("evaluate.unknown_key", ["MODEL", "data.heigth=3"]),
        ("evaluate.no_photos", ["MODEL", "data.root=/nowhere"]),
        ("evaluate.no_test_part", ["MODEL", "data.test_fraction=0.0", "--split", "test"]),
        ("evaluate.no_perceptual_weights", ["MODEL", "evaluation.perceptual=true"]),
        ("evaluate.no_version", ["models:/colorizer"]),
    ],
)
@MLFLOW_WARNS
def test_mistakes_get_one_sentence(key, arguments, model, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'runs.db'}")
    with ended(key, capsys):
        evaluated(*[str(model) if argument == "MODEL" else argument for argument in arguments])


def test_an_option_between_overrides_is_no_mistake(model):
    evaluated(model, "data.height=24", "--split", "val", "data.width=40")
    evaluation = evaluation_of(model, "val")
    assert evaluation["size"] == [24, 40]


def test_without_weights_perceptual_metrics_are_refused_before_training():
    with refused("evaluation.lpips_weights.missing"):
        check_perceptual(composed(["evaluation.perceptual=true"]).evaluation)
    check_perceptual(composed([]).evaluation)


def test_perceptual_metrics_join_the_others(config_of, photos_of, noise, monkeypatch):
    from colorize.metrics.perceptual import fid, lpips

    class Distances:
        def __init__(self, path):
            assert path == "weights"

        def distances(self, rgb, painted):
            return np.abs(rgb.astype(float) - painted).mean(axis=(1, 2, 3))

    monkeypatch.setattr(lpips, "Lpips", Distances)
    monkeypatch.setattr(
        fid, "InceptionFeatures", lambda path: lambda rgb: rgb.reshape(len(rgb), -1)[:, :5].astype(float)
    )
    evaluation = config_of("evaluation.lpips_weights=weights").evaluation.model_copy(update={"perceptual": True})
    photos = photos_of(noise(9, 16, 32))
    truth = lambda rgb: reference.rgb2lab(rgb)[..., 1:].astype("float32")  # noqa: E731
    grey = lambda rgb: np.zeros((*rgb.shape[:3], 2), "float32")  # noqa: E731
    measured = run_predictors({"grey": grey, "ours": truth}, photos, evaluation, 4, lambda done: None)
    assert measured.metrics["ours"]["lpips"] < 0.1 < measured.metrics["grey"]["lpips"]
    assert abs(measured.metrics["ours"]["fid"]) < 1 < measured.metrics["grey"]["fid"]
    assert measured.values["grey"]["lpips"].shape == (9,)


@MLFLOW_WARNS
def test_a_run_and_a_registered_model_are_found_and_get_the_evaluation(model, tmp_path, monkeypatch, capsys):
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("tests", artifact_location=(tmp_path / "artifacts").as_uri())
    run = client.create_run(experiment).info
    client.log_artifact(run.run_id, str(model / MODEL), "model")
    client.log_artifact(run.run_id, str(model / "result.json"))
    client.create_registered_model("colorizer")
    version = client.create_model_version("colorizer", f"{run.artifact_uri}/model", run.run_id)
    client.set_registered_model_alias("colorizer", "champion", version.version)

    for name in (run.run_id, "models:/colorizer/1", "models:/colorizer@champion"):
        evaluated(name, "--tracking", uri)
        told = capsys.readouterr().out
        assert "added to the run" in told
        (line,) = [line for line in told.splitlines() if line.startswith("compare")]
        assert shlex.split(line)[-4:] == [run.run_id, "--tracking", uri, "ANOTHER..."]
        (place,) = (tmp_path / "evaluations" / run.run_id).iterdir()
        evaluation = json.loads((place / "evaluation.json").read_text())
        assert evaluation["model"] == name
    logged = client.get_run(run.run_id).data.metrics
    assert logged[f"evaluation {place.name}/ab_rmse"] == pytest.approx(evaluation["metrics"]["ours"]["ab_rmse"])
    assert f"evaluation {place.name}/baseline.grey.ab_rmse" in logged
    files = {file.path for file in client.list_artifacts(run.run_id, f"evaluation/{place.name}")}
    assert {
        f"evaluation/{place.name}/{name}" for name in ("evaluation.json", "photos.csv", "comparison_grids")
    } <= files

    with ended("evaluate.no_run", capsys):
        evaluated("0" * 32, "--tracking", uri)


def test_several_models_are_judged_one_after_the_other(model, tmp_path, capsys):
    other = tmp_path / "other=1"  # no override, though it looks like one
    shutil.copytree(model, other)
    evaluated(model, other, "evaluation.num_visualized_photos=1", "--split", "val")
    assert evaluation_of(model, "val")["metrics"] == evaluation_of(other, "val")["metrics"]
    with ended("evaluate.one_folder_for_several_models", capsys):
        evaluated(model, other, "--out", tmp_path / "out")
