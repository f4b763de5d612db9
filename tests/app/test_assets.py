"""Static files: their addresses, and that browsers get them once."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import serving

from app import assets
from app.config import load_settings
from app.paths import static_dir


@pytest.fixture
def client(home: Path) -> Iterator[httpx.Client]:
    with serving(load_settings(home=home, port=0, auth="none")) as served:
        yield served.client()


def test_modules_are_kept_for_ever_under_their_version(client: httpx.Client) -> None:
    url = assets.static_url("js/danlu.js")
    assert url == f"/static/-/{assets.version()}/js/danlu.js"
    answer = client.get(url, headers={"accept-encoding": "identity"})
    assert answer.content == (static_dir() / "js" / "danlu.js").read_bytes()
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == assets.FOR_EVER
    # What a module imports by a relative path is under the same version.
    assert client.get(url.replace("danlu.js", "live.js")).headers["cache-control"] == assets.FOR_EVER
    # A page of an older server still works, but nothing of it is kept.
    old = client.get("/static/-/0123456789ab/js/danlu.js")
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "path",
    [
        "-/0123456789ab/../../pyproject.toml",
        "-/0123456789ab/..%2f..%2fpyproject.toml",
        "-/x/js/danlu.js",
        "-/0123456789ab/",
        "-/0123456789ab/js",
        "js/none.js",
    ],
)
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(f"/static/{path}").status_code == 404


def test_a_known_file_is_not_sent_again_and_text_is_sent_packed(client: httpx.Client) -> None:
    plain = client.get("/static/css/danlu.css", headers={"accept-encoding": "identity"})
    packed = client.get("/static/css/danlu.css", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.content == plain.content == (static_dir() / "css" / "danlu.css").read_bytes()
    assert "content-encoding" not in plain.headers
    for headers in (
        {"if-none-match": plain.headers["etag"]},
        {"if-modified-since": plain.headers["last-modified"]},
    ):
        again = client.get("/static/css/danlu.css", headers=headers)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["cache-control"] == "no-cache"
    other = client.get("/static/css/danlu.css", headers={"if-none-match": '"other"'})
    assert other.status_code == 200
    head = client.head("/static/css/danlu.css", headers={"accept-encoding": "identity"})
    assert (head.content, int(head.headers["content-length"])) == (b"", len(plain.content))
    part = client.get("/static/css/danlu.css", headers={"range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, plain.content[:10])
    assert client.post("/static/css/danlu.css").status_code == 405


def test_a_changed_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "a.js").write_text('import { b } from "./b.js";\n')
    (tmp_path / "js" / "b.js").write_text(
        'import "../vendor/c.js";\nimport {\n  a,\n} from "./a.js";\nawait import("./later.js");\n'
    )
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "c.js").write_text(
        'export * from "./d.js";\nconst text = "import x from \'./none.js\'";\n'
    )
    (tmp_path / "vendor" / "d.js").write_text("")
    monkeypatch.setattr(assets, "static_dir", lambda: tmp_path)
    monkeypatch.setattr(assets, "LOOK_AGAIN", 1e-9)
    assets._closure.cache_clear()
    found = [re.sub(r"^/static/-/\w+/", "", url) for url in assets.module_urls("a")]
    assert found == ["js/a.js", "js/b.js", "vendor/c.js", "vendor/d.js"]
    assert [url.rsplit("/", 1)[1] for url in assets.module_urls("a", beside=("b",))] == []
    before = assets.version()
    (tmp_path / "vendor" / "d.js").write_text("export const d = 1;\n")
    assert assets.version() != before
    assets._closure.cache_clear()


def test_a_page_names_every_module_that_it_will_load(client: httpx.Client) -> None:
    """Otherwise the browser finds them one after the other, as it reads the imports."""
    html = client.get("/workers").text
    listed = set(re.findall(r'(?:src|href)="(/static/-/[^"]+\.js)"', html))
    assert len(listed) > 5
    for url in listed:
        text = client.get(url).text
        for target in re.findall(r'^import .*?"\./([^"]+)"', text, re.MULTILINE):
            assert f"{url.rsplit('/', 1)[0]}/{target}" in listed


def test_gzip_is_what_it_says() -> None:
    held = assets.Assets(directory=static_dir())._hold("css/danlu.css")
    assert held is not None
    assert held.packed is not None
    assert gzip.decompress(held.packed) == held.body
    assert assets.Assets(directory=static_dir())._hold("css") is None
