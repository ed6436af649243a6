"""Local learning methods, by the name a scenario gives them.

A method is a function `(Client, epochs=None) -> TrainingStats` that trains `client.model` in place and keeps what the
client needs next time in `client.state`.
"""

from clients.methods.fedavg import fedavg

METHODS = {"fedavg": fedavg}
