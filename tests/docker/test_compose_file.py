"""What docker-compose.yml and the Dockerfile promise, read from the files. `make test-docker` brings them up."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.config import Settings
from worker.runinit import KILL_SECONDS

ROOT = Path(__file__).parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAYING = sorted(set(SERVICES) - {"prepare"})
WORKERS = ["worker", "worker-gpu"]


def seconds(text: str) -> float:
    found = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", text)
    assert found, f"{text!r} is not understood here"
    return int(found[1] or 0) * 60 + int(found[2] or 0)


def strings(value: Any) -> list[str]:
    """Every key and value below, as text."""
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (str(key), *strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [str(value)]


def test_these_are_the_services() -> None:
    assert set(SERVICES) == {"prepare", "db", "app", "worker", "worker-gpu"}
    assert [name for name, service in SERVICES.items() if service.get("profiles")] == ["worker-gpu"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_to_a_version(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert re.match(r"\d+\.\d+", tag), tag
    if image == "danlu":
        version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
        assert tag.removesuffix("-cuda") == version


def test_the_base_image_is_pinned_and_one() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim(-\w+)?", bases[0])


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_has_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert "privileged" not in service
    assert "pid" not in service
    assert "ipc" not in service
    assert service.get("network_mode") in {None, "none"}
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["volumes"] == ["data:/data"]
    assert not [text for text in strings(service) if "docker.sock" in text]
    if name == "prepare":
        assert set(service["cap_add"]) == {"CHOWN", "DAC_OVERRIDE", "FOWNER"}
    else:
        assert "cap_add" not in service


def test_only_prepare_is_root_and_it_has_no_network() -> None:
    """The image's own user is 1000; a service without `user` runs as that."""
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["1000"]
    assert {name: service["user"] for name, service in SERVICES.items() if "user" in service} == {
        "prepare": "root",
        "db": "999:999",
    }
    assert SERVICES["prepare"]["network_mode"] == "none"


def test_only_the_app_publishes_a_port_and_on_loopback_unless_told_otherwise() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "app": ["${DANLU_BIND:-127.0.0.1}:${DANLU_PORT:-8000}:8000"]
    }


def test_no_secret_has_a_default() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            secret = re.search(r"PASSW|SECRET|TOKEN|KEY", name)
            assert not secret or (name.endswith("_FILE") and value.startswith("/data/secrets/")), name
            assert not re.search(r"//[^/@]*:[^/@]*@", value), f"{name} has a password in its URL"


def test_every_setting_that_is_given_exists() -> None:
    given = {
        name
        for service in SERVICES.values()
        for name in service.get("environment", {})
        if name[:6] == "DANLU_"
    }
    assert {name.removeprefix("DANLU_").lower() for name in given} <= set(Settings.model_fields)


@pytest.mark.parametrize("name", STAYING)
def test_every_service_that_stays_has_an_init_a_health_check_and_a_restart(name: str) -> None:
    service = SERVICES[name]
    assert service["init"] is True
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"]["max-size"]
    if name == "app":
        assert "HEALTHCHECK" in DOCKERFILE  # the image's own
    else:
        assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_has_the_time_to_drain(name: str) -> None:
    grace = Settings.model_fields["drain_grace_seconds"].default
    given = seconds(SERVICES[name]["stop_grace_period"])
    assert given >= grace + 10
    assert given >= grace + KILL_SECONDS + 20  # killed, recorded, said goodbye
    assert SERVICES[name]["healthcheck"]["test"] == ["CMD", "python", "-m", "worker.health"]


def test_the_database_is_stopped_in_a_way_that_does_not_wait_for_clients() -> None:
    assert SERVICES["db"]["stop_signal"] == "SIGINT"
    assert seconds(SERVICES["db"]["stop_grace_period"]) >= 30
    assert seconds(SERVICES["app"]["stop_grace_period"]) >= 15


def test_one_volume_holds_everything() -> None:
    assert list(COMPOSE["volumes"]) == ["data"]
    assert SERVICES["db"]["environment"]["PGDATA"] == "/data/postgres"
    homes = {service["environment"]["DANLU_HOME"] for name, service in SERVICES.items() if name != "db"}
    assert homes == {"/data/danlu"}


def test_what_the_image_copies_is_sent_to_the_build_and_nothing_else() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)
