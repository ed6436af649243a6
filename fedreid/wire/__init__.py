"""What crosses between server and clients: names in a message, arrays without copies, and the list of what may leave.

The only package below `simulation` that knows both sides; `server` and `clients` import it, never each other.
"""

# ruff: noqa: F401  (names for those who say `wire.to_record`)
from fedreid.wire.arrays import (
    FlatRecord,
    NumpyArray,
    count_bytes,
    flat_of,
    to_arrays,
    to_record,
)
from fedreid.wire.messages import (
    MOST_REASON,
    arrays_of,
    bytes_of,
    channel_scores_of,
    config_of,
    error_reply,
    instruction,
    metrics_of,
    model_of,
    private_proxies_of,
    reply,
    sub_network_of,
)
from fedreid.wire.names import (
    ACCURACY,
    ADAPT,
    ADAPTATION,
    ARRAYS,
    CHANNEL_SCORES,
    CLIENT,
    CONFIG,
    EVALUATE,
    HARD_NEGATIVES,
    LOCAL_MODEL,
    LOCAL_ONLY,
    MAP,
    METRICS,
    NUM_EXAMPLES,
    OPEN_SET,
    OPEN_SET_COUNTS,
    OPEN_SET_PREFIXES,
    PRIVATE_PROXIES,
    PROXIES,
    PUBLIC_PROXIES,
    RANKING_METRICS,
    ROUND,
    RUN_DIR,
    SCORES,
    SHARES_PRIVATE_PROXIES,
    SUB_NETWORK,
    TIER,
    UPDATE_NORM,
    WEIGHT,
)
from fedreid.wire.privacy import (
    ALLOWED_METRICS,
    PREFIX,
    PrivacyError,
    check_reply,
)
