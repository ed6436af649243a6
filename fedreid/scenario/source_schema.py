"""A federation's datasets: one class for each format on disk, named as the literature names the dataset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fedreid.scenario.settings import NotNegative, Positive, Seed, Settings

FORMAT = "how the dataset lies on disk"
PATH = "the dataset's folder; relative paths start at data.root"


class PublishedSource(Settings):
    """What every published dataset has."""

    path: str = Field(description=PATH)
    verify_counts: bool = Field(default=True, description="refuse a copy that doesn't have the published counts")
    role: Literal["clients", "unseen"] = Field(
        default="clients", description="unseen: nobody trains on it; its query and gallery are for generic evaluation"
    )


class DrawnSource(PublishedSource):
    """A dataset whose protocol is a mean over random halves."""

    split: Annotated[int, Field(ge=-1)] = Field(
        default=-1,
        description="which half of the protocol, from 0; -1: the mean over all where it is unseen, else 0",
    )


class TrackletSource(PublishedSource):
    """A video dataset: tracklets, whose frames serve as images."""

    frames_per_tracklet: NotNegative = Field(
        default=4, description="evenly spaced frames of each tracklet that are used; 0: all"
    )


class DrawnTrackletSource(DrawnSource, TrackletSource):
    """A video dataset whose protocol is a mean over random halves."""


class Market1501Source(PublishedSource):
    """Images in Market-1501's layout: bounding_box_train, query, bounding_box_test; names like 0002_c1s1_000451_03.jpg.

    Junk images (identity -1) are dropped; distractors (0000) stay in the gallery.
    """

    format: Literal["market1501"] = Field(description=FORMAT)
    distractors_500k: bool = Field(
        default=False, description="add the 500,000 further distractors (folder images) to the gallery"
    )


class DukeSource(PublishedSource):
    """DukeMTMC-reID, three folders like Market-1501's. Withdrawn by its publisher: for a copy that you have."""

    format: Literal["dukemtmc"] = Field(description=FORMAT)


class Cuhk03Source(PublishedSource):
    """CUHK03: the release (cuhk-03.mat and the lists of the new protocol) or the re-packed CUHK03-NP folders."""

    format: Literal["cuhk03"] = Field(description=FORMAT)
    boxes: Literal["detected", "labelled"] = Field(default="detected", description="drawn by a detector, or by hand")
    protocol: Literal["new", "classic"] = Field(
        default="new", description="new: 767 people train, 700 test; classic: 20 splits of 1,367 and 100"
    )
    split: Annotated[int, Field(ge=-1)] = Field(
        default=-1, description="of the classic protocol, from 0; -1: the mean over all where it is unseen, else 0"
    )


class Msmt17Source(PublishedSource):
    """MSMT17 with its lists: list_train.txt, list_val.txt, list_query.txt, list_gallery.txt."""

    format: Literal["msmt17"] = Field(description=FORMAT)
    version: Literal["", "V1", "V2"] = Field(default="", description="V2 has blurred faces; empty: whichever is there")
    with_validation: bool = Field(default=False, description="train on the validation list, too")


class ViperSource(DrawnSource):
    """VIPeR: cam_a and cam_b; 10 random halves in both directions."""

    format: Literal["viper"] = Field(description=FORMAT)


class GridSource(DrawnSource):
    """GRID: probe, gallery and features_and_partitions.mat; the vendor's 10 halves."""

    format: Literal["grid"] = Field(description=FORMAT)
    distractors: bool = Field(default=True, description="keep the 775 others in the gallery, as published figures do")


class IlidsSource(DrawnSource):
    """iLIDS stills: Persons/0001001.jpg; 10 random halves."""

    format: Literal["ilids"] = Field(description=FORMAT)


class PridSource(DrawnSource):
    """PRID 2011 single-shot; 10 random halves of the 200 people on both cameras."""

    format: Literal["prid"] = Field(description=FORMAT)


class Cuhk01Source(DrawnSource):
    """CUHK01: campus/0001001.png; 10 random halves in both directions. Its people are part of CUHK02."""

    format: Literal["cuhk01"] = Field(description=FORMAT)


class Cuhk02Source(PublishedSource):
    """CUHK02: P1 to P5, of which P5 is the test."""

    format: Literal["cuhk02"] = Field(description=FORMAT)


class Pes3dSource(DrawnSource):
    """3DPeS: names like 100_3_FRAME_26_RGB.bmp; 10 random halves."""

    format: Literal["3dpes"] = Field(description=FORMAT)


class IlidsVidSource(DrawnTrackletSource):
    """iLIDS-VID: sequences/cam1 and cam2; the vendor's 10 halves."""

    format: Literal["ilids_vid"] = Field(description=FORMAT)


class PridVideoSource(DrawnTrackletSource):
    """PRID 2011 multi-shot; 10 random halves of 178 people."""

    format: Literal["prid_video"] = Field(description=FORMAT)


class MarsSource(TrackletSource):
    """MARS: bbox_train, bbox_test and info."""

    format: Literal["mars"] = Field(description=FORMAT)
    distractors: bool = Field(default=True, description="keep identity 0 in the gallery")
    queries_in_gallery: bool = Field(
        default=False, description="let queries be found by queries of the same person on other cameras, too"
    )


class LfwSource(Settings):
    """Pairs of faces in LFW's format, for generic evaluation: a folder per person and pairs.txt."""

    format: Literal["lfw"] = Field(description=FORMAT)
    path: str = Field(description=PATH)
    verify_counts: bool = Field(default=True, description="refuse a list that isn't LFW's own of 6,000 pairs")
    list: str = Field(default="pairs.txt", description="the list of pairs, in or beside the dataset's folder")


class IjbSource(Settings):
    """Templates of faces in the format of IJB-C, for generic evaluation: loose_crop and meta."""

    format: Literal["ijb"] = Field(description=FORMAT)
    path: str = Field(description=PATH)
    verify_counts: bool = Field(default=True, description="refuse lists that aren't the published ones")
    benchmark: Literal["IJB-C", "IJB-B"] = Field(default="IJB-C", description="which one: names of its lists")
    align: bool = Field(
        default=True, description="turn and scale each face by its landmarks to ArcFace's template, instead of resizing"
    )


class FolderSource(Settings):
    """A plain folder with one sub-folder per identity."""

    format: Literal["folder"] = Field(description=FORMAT)
    path: str = Field(description=PATH)
    camera_pattern: str = Field(
        default="",
        description="regular expression whose first group is the camera in a file name; empty: cameras unknown",
    )
    test_identities: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.25, description="share of the identities kept for generic evaluation: nobody trains on them"
    )


class SyntheticSource(Settings):
    """Synthetic pedestrians, rendered once from a seed into the cache, in Market-1501's layout."""

    format: Literal["synthetic"] = Field(description="how the dataset lies on disk: rendered when first needed")
    identities: Positive = Field(default=120, description="identities for training")
    test_identities: NotNegative = Field(default=40, description="further identities, for query and gallery")
    cameras: Annotated[int, Field(ge=1, le=99)] = Field(default=4, description="cameras of the site")
    images_per_camera: Positive = Field(default=4, description="images of each identity on each camera that sees it")
    domain: NotNegative = Field(
        default=0, description="which site: shifts clothing, light, colour, blur and backgrounds"
    )
    seed: Seed = Field(default=0, description="seed of the pedestrians")


Source = Annotated[
    Market1501Source | DukeSource | Cuhk03Source | Msmt17Source | ViperSource | GridSource | IlidsSource | PridSource
    | Cuhk01Source | Cuhk02Source | Pes3dSource | IlidsVidSource | PridVideoSource | MarsSource | LfwSource | IjbSource
    | FolderSource | SyntheticSource,
    Field(discriminator="format"),
]  # fmt: skip
TESTS_ONLY = ("lfw", "ijb")  # formats that hold no training images


def is_unseen(source: Source) -> bool:
    """Whether nobody trains on a source."""
    return source.format in TESTS_ONLY or getattr(source, "role", "clients") == "unseen"
