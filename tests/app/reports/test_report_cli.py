"""danlu report export."""

from pathlib import Path

import pytest
from rest import Rest
from typer.testing import CliRunner
from written import written

from danlu.cli import app


def test_a_report_is_written_to_a_file(rest: Rest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANLU_URL", rest.served.url)
    made = written(rest)
    for name, start in (("a.html", b"<!DOCTYPE html>"), ("a.PDF", b"%PDF-")):
        done = CliRunner().invoke(app, ["report", "export", str(made["id"]), str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).read_bytes().startswith(start)
    for arguments, words in (
        (["99", str(tmp_path / "b.html")], "There is no report 99."),
        (["1", str(tmp_path / "b.docx")], "neither .html nor .pdf"),
        (["1", str(tmp_path / "none" / "b.pdf")], "no folder"),
    ):
        refused = CliRunner().invoke(app, ["report", "export", *arguments])
        assert refused.exit_code == 2
        assert words in refused.output
    assert not (tmp_path / "b.html").exists()
