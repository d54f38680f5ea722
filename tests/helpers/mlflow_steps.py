"""What an MLflow has of a run."""


def steps_of(client, run_id, key="train/loss"):
    return [(point.step, point.value) for point in client.get_metric_history(run_id, key)]
