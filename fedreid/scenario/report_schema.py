"""Settings of the section [report]: which examples a run keeps for its report."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fedreid.scenario.settings import NotNegative, Positive, Settings


class ReportSettings(Settings):
    """Which examples the last evaluation keeps in the run folder, for the report to show. No number depends on it."""

    images: bool = Field(
        default=True,
        description="small pictures of people in the run folder and the report; false: no pixel leaves the cache, and "
        "examples are shown in words",
    )
    ranked_lists: NotNegative = Field(
        default=8, description="queries of each generic test set that are shown with what they find; 0: none"
    )
    ranks: Annotated[Positive, Field(le=50)] = Field(default=10, description="gallery images of each of these lists")
    embedding_identities: NotNegative = Field(
        default=10, description="identities of each generic test set on the map of embeddings; 0: no map"
    )
