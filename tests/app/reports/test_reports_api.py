"""Reports over REST: writing, conflicts, rights, and what the two files hold."""

import re
import xml.etree.ElementTree as ET
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader
from rest import Rest
from served import Served
from written import BODY, TITLE, written

from app.reports.schemas import ReportList, ReportOut


def test_a_report_from_writing_to_deletion(rest: Rest) -> None:
    rest.submit()
    answer = rest.post("/reports", {"title": "First", "body": "# Hello", "experiment": "exp"})
    made = answer.json()
    ReportOut.model_validate(made)
    assert answer.headers["etag"] == f'"{made["updated_at"]}"'
    assert answer.headers["location"] == made["links"]["self"]
    listed = rest.get("/reports", experiment="exp").json()
    ReportList.model_validate(listed)
    assert [one["id"] for one in listed["items"]] == [made["id"]]
    second = rest.post("/reports", {"title": "Of nothing"}).json()
    assert second["experiment"] is None
    page = rest.get("/reports", limit=1).json()
    assert [one["id"] for one in page["items"]] == [second["id"]]
    assert [one["id"] for one in rest.get("/reports", cursor=page["next"]).json()["items"]] == [made["id"]]
    assert rest.http.delete(f"/api/v1/reports/{made['id']}").status_code == 204
    assert rest.get(f"/reports/{made['id']}").status_code == 404


def test_who_was_slower_sees_both(rest: Rest) -> None:
    made = rest.post("/reports", {"title": "A", "body": "one"}).json()
    url = f"/api/v1/reports/{made['id']}"
    etag = rest.http.get(url).headers["etag"]
    first = rest.http.patch(url, json={"body": "two"}, headers={"If-Match": etag})
    assert (first.status_code, first.json()["body"]) == (200, "two")
    for late in (
        rest.http.patch(url, json={"body": "three"}, headers={"If-Match": etag}),
        rest.http.patch(url, json={"body": "three", "updated_at": made["updated_at"]}),
    ):
        assert late.status_code == 409
        assert late.json()["present"] == first.json()
    now = rest.http.patch(url, json={"body": "three", "updated_at": first.json()["updated_at"]})
    assert now.json()["body"] == "three"
    assert rest.http.patch(url, json={"title": "B"}).json()["title"] == "B", "without either, as it is"


@pytest.mark.parametrize(
    ("body", "field"),
    [({"title": ""}, "title"), ({"body": "a\0"}, "body"), ({"body": "x" * 200_001}, "body"), ({"x": 1}, "x")],
)
def test_what_is_wrong_is_named(rest: Rest, body: dict[str, Any], field: str) -> None:
    answer = rest.post("/reports", {"title": "a", **body})
    assert answer.status_code == 422
    assert field in answer.json()["fields"]


def test_who_may(served: Served) -> None:
    for name in ("ann", "bob"):
        served.add_user(name)
    ann, bob = served.log_in("ann"), served.log_in("bob")
    made = ann.post("/api/v1/reports", json={"title": "A"}).json()
    url = f"/api/v1/reports/{made['id']}"
    assert bob.patch(url, json={"body": "together"}).status_code == 200
    assert bob.delete(url).status_code == 403
    token = ann.post("/api/v1/tokens", json={"name": "r", "scope": "read"}).json()["token"]
    reader = served.client(authorization=f"Bearer {token}")
    assert reader.get(f"{url}/export").status_code == 200
    assert reader.patch(url, json={"body": ""}).status_code == 403
    assert reader.post("/api/v1/reports", json={"title": "A"}).status_code == 403
    assert served.client().get(f"{url}/export").status_code == 401
    assert ann.delete(url).status_code == 204


def test_the_html_file_holds_text_tables_and_curves_and_nothing_else(rest: Rest) -> None:
    made = written(rest)
    answer = rest.http.get(f"/api/v1/reports/{made['id']}/export", params={"format": "html"})
    assert answer.status_code == 200, answer.text
    assert 'filename="report-rings-co-' in answer.headers["content-disposition"].replace("b-rings-b", "rings")
    text = answer.text
    assert "<script" not in text
    assert '="javascript:' not in text
    assert "&lt;script&gt;alert(1)" in text
    assert not re.search(r"(?:src|href)=\"(?!https?://|data:|#)", text), "no path that needs a server"
    assert f'href="{rest.served.settings.origin}/runs/1"' in text
    assert not re.search(r"<(?:link|img)[^>]+https?:", text)
    assert "学习率越小" in text
    assert "Deleted meanwhile: #999" in text
    assert "there is no view “nowhere”" in text
    assert '<td class="num"><bdi>0.04</bdi></td>' in text
    plots = re.findall(r"<svg class=\"plot\".*?</svg>", text, re.DOTALL)
    assert len(plots) == 1, "the view filters its tags"
    ET.fromstring(plots[0])
    curves = re.findall(r'<path class="run-(\d)" d="([^"]+)" stroke-width="1.5"', plots[0])
    assert [colour for colour, _ in curves] == ["1", "2", "2", "3"], "the gap cuts a curve in two"
    assert "环 run 0 #1" in plots[0]


def test_the_pdf_holds_text_tables_and_vectors(rest: Rest) -> None:
    made = written(rest)
    answer = rest.http.get(f"/api/v1/reports/{made['id']}/export", params={"format": "pdf"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    reader = PdfReader(BytesIO(answer.content))
    assert reader.metadata is not None
    assert reader.metadata.title == TITLE
    text = "\n".join(page.extract_text() for page in reader.pages)
    flat = re.sub(r"\s+", "", text)
    for words in (
        "丹炉",
        "学习率越小",
        "これはテスト",
        "한국어",
        "✓",
        "loss.backward()",
        "环run0",
        "0.04",
        "A quote.",
        "The end.",
    ):
        assert re.sub(r"\s+", "", words) in flat, words
    assert "\ufffd" in text, "what no font has"
    links = [
        str(note.get_object()["/A"]["/URI"]) for page in reader.pages for note in page.get("/Annots", [])
    ]
    assert f"{rest.served.settings.origin}/runs/1" in links
    assert not any(link.startswith("javascript") for link in links)
    assert not any(page.images for page in reader.pages), "charts are vectors"
    drawn = b"".join(
        page.get_contents().get_data() for page in reader.pages if page.get_contents() is not None
    )
    assert drawn.count(b" l ") + drawn.count(b" l\n") > 100


def test_an_empty_report_and_one_without_runs_are_files_too(rest: Rest) -> None:
    rest.submit()
    empty = rest.post("/reports", {"title": "Empty"}).json()
    none = rest.post(
        "/reports",
        {
            "title": "None",
            "experiment": "exp",
            "body": "```danlu-view\nq=state:failed\n```\n\n```danlu-runs\nq=((\n```\n",
        },
    ).json()
    for made in (empty, none):
        for kind in ("html", "pdf"):
            answer = rest.http.get(f"/api/v1/reports/{made['id']}/export", params={"format": kind})
            assert answer.status_code == 200, answer.text
    assert rest.get(f"/reports/{empty['id']}/export", format="docx").status_code == 422
    assert rest.get("/reports/99/export").status_code == 404


def test_a_preview_shows_what_a_reader_would_see(rest: Rest) -> None:
    written(rest)
    answer = rest.post("/reports/preview", {"body": BODY, "experiment": "exp"})
    html = answer.json()["html"]
    assert "<danlu-report-chart" in html
    assert "<script" not in html
    assert " style=" not in html, "the page's policy would refuse it"
