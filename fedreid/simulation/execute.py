"""One client's work on one message, the same in this process and in a worker."""

from __future__ import annotations

import logging

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from fedreid import wire

logger = logging.getLogger(__name__)


def execute(app: ClientApp, message: Message, context: Context) -> Message:
    """The client's reply, checked for what may leave; a failure becomes an error reply, with the cause in one line."""
    try:
        answer = app(message, context)
        wire.check_reply(message, answer)
    except Exception as error:
        logger.debug("client on node %d failed", context.node_id, exc_info=True)
        return wire.error_reply(message, error)
    return answer
