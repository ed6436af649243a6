"""The catalogue's video datasets, faces, and what isn't published: one's own photographs, synthetic pedestrians."""

from __future__ import annotations

from fedreid.data.checking.catalogue_entry import Counted, Entry, Version
from fedreid.data.checking.catalogue_stills import RESEARCH
from fedreid.data.formats import ijb, ilids_vid, lfw, mars, prid_video


def _pairs() -> dict[str, Counted]:
    genuine, impostors, folds = lfw.PUBLISHED
    return {"genuine pairs": (None, genuine), "impostor pairs": (None, impostors), "folds": (None, folds)}


def _templates(benchmark: ijb.Benchmark) -> Version:
    published = ijb.RELEASES[benchmark].published
    return Version({part: (None, number) for part, number in published.items()}, {"benchmark": benchmark})


def _people_in_galleries(benchmark: ijb.Benchmark) -> int:
    """Galleries share nobody, and every probe is in one of them."""
    return sum(number for part, number in ijb.RELEASES[benchmark].published.items() if part.startswith("people in "))


ENTRIES = (
    Entry(
        "ilids_vid",
        "iLIDS-VID",
        "people in an airport's arrival hall, one tracklet on each of two cameras; the vendor's ten halves",
        "Wang, Gong, Zhu and Wang, Person Re-Identification by Video Ranking, ECCV 2014",
        (
            (f"{ilids_vid.FOLDERS[0]}/", "a folder of frames per person"),
            (f"{ilids_vid.FOLDERS[1]}/", "the same of the second camera"),
            (ilids_vid.LIST, "the ten halves (needs SciPy)"),
        ),
        "authors",
        "the authors' page of iLIDS-VID (Queen Mary University of London)",
        "for research only; the images belong to the UK Home Office",
        (Version(ilids_vid.PUBLISHED),),
        cameras=2,
        unit="tracklets",
    ),
    Entry(
        "prid_video",
        "PRID 2011, multi-shot",
        "people outdoors with at least 27 frames on each of two cameras; ten random halves",
        "Hirzer et al., Person Re-Identification by Descriptive and Discriminative Classification, SCIA 2011; protocol "
        "of Wang et al., Person Re-Identification by Video Ranking, ECCV 2014",
        (
            (f"{prid_video.FOLDERS[0]}/", "a folder of frames per person"),
            (f"{prid_video.FOLDERS[1]}/", "the same of the second camera"),
            (" or ".join(prid_video.LISTS), "optional: the halves of other toolkits; without it, our own"),
        ),
        "publisher",
        "the publisher's page of PRID 2011 (Graz University of Technology)",
        RESEARCH,
        (Version(prid_video.PUBLISHED),),
        cameras=2,
        unit="tracklets",
    ),
    Entry(
        "mars",
        "MARS",
        "people in front of a supermarket, in tracklets of a detector and tracker; distractors stay in the gallery",
        "Zheng et al., MARS: A Video Benchmark for Large-Scale Person Re-identification, ECCV 2016",
        (
            (f"{mars.TRAIN.images}/", "frames for training, a folder per person"),
            (f"{mars.TEST.images}/", "frames of the test"),
            (f"{mars.TRAIN.names}, {mars.TEST.names}", "names of the frames"),
            (f"{mars.TRAIN.tracks}, {mars.TEST.tracks}", "the tracklets (needs SciPy)"),
            (mars.QUERIES, "which of them are queries"),
        ),
        "authors",
        "the authors' page of MARS (Liang Zheng); the folder info comes with their code, MARS-evaluation",
        RESEARCH,
        (Version(mars.PUBLISHED),),
        cameras=6,
        unit="tracklets",
        people=1_261,
    ),
    Entry(
        "lfw",
        "LFW",
        "faces in press photographs: pairs to verify; any other list in the same format, too; for testing only",
        "Huang et al., Labeled Faces in the Wild: A Database for Studying Face Recognition in Unconstrained "
        "Environments, University of Massachusetts, technical report 07-49, 2007",
        (("Abel_Pacheco/, ...", "a folder per person: Abel_Pacheco_0001.jpg"), (lfw.LIST, "the pairs, in ten folds")),
        "publisher",
        "the publisher's page of LFW (University of Massachusetts, Amherst); pairs.txt is a file of its own there",
        "for research; the photographs come from news agencies",
        (Version(_pairs()),),
        unit="pairs",
        people=5_749,
        images=13_233,
        is_matched_across_cameras=False,
    ),
    Entry(
        "ijb",
        "IJB-C and IJB-B",
        "faces in stills and video frames, in templates to verify and to identify; for testing only",
        "Maze et al., IARPA Janus Benchmark - C: Face Dataset and Protocol, ICB 2018; Whitelam et al., IARPA Janus "
        "Benchmark-B Face Dataset, CVPR Workshops 2017",
        (
            (f"{ijb.IMAGES}/", "all images, loosely cropped: 1.jpg, ..."),
            ("meta/ijbc_face_tid_mid.txt", "template and media of each image"),
            ("meta/ijbc_name_5pts_score.txt", "landmarks and the detector's score"),
            ("meta/ijbc_template_pair_label.txt", "pairs of templates"),
            ("meta/ijbc_1N_gallery_G1.csv, ..._G2.csv", "galleries (IJB-B: S1, S2)"),
            ("meta/ijbc_1N_probe_mixed.csv", "who is searched"),
        ),
        "agreement",
        "a request to NIST, with its agreement signed; crops and lists in the layout of InsightFace's evaluation",
        "NIST's agreement; the lists alone may be passed on",
        tuple(_templates(benchmark) for benchmark in ijb.RELEASES),
        unit="",
        people=_people_in_galleries("IJB-C"),
        images=ijb.RELEASES["IJB-C"].published["images"],
        terms="agreement",
        is_matched_across_cameras=False,
    ),
    Entry(
        "folder",
        "a folder per identity",
        "your own photographs: identities are numbered in the order of their folders' names",
        "none: they are yours",
        (("anna/, ben/, ...", "one folder per identity, with that person's images (.jpg, .png) directly in it"),),
        "your own",
        "your own cameras; the camera is read from file names by camera_pattern, such as 'c([0-9]+)_'",
        "whatever the people in the photographs agreed to",
        terms="yours",
    ),
    Entry(
        "synthetic",
        "synthetic pedestrians",
        "people who never lived, rendered from a seed when first needed: for trying out, for tests, as a public set",
        "none: they are drawn by this program",
        (),
        "rendered",
        "rendered into the cache; `fedreid data synth` writes them in any other layout",
        "yours: nobody real is in them",
        terms="yours",
    ),
)
