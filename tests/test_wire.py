"""What crosses between server and clients: without copies, as Flower would write it, and only what may leave."""

from __future__ import annotations

import pickle
from collections.abc import Mapping

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from hypothesis import given
from hypothesis import strategies as st
from ray import cloudpickle

from fedreid import wire
from fedreid.models.flat import FlatArrays, Layout
from tests.messages import message, sent

MODEL = {"conv1.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4), "bn1.bias": np.array([1.5, -2.5])}


def answer(metrics: Mapping[str, object] | None = None, arrays: dict[str, np.ndarray] | None = None) -> Message:
    """A reply to MODEL."""
    content = RecordDict({wire.METRICS: MetricRecord(dict(metrics or {}))})  # type: ignore[arg-type]
    if arrays is not None:
        content[wire.ARRAYS] = wire.to_record(arrays)
    return Message(content, reply_to=sent(MODEL))


# Arrays without copies


def test_arrays_go_in_and_out_of_a_record_without_a_copy() -> None:
    found = wire.to_arrays(wire.to_record(MODEL))
    assert list(found) == list(MODEL)
    assert all(np.shares_memory(found[name], MODEL[name]) for name in MODEL)


def test_pickled_as_ray_does_it_the_values_stay_out_of_band_and_arrive_without_a_copy() -> None:
    large = {"weight": np.arange(100_000, dtype=np.float32)}
    buffers: list[object] = []
    header = cloudpickle.dumps(wire.to_record(large), protocol=5, buffer_callback=buffers.append)
    assert len(header) < 2000, "400,000 bytes of values aren't in it"
    assert len(buffers) == 1
    found = wire.to_arrays(cloudpickle.loads(header, buffers=buffers))
    np.testing.assert_array_equal(found["weight"], large["weight"])
    assert np.shares_memory(found["weight"], large["weight"])


def test_pickled_whole_messages_arrive_with_their_values() -> None:
    content = wire.instruction(wire.to_record(MODEL), "/runs/a", 3, evaluate=True)
    found = cloudpickle.loads(cloudpickle.dumps(content))
    assert dict(found[wire.CONFIG]) == {"run-dir": "/runs/a", "server-round": 3, "evaluate": True}
    for name, array in wire.to_arrays(found[wire.ARRAYS]).items():
        np.testing.assert_array_equal(array, MODEL[name])


@pytest.mark.parametrize("array", [*MODEL.values(), np.array(7, np.float32), np.zeros((0, 3), np.float16)])
def test_on_flowers_own_wire_an_array_has_the_bytes_and_the_id_of_flowers_own(array: np.ndarray) -> None:
    ours, theirs = wire.NumpyArray(array), Array(array)
    assert ours.deflate() == theirs.deflate()
    assert ours.object_id == theirs.object_id
    assert (ours.dtype, tuple(ours.shape), ours.stype) == (theirs.dtype, tuple(theirs.shape), theirs.stype)


def test_a_record_inflated_by_flower_holds_the_same_values() -> None:
    record = wire.to_record(MODEL)
    assert record.object_id == ArrayRecord({name: Array(array) for name, array in MODEL.items()}).object_id
    ours = record["conv1.weight"]
    inflated = Array.inflate(ours.deflate(), ours.children)
    np.testing.assert_array_equal(inflated.numpy(), MODEL["conv1.weight"])


def test_bytes_are_those_of_the_values() -> None:
    assert wire.count_bytes(wire.to_record(MODEL)) == 2 * 3 * 4 * 4 + 2 * 8
    assert wire.count_bytes(ArrayRecord({"x": Array(np.zeros((5, 2), np.float16))})) == 5 * 2 * 2
    assert wire.count_bytes(wire.to_record({"scalar": np.array(1.0, np.float32), "none": np.zeros((0, 9))})) == 4


# What is in a message


def test_an_instruction_without_a_model_carries_settings_only() -> None:
    content = wire.instruction(None, "/runs/a", 0)
    assert list(content) == [wire.CONFIG]
    assert wire.config_of(message(content)) == {"run-dir": "/runs/a", "server-round": 0}


def test_a_reply_gives_back_its_numbers_and_arrays() -> None:
    reply = wire.reply(sent(MODEL), {"loss": 0.5, "num-examples": 7}, MODEL)
    assert wire.metrics_of(reply) == {"loss": 0.5, "num-examples": 7}
    assert np.shares_memory(wire.arrays_of(reply)["bn1.bias"], MODEL["bn1.bias"])
    assert wire.ARRAYS not in wire.reply(sent(MODEL), {}).content


def test_an_error_reply_carries_its_cause_in_one_line() -> None:
    reply = wire.error_reply(sent(MODEL), ValueError("images.npy is damaged.\n  Remove it and try again."))
    assert reply.has_error()
    assert reply.error.reason == "ValueError: images.npy is damaged. Remove it and try again."


# What may leave


def test_what_a_client_may_send_passes() -> None:
    metrics = dict.fromkeys([*wire.ALLOWED_METRICS, "generic:mAP:market1501", "generic:rank1:shop"], 1.0)
    wire.check_reply(sent(MODEL), answer(metrics, MODEL))


def test_error_replies_pass() -> None:
    wire.check_reply(sent(MODEL), wire.error_reply(sent(MODEL), ValueError("loss is nan")))


def test_an_array_that_was_not_sent_must_not_leave() -> None:
    with pytest.raises(wire.PrivacyError, match="array proxies is not one that the server sent"):
        wire.check_reply(sent(MODEL), answer(arrays={**MODEL, "proxies": np.zeros((3, 4))}))


def test_an_array_of_another_shape_must_not_leave() -> None:
    disguised = {**MODEL, "bn1.bias": np.zeros((3, 4))}
    with pytest.raises(wire.PrivacyError, match=r"array bn1.bias has shape \(3, 4\), the server sent \(2,\)"):
        wire.check_reply(sent(MODEL), answer(arrays=disguised))


def test_no_array_may_answer_a_message_without_a_model() -> None:
    question = message(wire.instruction(None, "/runs/a", 0), "query")
    with pytest.raises(wire.PrivacyError, match="not one that the server sent"):
        wire.check_reply(question, answer(arrays=MODEL))


@given(st.text(min_size=1, max_size=20))
def test_an_array_of_any_other_name_must_not_leave(name: str) -> None:
    if name not in MODEL:
        with pytest.raises(wire.PrivacyError):
            wire.check_reply(sent(MODEL), answer(arrays={name: np.zeros(2)}))


@given(st.text(max_size=20))
def test_a_metric_of_any_other_name_must_not_leave(name: str) -> None:
    if name not in wire.ALLOWED_METRICS and not name.startswith(wire.OPEN_SET_PREFIXES):
        with pytest.raises(wire.PrivacyError, match="is not on the list of what a client may report"):
            wire.check_reply(sent(MODEL), answer({"loss": 1.0, name: 1.0}))


@pytest.mark.parametrize("name", ["loss", "generic:mAP:market1501"])
def test_a_list_must_not_leave_under_the_name_of_a_metric(name: str) -> None:
    """A list is long enough for features."""
    with pytest.raises(wire.PrivacyError, match=f"metric {name} is a list"):
        wire.check_reply(sent(MODEL), answer({name: [1.0, 2.0]}))


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("features", wire.to_record(MODEL)),
        ("more", MetricRecord({"loss": 1.0})),
        (wire.CONFIG, ConfigRecord({"image": b"jpeg"})),
        (wire.METRICS, ConfigRecord({"image": b"jpeg"})),
        (wire.ARRAYS, MetricRecord({"loss": 1.0})),
    ],
)
def test_no_further_record_and_none_of_another_kind_may_leave(name: str, record: object) -> None:
    with pytest.raises(wire.PrivacyError, match=f"record {name} .* must not leave the client"):
        wire.check_reply(sent(MODEL), Message(RecordDict({name: record}), reply_to=sent(MODEL)))  # type: ignore[dict-item]


def in_one_block() -> FlatArrays:
    layout = Layout(names=("a", "b"), shapes=((2, 2), (1,)), strides=((1, 2), (1,)), offsets=(0, 16), size=17)
    return FlatArrays(layout, np.arange(17, dtype=np.float32))


def test_a_block_crosses_as_one_buffer_and_keeps_its_arrays():
    buffers: list[pickle.PickleBuffer] = []
    header = cloudpickle.dumps(wire.to_record(in_one_block()), protocol=5, buffer_callback=buffers.append)
    assert len(buffers) == 1
    record = cloudpickle.loads(header, buffers=buffers)
    assert {name: array.tolist() for name, array in wire.to_arrays(record).items()} == {
        "a": [[0, 2], [1, 3]],
        "b": [16],
    }
    assert wire.count_bytes(record) == 5 * 4


def test_on_flowers_own_wire_a_block_is_a_record_like_any_other():
    ours = wire.to_record(in_one_block())
    theirs = ArrayRecord({name: Array(array) for name, array in in_one_block().items()})
    assert (ours.deflate(), ours.object_id) == (theirs.deflate(), theirs.object_id)


def test_an_array_that_is_set_later_is_not_forgotten():
    record = wire.to_record(in_one_block())
    record["b"] = wire.NumpyArray(np.array([5.0], np.float32))
    again = pickle.loads(pickle.dumps(record))
    assert {name: array.tolist() for name, array in wire.to_arrays(again).items()} == {"a": [[0, 2], [1, 3]], "b": [5]}


def test_a_block_of_another_layout_is_checked_array_by_array():
    layout = Layout(names=("a", "secret"), shapes=((2, 2), (1,)), strides=((1, 2), (1,)), offsets=(0, 16), size=17)
    message = sent(in_one_block())
    answer = wire.reply(message, {wire.NUM_EXAMPLES: 1}, FlatArrays(layout, np.zeros(17, np.float32)))
    with pytest.raises(wire.PrivacyError, match="secret"):
        wire.check_reply(message, answer)


@pytest.mark.parametrize(
    "name",
    [
        "TAR@FAR=1e-4", "TPIR@FPIR=1e-2", "genuine_pairs", "local_model:mAP", "local_model:TAR@FAR=1e-4",
        "generic:TPIR@FPIR=1e-1:market1501",
    ],
)  # fmt: skip
def test_scores_of_verification_and_of_other_models_may_leave(name: str) -> None:
    wire.check_reply(sent(MODEL), answer({name: 1.0}))


@pytest.mark.parametrize(
    "name", ["local_model:", "local_model:feature", "generic:feature:a", "generic:mAP", "features:mAP"]
)
def test_what_only_looks_like_a_score_must_not(name: str) -> None:
    with pytest.raises(wire.PrivacyError, match="is not on the list"):
        wire.check_reply(sent(MODEL), answer({name: 1.0}))


def test_private_proxies_pass_only_where_the_message_says_so_and_as_one_matrix() -> None:
    allowed = message(wire.instruction(wire.to_record(MODEL), "/runs/a", 1, **{wire.SHARES_PRIVATE_PROXIES: True}))
    plain = message(wire.instruction(wire.to_record(MODEL), "/runs/a", 1))
    proxies = np.zeros((3, 4), np.float32)
    wire.check_reply(allowed, wire.reply(allowed, {"loss": 1.0}, MODEL, private_proxies=proxies))
    with pytest.raises(wire.PrivacyError, match="private-proxies"):
        wire.check_reply(plain, wire.reply(plain, {"loss": 1.0}, MODEL, private_proxies=proxies))
    with pytest.raises(wire.PrivacyError, match="one array"):
        wire.check_reply(allowed, wire.reply(allowed, {"loss": 1.0}, MODEL, private_proxies=np.zeros(3)))
    smuggled = wire.reply(allowed, {"loss": 1.0}, MODEL)
    smuggled.content[wire.PRIVATE_PROXIES] = wire.to_record({"proxies": proxies, "features": proxies})
    with pytest.raises(wire.PrivacyError, match="one array"):
        wire.check_reply(allowed, smuggled)


def test_a_block_is_a_record_like_any_other_whichever_way_it_is_asked_first() -> None:
    def block() -> ArrayRecord:
        return wire.to_record(in_one_block())

    plain = wire.to_record({name: array.copy() for name, array in in_one_block().items()})
    same = {name: array.numpy().tolist() for name, array in plain.items()}
    assert list(block()) == list(block().keys()) == [name for name, _ in block().items()] == list(same)
    assert len(block()) == len(block().values()) == len(same)
    assert all(name in block() for name in same)
    assert "nobody" not in block()
    assert {name: array.numpy().tolist() for name, array in block().copy().items()} == same
    assert {name: block()[name].numpy().tolist() for name in same} == same
    assert pickle.loads(pickle.dumps(block().copy())).keys() == plain.keys()
    assert repr(block()).startswith("{'")
    assert block().count_bytes() == plain.count_bytes()
    one = block()
    del one[next(iter(same))]
    assert len(one) == len(same) - 1
    assert one != block()
    assert wire.flat_of(one) is None
