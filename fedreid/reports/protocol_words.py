"""The fixed sentences of a report's protocol; braces are filled in by `fedreid.reports.notes`."""

from __future__ import annotations

BATCHNORM = {
    "average": "all of it travels and is averaged: scale, shift and running statistics.",
    "local": "none of it travels; every client keeps its own.",
    "statistics_local": "scale and shift travel and are averaged; running statistics stay with the client.",
}
NO_BATCHNORM = "The backbone has none: training and evaluation compute the same function of an image."
RECALIBRATED = " For generic evaluation the running statistics are measured again, on the public images."
GENERIC = (
    "The {shared} ranks each dataset's gallery for each query, by cosine similarity. Neither a client nor the "
    "pre-training saw these identities. Gallery images of the same identity from the same camera as the query are left "
    "out; a query whose identity no other camera shows is skipped and counted. AP is the mean of the precision at each "
    "true match; mINP is the mean inverse negative penalty."
)
PAIRS = (
    "{names}: pairs of images, of one person or of two, as a list names them. Accuracy is the share of pairs that are "
    "judged rightly by whether their cosine similarity exceeds a threshold; each fold of the list is judged by the "
    "threshold that suits the other folds best, and the figure is the mean over folds."
)
TEMPLATES = (
    "{names}: a template is several images of one person. Its embedding is the sum over its media (stills and videos) "
    "of the mean of their images' embeddings, each at its own length and times the face detector's score; then it is "
    "brought to length 1. There are no mirrored copies. TAR@FAR is of the listed pairs of templates."
)
SEPARATE = (
    " TPIR@FPIR is the mean of two figures: each gallery by itself, where people of the other one are the strangers."
)
MERGED = (
    " TPIR@FPIR is of both galleries as one, which holds a mate for every probe: the threshold is over all scores "
    "between different people, and the own person needn't come first."
)
PERSONALIZED = (
    "{subject} ranks the held-out images of {people} ({percent:.0f} % of each person's images, never trained on): each "
    "image is a query against all others, under the same rules; where a client's images come from one camera only, "
    "just the query is left out. In means over clients every client has the same weight."
)
TEST_SET = (
    "{subject} ranks the gallery of the client's dataset for each query, as in generic evaluation: people whom nobody "
    "trained on, on the cameras that the client knows. In means over clients every client has the same weight."
)
OPEN_SET = (
    "TAR@FAR, verification: of the pairs of one person (genuine pairs), the share that is accepted at the score that "
    "accepts no more than the given share of the pairs of two people (impostor pairs). TPIR@FPIR, identification: of "
    "the searches for a registered person (mated probes), the share that ranks this person first, with a score that "
    "no more than the given share of the searches by strangers (non-mated probes) reaches. On generic sets queries "
    "are paired with gallery images, unless a list names the pairs; on a client's own people held-out images with "
    "each other, and a person is registered as the mean of the training images. A rate that allows less than one "
    "error among the pairs or probes at hand can't be told from zero and is left out."
)
_ACCESS = (
    " Other clients' held-out images are evaluation-only access, in simulation: a deployed federation doesn't have it. "
    "Nothing was trained on them."
)
STRANGERS = {
    "all": "For verification, other clients' held-out people and the client's own people among each other; for "
    "identification, other clients' held-out people." + _ACCESS,
    "cross_client": "Other clients' held-out people only, for verification and identification." + _ACCESS,
    "public": "Public people, whom every client has, as in a deployed federation; for verification also the client's "
    "own people among each other.",
}
SHARED_PEOPLE = " {people} belong to several clients: a client's own people are left out of the images of others."
LAST = "The one after the last round, chosen by no test image; the best round is shown for orientation only."
LAST_OF_ALONE = "Each client's own, after the last round; no test image chose it."
LOCAL_ONLY = (
    "Each client starts from the same {start} model and trains on its own images only, for {epochs}, as many as "
    "a client trains in the federation on average, and never sends or receives a model. On generic images: the mean of "
    "these models' scores."
)
PARTICIPATION = (
    "{percent:.0f} % of the clients train in each round, drawn from the seed. Curves show those evaluated in a "
    "round; tables show each client's last evaluation."
)
CHANCE = "One run with one seed ({seed}): small differences may be luck. Repeat with other seeds to know."
