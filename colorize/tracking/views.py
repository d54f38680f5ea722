"""How MLflow's page of an experiment looks when it is opened: as model training, with a saved view of the results."""

import base64
import json
import zlib

VIEW = "colorize-results"
"""Key of the view; `?viewStateShareKey=colorize-results` behind the address of the runs opens it."""

_COLUMNS = [
    "metrics.`final/ab_rmse`",
    "metrics.`final/baseline.ab_given_lightness.ab_rmse`",
    "metrics.`final/psnr_pooled`",
    "metrics.`final/colorfulness`",
    "params.`data.name`",
    "params.`encoder.name`",
    "params.`fusion.name`",
    "params.`seed`",
    "params.`model.parameters`",
    "attributes.`Models`",
]
"""What tells runs apart, the results first."""

_STATE = {
    "searchFilter": "",
    "orderByKey": "metrics.`final/ab_rmse`",
    "orderByAsc": True,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
    "selectedColumns": _COLUMNS,
    "columnOrder": [],
    "columnWidths": {},
    "runsHiddenMode": "FIRST_10_RUNS",
    "viewMaximized": False,
    "runListHidden": False,
    "isAccordionReordered": False,
    "useGroupedValuesInCharts": True,
    "hideEmptyCharts": True,
    "groupBy": None,
    "groupsExpanded": {},
    "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
}
"""The state of the page, as MLflow 3.17 saves it; versions that know no such views pass over it."""


def experiment_tags(experiment_id: str) -> dict[str, str]:
    """Tags of an experiment: of its kind, with the view, and with a description that leads there."""
    results = f"[Results](#/experiments/{experiment_id}/runs?viewStateShareKey={VIEW})"
    state = base64.b64encode(zlib.compress(json.dumps(_STATE).encode())).decode()
    view = {"name": "Results", "createdAt": 0, "updatedAt": 0, "state": f"deflate;{state}"}
    return {
        "mlflow.experimentKind": "custom_model_development",
        f"mlflow.sharedViewState.{VIEW}": json.dumps(view),
        "mlflow.note.content": f"Runs and what came of them, the best first: {results}",
    }
