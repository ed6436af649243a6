"""What every partition promises, whatever it divides and however, and that a broken promise is noticed."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.data.partition import partition
from fedreid.data.splits import PERSON, PUBLIC, Split, check_disjoint
from fedreid.data.tables import ImageTable
from fedreid.errors import UserError
from fedreid.scenario.schema import PartitionSettings
from tests.data.made_up import of_rows
from tests.data.partitions import people, sizes

TABLES = st.builds(
    lambda counts, cameras, test_people: of_rows(
        "x",
        [
            (f"{person:03d}_{image}", person, image % cameras, "train")
            for person, count in enumerate(counts)
            for image in range(count)
        ]
        + [(f"q{person}", 900 + person, 0, "query") for person in range(test_people)]
        + [(f"g{person}", 900 + person, 1, "gallery") for person in range(test_people)],
    ),
    st.lists(st.integers(1, 6), min_size=6, max_size=25),
    st.integers(1, 3),
    st.integers(0, 2),
)


@settings(max_examples=60, deadline=None)
@given(
    site=TABLES,
    by=st.sampled_from(["identity", "camera", "dataset", "dirichlet"]),
    clients=st.integers(1, 4),
    public=st.integers(-1, 6),
    alpha=st.sampled_from([1e-9, 0.1, 1.0, 1e6]),
    share=st.sampled_from([0.1, 0.4, 0.9]),
    seed=st.integers(0, 2**32 - 1),
)
def test_promises_of_every_partition(
    site: ImageTable, by: str, clients: int, public: int, alpha: float, share: float, seed: int
) -> None:
    tables = {"one": site, "two": site}
    wanted = PartitionSettings(by=by, clients=clients, public_identities=public, alpha=alpha, held_out=share)  # type: ignore[arg-type]
    try:
        split = partition(tables, wanted, seed)
    except UserError:
        return  # too few for this many clients: the errors have tests of their own
    assert split == partition(tables, wanted, seed)
    frame = split.frame
    assert not frame.duplicated(["source", "row"]).any()
    for name, rows in frame.groupby("source"):
        taken = tables[str(name)].frame.iloc[rows["row"].to_numpy()]
        assert (
            taken[["path", "identity", "camera"]].values.tolist()
            == rows[["path", "identity", "camera"]].values.tolist()
        )
        assert ((taken["split"] == "train").to_numpy() == ~rows["part"].str.startswith("generic").to_numpy()).all()
    private = frame[frame["part"].str.startswith("client")]
    assert not set(people(split, PUBLIC)) & set(private[PERSON].itertuples(index=False, name=None))
    assert len(people(split, PUBLIC)) == max(public, 0)
    assert min(sizes(split)) >= 2
    if by != "camera":
        assert private.groupby(PERSON)["part"].nunique().max() == 1
        assert len(private) + len(split.part(PUBLIC)) == 2 * (site.frame["split"] == "train").sum()  # nobody is lost
    for _, images in private.groupby(["part", *PERSON]):
        held = int((images["use"] == "held_out").sum())
        assert held == (min(max(int(share * len(images) + 0.5), 1), len(images) - 1) if len(images) > 1 else 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"row": [0, 0, 2]}, "an image is in two parts"),
        ({"part": [PUBLIC, "client-000", "client-000"]}, "both public and private"),
        ({"part": ["client-000", "client-001", "client-001"]}, "two clients"),
    ],
)
def test_a_broken_promise_is_noticed(change: dict[str, list[Any]], says: str) -> None:
    frame = pd.DataFrame({"part": "client-000", "source": "a", "row": [0, 1, 2], "identity": [1, 1, 2]})
    check_disjoint(Split(frame))
    with pytest.raises(AssertionError, match=says):
        check_disjoint(Split(frame.assign(**change)))
