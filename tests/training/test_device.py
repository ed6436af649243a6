"""Where networks run, at which precision, with how many threads."""

from __future__ import annotations

import pytest
import torch

from fedreid.errors import UserError
from fedreid.scenario.schema import RuntimeSettings
from fedreid.training.device import choose_device, torch_threads


@pytest.mark.parametrize(
    ("device", "precision", "has_cuda", "expected"),
    [
        ("auto", "auto", False, ("cpu", False)),
        ("auto", "auto", True, ("cuda", True)),
        ("auto", "float32", True, ("cuda", False)),
        ("cuda", "bf16", True, ("cuda", True)),
        ("cpu", "auto", True, ("cpu", False)),
        ("auto", "bf16", False, ("cpu", True)),
    ],
)
def test_a_gpu_is_used_in_bfloat16_where_there_is_one_unless_the_scenario_says_otherwise(
    device: str, precision: str, has_cuda: bool, expected: tuple[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    found, bf16 = choose_device(RuntimeSettings(device=device, precision=precision))  # type: ignore[arg-type]
    assert (found.type, bf16) == expected


def test_a_gpu_that_is_asked_for_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(
        UserError, match=r"runtime.device = cuda, but torch sees no GPU here. Use runtime.device = auto"
    ):
        choose_device(RuntimeSettings(device="cuda"))


def test_threads_are_given_back_also_after_an_error() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 2):
        assert torch.get_num_threads() == before + 2
    with pytest.raises(ValueError, match="stop"), torch_threads(before + 3):
        raise ValueError("stop")
    assert torch.get_num_threads() == before
