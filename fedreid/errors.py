"""The two kinds of failure a user meets, and the exit status each one gives."""


class UserError(Exception):
    """A mistake in what the user gave (scenario, data, paths): one clear line, no traceback, exit status 2."""


class RunError(Exception):
    """A federation that could not go on (a client failed, the disk is full): exit status 1."""


class ClientError(RunError):
    """A client that failed, with what is needed to find out why.

    Attributes:
        client: index of the client.
        round: the round it failed in, from 1.
        stage: what it was doing, in a word that follows "while" ("training", "evaluating").
        cause: the original error, as "Type: text".
    """

    def __init__(self, client: int, round: int, stage: str, cause: str, hint: str = "") -> None:
        self.client, self.round, self.stage, self.cause = client, round, stage, cause
        text = f"client {client} failed in round {round} while {stage}: {cause}"
        super().__init__(f"{text}\n  {hint}" if hint else text)
