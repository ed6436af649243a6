"""Names of what a message carries, and of the scalars in it."""

from __future__ import annotations

ARRAYS = "arrays"  # Flower's own strategies use these three names too
CONFIG = "config"
METRICS = "metrics"
NUM_EXAMPLES = "num-examples"
ROUND = "server-round"
RUN_DIR = "run-dir"
EVALUATE = "evaluate"
CLIENT = "client"
WEIGHT = "weight"  # of a client's update in the mean; its number of images unless a method says otherwise
UPDATE_NORM = "update_norm"  # how far training moved the shared weights, in percent of their length
LOCAL_ONLY = "train.local_only"
ADAPT = "train.adaptation"
ADAPTATION = "adaptation"  # which one
OPEN_SET = "open-set"  # verify and identify as well
PUBLIC_PROXIES = "public_proxies"  # Phi, the array beside the backbone's
PRIVATE_PROXIES = "private-proxies"  # a record of its own: FedFace alone sends it
PROXIES = "proxies"  # the one array in it
SHARES_PRIVATE_PROXIES = "shares-private-proxies"
TIER = "tier"  # place of the client's sub-network among the tiers
MAP = "map"  # its map's digest: what the arrays of a message are a slice by
SUB_NETWORK = "sub-network"  # a record of a reply: the tier, map and round that its arrays belong to
SCORES = "query.channel_scores"
CHANNEL_SCORES = "channel-scores"  # a record of the reply to that: one number for each channel group and channel

# What a client says of its hard negatives: images kept, identities among them, and the kept share in percent.
HARD_NEGATIVES = ("hard_negatives", "hard_negative_identities", "hard_negative_share")
RANKING_METRICS = ("mAP", "rank1", "rank5", "rank10", "mINP", "queries", "skipped")
LOCAL_MODEL = "local_model:"  # prefix of scores of Theta_i where the personalized model is [Theta_i, Pi_i]
ACCURACY = "accuracy"  # of pairs of faces
OPEN_SET_COUNTS = ("genuine_pairs", "impostor_pairs", "mated_probes", "non_mated_probes")
OPEN_SET_PREFIXES = ("TAR@FAR=", "TPIR@FPIR=")
