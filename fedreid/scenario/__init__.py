"""What a federation is: TOML files and overrides in, checked and frozen settings out."""

from fedreid.scenario.load import Resolved, load_scenario
from fedreid.scenario.reference import reference_markdown
from fedreid.scenario.schema import Scenario
from fedreid.scenario.write import Row, describe, pinned, to_toml

__all__ = ["Resolved", "Row", "Scenario", "describe", "load_scenario", "pinned", "reference_markdown", "to_toml"]
