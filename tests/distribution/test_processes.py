"""Which process of a training this one is, as the environment says it."""

import pytest
from messages import refused

from colorize.distribution.processes import ALONE, PORT, Processes, processes_of

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID"):
        monkeypatch.delenv(f"KERAS_DISTRIBUTION_{name}", raising=False)
    for name in ("STEP_NUM_TASKS", "PROCID"):
        monkeypatch.delenv(f"SLURM_{name}", raising=False)


def set_all(monkeypatch, **values):
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_without_a_word_there_is_one(monkeypatch):
    assert processes_of(None) == ALONE == Processes("", 1, 0)
    assert processes_of(["anywhere"]) == ALONE
    set_all(monkeypatch, SLURM_PROCID="0", SLURM_NTASKS="4")  # of a batch script, which is no step
    assert processes_of(None) == ALONE


@pytest.mark.parametrize(
    "variables, expected",
    [
        ({"JOB_ADDRESSES": "a:7,b:7", "PROCESS_ID": "1"}, Processes("a:7", 2, 1)),
        ({"JOB_ADDRESSES": "a", "NUM_PROCESSES": "3", "PROCESS_ID": "2"}, Processes(f"a:{PORT}", 3, 2)),
    ],
)
def test_keras_variables(monkeypatch, variables, expected):
    set_all(monkeypatch, **{f"KERAS_DISTRIBUTION_{name}": value for name, value in variables.items()})
    set_all(monkeypatch, SLURM_STEP_NUM_TASKS="8", SLURM_PROCID="5")
    assert processes_of(["c", "d"]) == expected


def test_a_step_of_slurm_says_how_many_and_jax_asks_it_where(monkeypatch):
    set_all(monkeypatch, SLURM_STEP_NUM_TASKS="8", SLURM_PROCID="5")
    assert processes_of(None) == Processes("", 8, 5)


def test_hosts_know_themselves():
    assert processes_of(["no.such.host.example:5", "127.0.0.1"]) == Processes("no.such.host.example:5", 2, 1)
    assert processes_of(["127.0.0.1", "no.such.host.example"]) == Processes(f"127.0.0.1:{PORT}", 2, 0)


def test_a_host_that_is_not_among_them_is_refused(monkeypatch):
    with refused("hosts.none_of_them"):
        processes_of(["no.such.host.example", "nor.this.example"])
    with refused("hosts.several_of_them"):
        processes_of(["127.0.0.1:1", "127.0.0.1:2"])
    set_all(monkeypatch, KERAS_DISTRIBUTION_PROCESS_ID="2")
    with refused("hosts.no_such_id"):
        processes_of(["127.0.0.1:1", "127.0.0.1:2"])


def test_rows_of_a_batch_are_shared_without_a_rest():
    assert [list(range(12))[Processes("", 3, number).own(12)] for number in range(3)] == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11],
    ]  # fmt: skip
    assert list(range(5))[ALONE.own(5)] == [0, 1, 2, 3, 4]
