"""Local learning methods, by the name a scenario gives them.

A method is a function `(Client) -> TrainingStats` that trains `client.model` in place and keeps what the client needs
next time in `client.state`. What else it may leave behind is said at `clients.client.Client`.
"""

from collections.abc import Callable

from clients.client import Client
from clients.methods.adaptation import distil, fine_tune
from clients.methods.centralised import centralised
from clients.methods.ditto import ditto
from clients.methods.fedavg import fedavg
from clients.methods.fedface import fedface
from clients.methods.fedfr import fedfr
from clients.methods.fedpav import fedpav
from clients.methods.fedprox import fedprox
from clients.methods.fedrep import fedrep
from clients.methods.local_only import local_only
from clients.methods.moon import moon
from fedreid.training import TrainingStats

Method = Callable[[Client], TrainingStats]

METHODS: dict[str, Method] = {
    "fedavg": fedavg,
    # The next two train as FedAvg does; they differ in what stays at home, which `Workspace.private` sees to.
    "fedbn": fedavg,  # BatchNorm: Li et al., FedBN: Federated Learning on Non-IID Features, ICLR 2021
    "fedper": fedavg,  # the last layers: Arivazhagan et al., Federated Learning with Personalization Layers, 2019
    "fedfr": fedfr,
    "fedprox": fedprox,
    "moon": moon,
    "fedrep": fedrep,
    "ditto": ditto,
    "fedpav": fedpav,
    "fedface": fedface,
    "local_only": local_only,
    "centralised": centralised,
}

# The second stage of two-stage personalization, for comparison.
ADAPTATIONS: dict[str, Method] = {"fine_tune": fine_tune, "distillation": distil}
