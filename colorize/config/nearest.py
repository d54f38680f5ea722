"""What somebody may have meant who typed a name that is none: the nearest one, or what other trainers call it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ALIASES = {
    "lr": "optimizer.learning_rate",
    "drop_grayscale": "data.grey",
    "max_samples": "data.max_photos",
    "limit": "data.max_photos",
    "base_lr": "optimizer.learning_rate",
    "init_lr": "optimizer.learning_rate",
    "max_lr": "optimizer.learning_rate",
    "wd": "optimizer.weight_decay",
    "optim": "optimizer=adamw",
    "grad_clip": "optimizer.clip_norm",
    "gradient_clip_val": "optimizer.clip_norm",
    "clipnorm": "optimizer.clip_norm",
    "accum": "optimizer.accumulate",
    "accum_iter": "optimizer.accumulate",
    "accumulate_grad_batches": "optimizer.accumulate",
    "gradient_accumulation": "optimizer.accumulate",
    "gradient_accumulation_steps": "optimizer.accumulate",
    "ema": "optimizer.ema_decay",
    "warmup": "optimizer.warmup_fraction",
    "warmup_steps": "optimizer.warmup_fraction",
    "warmup_epochs": "optimizer.warmup_fraction",
    "epoch": "trainer.epochs",
    "n_epochs": "trainer.epochs",
    "num_epochs": "trainer.epochs",
    "max_epochs": "trainer.epochs",
    "num_train_epochs": "trainer.epochs",
    "gpu": "trainer=gpu",
    "gpus": "trainer=gpu",
    "gpu_ids": "trainer=gpu",
    "cuda": "trainer=gpu",
    "use_gpu": "trainer=gpu",
    "accelerator": "trainer=gpu",
    "amp": "trainer.precision",
    "fp16": "trainer.precision",
    "bf16": "trainer.precision",
    "mixed_precision": "trainer.precision",
    "dtype": "trainer.precision",
    "workers": "trainer.num_workers",
    "n_workers": "trainer.num_workers",
    "num_threads": "trainer.num_workers",
    "bs": "data.batch_size",
    "batch": "data.batch_size",
    "batchsize": "data.batch_size",
    "auto_batch": "data.batch_size=auto",
    "auto_find_batch_size": "data.batch_size=auto",
    "auto_scale_batch_size": "data.batch_size=auto",
    "per_device_train_batch_size": "data.batch_size",
    "dir": "data=folder data.root=PATH",
    "path": "data=folder data.root=PATH",
    "data_dir": "data=folder data.root=PATH",
    "data_path": "data=folder data.root=PATH",
    "data_root": "data=folder data.root=PATH",
    "dataroot": "data=folder data.root=PATH",
    "dataset": "data=folder data.root=PATH",
    "dataset_path": "data=folder data.root=PATH",
    "root": "data=folder data.root=PATH",
    "train_dir": "data=folder data.root=PATH",
    "crop_size": "data.height=128 data.width=128",
    "fine_size": "data.height=128 data.width=128",
    "image_size": "data.height=128 data.width=128",
    "img_size": "data.height=128 data.width=128",
    "imgsz": "data.height=128 data.width=128",
    "resolution": "data.height=128 data.width=128",
    "size": "data.height=128 data.width=128",
    "val_split": "data.val_fraction",
    "validation_split": "data.val_fraction",
    "test_split": "data.test_fraction",
    "hflip": "data.augmentation.flip_probability",
    "mixup": "data.augmentation.mixup_probability",
    "random_seed": "seed",
    "manual_seed": "seed",
    "framework": "backend",
    "ckpt": "resume=FOLDER",
    "ckpt_path": "resume=FOLDER",
    "checkpoint": "resume=FOLDER",
    "resume_from_checkpoint": "resume=FOLDER",
    "continue_train": "resume=auto",
    "pretrained": "init=FOLDER",
    "pretrained_model": "init=FOLDER",
    "weights": "init=FOLDER",
    "finetune": "init=FOLDER",
    "model": "encoder=pyramid",
    "arch": "encoder=pyramid",
    "output": "hydra.run.dir=FOLDER",
    "output_dir": "hydra.run.dir=FOLDER",
    "out_dir": "hydra.run.dir=FOLDER",
    "save_dir": "hydra.run.dir=FOLDER",
    "log_dir": "hydra.run.dir=FOLDER",
    "logdir": "hydra.run.dir=FOLDER",
    "checkpoints_dir": "hydra.run.dir=FOLDER",
    "save_every": "trainer.checkpoint.every_epochs",
    "name": "tracking.experiment",
    "exp_name": "tracking.experiment",
    "run_name": "tracking.experiment",
    "project": "tracking.experiment",
    "logger": "tracking=mlflow",
    "log_every_n_steps": "tracking.every_steps",
    "log_interval": "tracking.every_steps",
    "logging_steps": "tracking.every_steps",
    "print_freq": "tracking.every_steps",
    "wandb": "tracking=mlflow (runs are logged to MLflow alone)",
    "tensorboard": "tracking=mlflow (runs are logged to MLflow alone)",
    "patience": "trainer.patience",
    "early_stopping": "trainer.patience",
    "early_stopping_patience": "trainer.patience",
    "max_time": "trainer.max_minutes",
    "time_limit": "trainer.max_minutes",
    "subset": "data.fraction",
    "train_fraction": "data.fraction",
    "limit_train_batches": "data.fraction",
}  # fmt: skip
"""What other trainers call a thing (argparse of research code, Lightning, Transformers, Ultralytics) -> ours."""
CLOSE = 0.75
"""Likeness (difflib's ratio) from which a name of another section is taken for a mistyped one."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that is most like `name`, however little; None where there are no names."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=0.0)), None)


def nearest_key(section: str, name: str, siblings: list[str], keys: list[str]) -> str | None:
    """The key that is meant by one that does not exist.

    Args:
        section: dotted, in which the name was looked for; empty: the whole configuration.
        name: the last part of the unknown key.
        siblings: the keys of that section.
        keys: all dotted keys of the configuration.
    Returns:
        the first of: a close sibling, the same name elsewhere, what other trainers call so, a close name elsewhere,
        the most similar sibling. None where the section has no keys.
    """
    own = {sibling: f"{section}.{sibling}".lstrip(".") for sibling in siblings}
    if close := difflib.get_close_matches(name, siblings, n=1, cutoff=CLOSE):
        return own[close[0]]
    by_last = {key.rpartition(".")[2]: key for key in reversed(keys)}  # the first of several
    plain = name.lower().replace("-", "_")
    if found := ALIASES.get(plain) or by_last.get(plain):
        return found
    if close := difflib.get_close_matches(plain, by_last, n=1, cutoff=CLOSE):
        return by_last[close[0]]
    sibling = nearest(name, siblings)
    return own[sibling] if sibling else None
