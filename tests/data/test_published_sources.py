"""Every published format, named in a scenario: as a client, as unseen, and by its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from fedreid.data.sources import SPLITS, read_source
from fedreid.data.synthetic import writing as synth
from fedreid.data.synthetic.writing import LayoutSize, write_layout
from fedreid.data.tables import ImageTable
from fedreid.errors import UserError
from fedreid.scenario.schema import DataSettings
from fedreid.scenario.source_schema import TESTS_ONLY, Source, is_unseen

TINY = LayoutSize(identities=3, test_identities=3, cameras=2, images_per_camera=2, seed=3)
FORMATS = [get_args(each.model_fields["format"].annotation)[0] for each in get_args(get_args(Source)[0])]
PUBLISHED = [name for name in FORMATS if name not in (*TESTS_ONLY, "folder", "synthetic")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synth, "TWIN", TINY)


def read(cache: Path, *, twin: bool = True, **settings: Any) -> ImageTable:
    source = TypeAdapter(Source).validate_python({"path": "absent", **settings})
    data = DataSettings(root=str(cache), cache=str(cache), synthetic_twin=twin, sources={"x": source})
    return read_source("x", source, data)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_format_as_a_client_and_as_unseen(name: str, cache: Path) -> None:
    client = read(cache, format=name)
    assert set(client.frame["split"]) == {"train", "query", "gallery"}
    assert not client.draws
    assert all((client.root / path).is_file() for path in client.frame["path"])
    unseen = read(cache, format=name, role="unseen")
    assert "train" not in set(unseen.frame["split"])
    number = 0 if name == "cuhk03" else SPLITS.get(name, 0)  # only its classic protocol has splits
    assert len(unseen.draws) == number
    for draw in unseen.draws:
        assert set(draw["split"]) == {"query", "gallery"}
        assert set(draw["path"]) <= set(unseen.frame["path"])


def test_a_split_can_be_chosen_and_means_what_the_reader_means(cache: Path) -> None:
    halves = [read(cache, format="viper", split=split).frame for split in (0, 2)]
    assert not halves[0].equals(halves[1])
    one = read(cache, format="viper", role="unseen", split=2)
    assert not one.draws
    assert one.frame.equals(halves[1][halves[1]["split"] != "train"].reset_index(drop=True))
    with pytest.raises(UserError, match=r"data.sources.x.split = 20: expected 0 to 19"):
        read(cache, format="viper", split=20)


def test_the_classic_protocol_of_cuhk03_is_a_mean_over_twenty_splits(cache: Path) -> None:
    assert len(read(cache, format="cuhk03", role="unseen", protocol="classic").draws) == 20


def test_options_reach_their_reader(cache: Path) -> None:
    few, many = (read(cache, format="ilids_vid", frames_per_tracklet=number).frame for number in (1, 2))
    assert len(many) > len(few)
    with_others = read(cache, format="market1501", distractors_500k=True, verify_counts=False)
    assert len(with_others.frame) > len(read(cache, format="market1501").frame)
    assert read(cache, format="msmt17", version="V2").frame["path"].str.startswith("mask_").all()
    validation = [len(read(cache, format="msmt17", with_validation=each).frame) for each in (False, True)]
    assert validation[0] < validation[1]
    others = [
        (read(cache, format="grid", split=0, distractors=each).frame["identity"] == 0).sum() for each in (False, True)
    ]
    assert others[0] == 0 < others[1]


def test_a_twin_needs_no_dataset_and_a_real_one_has_its_counts_compared(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        read(tmp_path, twin=False, format="viper")
    write_layout("viper", tmp_path / "absent", TINY)
    with pytest.raises(UserError, match=r"(?s)expected 632 training images.*verify_counts = false"):
        read(tmp_path, twin=False, format="viper")
    assert len(read(tmp_path, twin=False, format="viper", verify_counts=False).frame)


def test_faces_are_always_unseen() -> None:
    for name in TESTS_ONLY:
        assert is_unseen(TypeAdapter(Source).validate_python({"format": name, "path": "x"}))
