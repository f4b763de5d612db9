from pathlib import Path
from typing import Any

import pytest
from readback import event_files, values
from tensorboard.plugins.hparams import api_pb2, metadata

from danlu.board import write_session_end, write_session_start
from danlu.events import EventWriter


def start_info(folder: Path) -> Any:
    ((_, value),) = values(folder)[metadata.SESSION_START_INFO_TAG]
    return metadata.parse_session_start_info_plugin_data(value.metadata.plugin_data.content)


def end_info(folder: Path) -> Any:
    ((_, value),) = values(folder)[metadata.SESSION_END_INFO_TAG]
    return metadata.parse_session_end_info_plugin_data(value.metadata.plugin_data.content)


def test_params_keep_their_types_and_what_has_none_becomes_a_string(tmp_path: Path) -> None:
    params = {
        "flag": False,
        "lr": 1e-4,
        "epochs": 100,
        "name": "精",
        "none": None,
        "list": [1, "a"],
        "map": {"a": 1},
        "nan": float("nan"),
        "big": 2**60 + 1,
        "huge": 10**400,
        "surrogate": "\ud800",
    }
    write_session_start(tmp_path, params, "seeds of one setting")
    info = start_info(tmp_path)
    kinds = {name: value.WhichOneof("kind") for name, value in info.hparams.items()}
    assert {name for name, kind in kinds.items() if kind == "bool_value"} == {"flag"}
    assert {name for name, kind in kinds.items() if kind == "number_value"} == {"lr", "epochs"}
    texts = {name: info.hparams[name].string_value for name, kind in kinds.items() if kind == "string_value"}
    assert texts == {
        "name": "精",
        "none": "None",
        "list": '[1, "a"]',
        "map": '{"a": 1}',
        "nan": "nan",
        "big": str(2**60 + 1),
        "huge": str(10**400),
        "surrogate": "?",
    }
    assert info.group_name == "seeds of one setting"
    assert info.start_time_secs > 1e9
    assert metadata.EXPERIMENT_TAG not in values(tmp_path)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("succeeded", api_pb2.STATUS_SUCCESS),
        ("failed", api_pb2.STATUS_FAILURE),
        ("cancelled", api_pb2.STATUS_UNKNOWN),
    ],
)
def test_the_outcome_is_recorded(tmp_path: Path, status: str, shown: int) -> None:
    write_session_end(tmp_path, status)
    assert end_info(tmp_path).status == shown
    assert end_info(tmp_path).end_time_secs > 1e9


def test_an_open_writer_serves_too(tmp_path: Path) -> None:
    with EventWriter(tmp_path) as writer:
        write_session_start(writer, {})
        write_session_end(writer, "failed")
    assert len(event_files(tmp_path)) == 1
    assert end_info(tmp_path).status == api_pb2.STATUS_FAILURE


def test_another_status_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="running"):
        write_session_end(tmp_path, "running")
    assert event_files(tmp_path) == []
