"""Settings of the section [tracking]: where a run's figures are written besides the run folder."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fedreid.scenario.checks import Contradictions, toml_list
from fedreid.scenario.settings import Settings


class TrackingSettings(Settings):
    """Copies of a run's figures for other tools; they change no number. Nothing is sent anywhere."""

    to: Annotated[tuple[Literal["tensorboard", "mlflow", "wandb"], ...], Field(strict=False)] = Field(
        default=(),
        description="tensorboard: event files; mlflow: a file store; wandb: Weights & Biases, offline. Each needs its "
        "extra, as in pip install 'fedreid[mlflow]'",
    )
    mlflow_folder: str = Field(
        default="", description="of mlflow: the file store, which runs may share; empty: mlruns in the run folder"
    )
    project: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$")] = Field(
        default="", description="MLflow's experiment and W&B's project; empty: the scenario's name"
    )

    @model_validator(mode="after")
    def _names_each_once(self) -> TrackingSettings:
        if len(set(self.to)) < len(self.to):
            raise Contradictions([("tracking.to", f"= {toml_list(self.to)} names one of them twice")])
        return self
