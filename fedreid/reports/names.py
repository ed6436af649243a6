"""What the models of a run are called, in sentences, tables and figures: not every method has the same ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fedreid.reports.methods import METHODS
from fedreid.scenario.schema import Scenario


@dataclass(frozen=True)
class Names:
    """The words for one method's models.

    Attributes:
        method: the method's own name.
        shared: the model that the server keeps.
        own: the model that is scored on a client's own people, in short; `owns`: those of all clients.
        subject: `own` at the start of a sentence, with when it is taken; `people`: whom it is scored on.
        column: `own` over a column, if that is something else; `when`: what the column has to explain.
        outcome: what the last round's model came from; `place`: where a client's final model was trained.
        loss: what the training loss is made of.
        has_branch: a personalized branch stands behind the own model.
        is_federation: clients learn from each other without showing each other images.
        on_test_set: a client's own model is asked about its dataset's test set, not about its own people.
    """

    method: str
    shared: str = "shared model"
    own: str = "own model"
    owns: str = "the clients' own models"
    subject: str = "Each client's own model, before aggregation,"
    people: str = "the client's own people"
    column: str = ""
    when: str = "after the client's local training, before aggregation"
    outcome: str = "Federation"
    place: str = "in the federation"
    loss: str = "CosFace loss"
    has_branch: bool = False
    is_federation: bool = True
    on_test_set: bool = False

    @property
    def its(self) -> str:
        """What one client's own model is asked about."""
        return "its dataset's test set" if self.on_test_set else "its own people"

    @property
    def theirs(self) -> str:
        """What all clients' own models are asked about."""
        return "the test sets of the clients' datasets" if self.on_test_set else "the clients' own people"

    @property
    def title(self) -> str:
        """`own` as a heading starts."""
        return capitalised(self.own)

    @property
    def over_column(self) -> str:
        """`own` in a table's head."""
        return self.column or self.title

    @property
    def several(self) -> str:
        """`own` of all clients, in a legend."""
        return self.own if self.own == self.shared else self.own.replace("model", "models")


def names_of(scenario: Scenario) -> Names:
    """The words for what this scenario trains."""
    return replace(_names(scenario), on_test_set=scenario.evaluation.personalized == "test_set")


def _names(scenario: Scenario) -> Names:
    method, title = scenario.method, METHODS[scenario.method.name].title
    names = Names(title, loss=_loss(scenario))
    if method.has("branch"):
        return replace(
            names, own="own model with branch", owns="the clients' own models with their branches", has_branch=True,
            subject="Each client's own model with its branch, before aggregation,", column="With branch",
            when="the client's own model, after its local training and before aggregation",
        )  # fmt: skip
    if method.name == "ditto":
        return replace(
            names, own="personal model", owns="the clients' personal models", subject="Each client's personal model",
            when="trained beside the shared model, and never sent",
        )  # fmt: skip
    if method.name == "centralised":
        return replace(
            names, shared="central model", own="central model", owns="the central model", subject="The central model",
            people="each client's own people", when="the one that the images of all clients trained",
            outcome="Central training", place="trained centrally", is_federation=False,
        )  # fmt: skip
    if method.name == "local_only":
        return replace(
            names, shared="starting model", subject="Each client's own model", when="after the client's last training",
            outcome="Start, unchanged", place="own model", is_federation=False,
        )  # fmt: skip
    return names


def _loss(scenario: Scenario) -> str:
    """CosFace alone, or more than that. FedProx and Ditto pull on the weights and add nothing to what is reported."""
    method = scenario.method
    adds = method.name in ("moon", "fedface") or method.has("contrastive") or method.has("branch")
    return "training loss" if adds or scenario.loss.triplet != "none" else "CosFace loss"


def capitalised(text: str) -> str:
    """With a capital letter in front, and the rest as it is."""
    return text[:1].upper() + text[1:]
