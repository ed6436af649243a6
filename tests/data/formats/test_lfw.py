"""Pairs in LFW's format: folds, images named once, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats.face_lists import PairTable
from fedreid.data.formats.lfw import read_pairs
from fedreid.data.formats.pair_lists import pair_of
from fedreid.data.synthetic.layouts.lfw import Fold, list_text, write_people
from fedreid.errors import UserError

PEOPLE = {"Abel_Pacheco": 4, "Al-Sharaa": 2, "Zico": 3}
FOLDS: list[Fold] = [
    ([("Abel_Pacheco", 1, 4), ("Zico", 1, 2)], [("Al-Sharaa", 1, "Zico", 3), ("Abel_Pacheco", 2, "Zico", 1)]),
    ([("Zico", 2, 3), ("Al-Sharaa", 1, 2)], [("Abel_Pacheco", 1, "Al-Sharaa", 2), ("Zico", 1, "Al-Sharaa", 1)]),
]


def write(root: Path, text: str = "", people: Path | None = None, suffix: str = ".jpg") -> Path:
    write_people(people or root, PEOPLE, suffix=suffix)
    (root / "pairs.txt").write_text(text or list_text(FOLDS), encoding="utf-8")
    return root


def said(table: PairTable) -> list[tuple[str, str, bool, int]]:
    """(first image, second image, genuine, fold) of each pair."""
    rows = table.pairs.itertuples(index=False, name=None)
    return [(table.images[first], table.images[second], genuine, fold) for first, second, genuine, fold in rows]


def file(person: str, number: int, suffix: str = ".jpg") -> str:
    return f"{person}/{person}_{number:04d}{suffix}"


def expected(suffix: str = ".jpg") -> list[tuple[str, str, bool, int]]:
    pairs = []
    for fold, (genuine, impostors) in enumerate(FOLDS):
        pairs += [(file(who, a, suffix), file(who, b, suffix), True, fold) for who, a, b in genuine]
        pairs += [(file(one, a, suffix), file(two, b, suffix), False, fold) for one, a, two, b in impostors]
    return pairs


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".JPG"])
def test_what_was_written_is_read(tmp_path: Path, suffix: str) -> None:
    table = read_pairs("f", write(tmp_path, suffix=suffix), verify_counts=False)
    assert said(table) == expected(suffix)
    # Abel_Pacheco_0003 is in no pair; everything else is named once, sorted.
    assert table.images == tuple(
        file(who, number, suffix)
        for who, many in PEOPLE.items()
        for number in range(1, many + 1)
        if (who, number) != ("Abel_Pacheco", 3)
    )
    assert table.pairs["genuine"].dtype == bool
    assert table.notes == ("not LFW's own list of pairs: counts not verified",)


@pytest.mark.parametrize(
    "text",
    [
        list_text(FOLDS, with_head=False),
        list_text(FOLDS).replace("\t", " "),
        list_text(FOLDS).replace("\n", "\r\n"),
        "\ufeff" + list_text(FOLDS) + "\n\n",
    ],
    ids=["no first line", "spaces", "Windows", "byte order mark"],
)
def test_copies_of_a_list_are_read_alike(tmp_path: Path, text: str) -> None:
    assert said(read_pairs("f", write(tmp_path, text), verify_counts=False)) == expected()


def test_a_first_line_of_one_number_means_one_fold(tmp_path: Path) -> None:
    text = list_text(FOLDS[:1]).replace("1\t2\n", "2\n", 1)
    assert said(read_pairs("f", write(tmp_path, text), verify_counts=False)) == expected()[:4]


def test_only_images_named_after_their_folder_count(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "Zico" / "Zoe_0002.jpg").touch()
    (tmp_path / "Zico" / "Zico_0002.txt").touch()
    assert said(read_pairs("f", tmp_path, verify_counts=False)) == expected()


def test_names_may_be_in_any_script_and_hold_spaces_where_tabs_separate(tmp_path: Path) -> None:
    write_people(tmp_path / "mes visages", {"José Été": 2, "李": 1})
    text = "José Été\t1\t2\n李\t1\tJosé Été\t2\n"
    (tmp_path / "mes visages" / "pairs.txt").write_text(text, encoding="utf-8")
    assert said(read_pairs("f", tmp_path / "mes visages", verify_counts=False)) == [
        (file("José Été", 1), file("José Été", 2), True, 0),
        (file("李", 1), file("José Été", 2), False, 0),
    ]


@pytest.mark.parametrize("around", ["lfw", "lfw-deepfunneled", "lfw/lfw_funneled"])
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    table = read_pairs("f", write(tmp_path, people=tmp_path / around), verify_counts=False)
    assert table.root == tmp_path / around
    beside = read_pairs("f", tmp_path / "lfw", verify_counts=False) if around == "lfw" else table
    assert said(beside) == expected()


def test_a_list_of_ones_own_is_found_by_its_path(tmp_path: Path) -> None:
    write_people(tmp_path / "faces", PEOPLE)
    own = tmp_path / "own list.txt"
    own.write_text("Zico\t1\t2\nZico\t1\tAl-Sharaa\t1\n", encoding="utf-8")
    table = read_pairs("f", tmp_path / "faces", verify_counts=False, list_file=str(own))
    assert said(table) == [
        (file("Zico", 1), file("Zico", 2), True, 0),
        (file("Zico", 1), file("Al-Sharaa", 1), False, 0),
    ]


def test_the_published_counts_are_asserted(tmp_path: Path) -> None:
    write_people(tmp_path, {"A": 2, "B": 2})
    fold: Fold = ([("A", 1, 2)] * 300, [("A", 1, "B", 2)] * 300)
    (tmp_path / "pairs.txt").write_text(list_text([fold] * 10), encoding="utf-8")
    table = read_pairs("f", tmp_path)
    assert (len(table.pairs), table.pairs["genuine"].sum(), table.pairs["fold"].nunique()) == (6_000, 3_000, 10)
    assert table.notes == ()
    (tmp_path / "pairs.txt").write_text(list_text([fold] * 9), encoding="utf-8")
    with pytest.raises(UserError, match="expected 3,000 genuine pairs and 3,000 impostors in 10 folds, found 2,700"):
        read_pairs("f", tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3\t2\n" + list_text(FOLDS, with_head=False), r"first line says 3 folds of 2 .*; found 8 pairs in 2"),
        (list_text(FOLDS) + "Zico\t1\t2\n", r"first line says 2 folds of 2 .*; found 9 pairs in 3"),
        (list_text(FOLDS) + "Zico\t1\n", r"line 10: expected a name and two numbers, .* found 'Zico\\t1'"),
        (list_text(FOLDS) + "Zico\tone\ttwo\n", r"line 10: expected a name and two numbers"),
        ("Zico\t1\t9\n", r"line 1: there is no image .*/Zico/Zico_0009\.jpg"),
        ("Zico\t1\t2\nAnna\t1\t2\n", r"line 2: there is no image .*/Anna/Anna_0001\.jpg"),
        ("Nobody\t1\t2\nZico\t1\t2\n", r"pairs\.txt, line 1: there is no image .*/Nobody/Nobody_0001\.jpg"),
        ("N" * 300 + "\t1\t2\n", r"pairs\.txt, line 1: there is no image"),
        ("Zico\t1\t2\n../Zico\t1\t2\n", r"line 2: expected a name and two numbers"),
        ("2\t2\n", r"pairs\.txt: holds no pairs"),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_pairs("f", write(tmp_path, text), verify_counts=False)


def test_all_absent_images_are_counted_wherever_the_people_are(tmp_path: Path) -> None:
    write(tmp_path, "Nobody\t1\t2\nZico\t1\t2\nZico\t1\t9\nZico\t9\tNobody\t2\n", people=tmp_path / "lfw")
    with pytest.raises(UserError) as found:
        read_pairs("f", tmp_path, verify_counts=False)
    people, pairs = tmp_path / "lfw", next(tmp_path.rglob("pairs.txt"))
    assert str(found.value).splitlines() == [
        f"{pairs}, line 1: there is no image {people}/Nobody/Nobody_0001.jpg.",
        "  In all, 3 images are absent, also:",
        f"    {people}/Nobody/Nobody_0002.jpg ({pairs}, line 1)",
        f"    {people}/Zico/Zico_0009.jpg ({pairs}, line 3)",
        "  Unpack the archive again, or take the lines out of the list.",
    ]


def test_a_missing_folder_a_missing_list_and_another_encoding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no folder .*/absent\.\n.*pairs\.txt, one folder per person"):
        read_pairs("f", tmp_path / "absent")
    write_people(tmp_path, PEOPLE)
    with pytest.raises(UserError, match=r"there is no pairs\.txt in"):
        read_pairs("f", tmp_path)
    (tmp_path / "pairs.txt").write_bytes(b"J\xfcrgen\t1\t2\n")
    with pytest.raises(UserError, match=r"pairs\.txt: can't be read as a list of pairs \(text in UTF-8\)"):
        read_pairs("f", tmp_path)


names = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..")
)


@given(first=names, second=names, a=st.integers(0, 9999), b=st.integers(0, 9999))
def test_a_pair_that_was_written_is_read_back(first: str, second: str, a: int, b: int) -> None:
    genuine = pair_of(f"{first}\t{a}\t{b}\n")
    assert genuine is not None
    assert (genuine.first, genuine.second, genuine.genuine) == ((first, a), (first, b), True)
    impostor = pair_of(f"{first} {a} {second} {b}")
    assert impostor is not None
    assert (impostor.first, impostor.second, impostor.genuine) == ((first, a), (second, b), False)


@given(st.text(max_size=40))
def test_any_line_is_read_or_refused_without_a_crash(text: str) -> None:
    pair = pair_of(text)
    assert pair is None or (pair.first[0] in text and "/" not in pair.first[0] + pair.second[0])
