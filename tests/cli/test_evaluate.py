"""`python -m colorize evaluate`: the numbers, the files, the words, and how a model is found."""

import csv
import json
import shlex
import shutil

import numpy as np
import pytest
from folders import copied
from messages import ended
from skimage import color as reference
from small import give_tables, keep

from colorize.__main__ import main
from colorize.config.compose import data_and_evaluation
from colorize.data.load import read_dataset
from colorize.inference.pipeline import ColorizationPipeline
from colorize.inference.predict import predict_ab
from colorize.models.colorizer import build_network
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
    copied(sorted(photo_folder.iterdir())[:2], few)
    arguments = [model, "data=folder", f"data.root={few}", "data.height=16", "data.width=32"]
    with ended("evaluate.no_tables", capsys):
        evaluated(*arguments)  # its training was not finished: it has none
    give_tables(model)
    evaluated(*arguments)
    told = evaluation_of(model, "all")
    assert told["photos"] == 2
    photos = read_dataset(composed_of(model).data.model_copy(update={"root": str(few)}), needs_parts=False).part("all")
    ab = reference.rgb2lab(photos.fitted())[..., 1:]
    by_hand = np.sqrt(np.mean((ab - [3, -4]) ** 2)), np.sqrt(np.mean((ab - [5, 0]) ** 2))
    found = [told["metrics"][name]["ab_rmse"] for name in ("mean_ab", "ab_given_lightness")]
    assert found == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.parametrize(
    ("folders", "part", "photos"), [([""], "all", 4), (["test"], "test", 4), (["train", "val", "test"], "test", 4)]
)
def test_all_photos_of_a_folder_that_is_given_are_judged(folders, part, photos, model, photo_folder, tmp_path):
    paths = sorted(photo_folder.iterdir())[: 4 * len(folders)]
    copied(paths, *(tmp_path / "given" / folder for folder in folders))
    give_tables(model)
    size = ["data.height=16", "data.width=32"]
    evaluated(model, "data=folder", f"data.root={tmp_path / 'given'}", *size)
    told = evaluation_of(model, part)
    assert told["photos"] == photos
    assert "Baselines learned from the photos that the model was trained on." in told["protocol"]
    assert told["metrics"]["mean_ab"]["ab_rmse"] != told["metrics"]["ab_given_lightness"]["ab_rmse"]


def test_a_part_without_photos_is_named(model, photo_folder, tmp_path, capsys):
    copied([next(photo_folder.iterdir())], tmp_path / "given" / "test")
    with ended("evaluate.empty_part", capsys):
        evaluated(model, "--split", "val", "data=folder", f"data.root={tmp_path / 'given'}")


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
    known = list(dataset.train.names[:2])
    first, second = [path.name for path in sorted(photo_folder.iterdir()) if path.name not in known][:2]
    for part, names in {"train": [first], "val": [second], "test": known}.items():
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
    assert f"evaluation {place.name}/gain" in logged and len(logged) <= 13
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
