"""docker-compose.yml and the Dockerfile, as far as they can be read without Docker."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from core.embedded import paths

COMPOSE = (paths.ROOT / "docker-compose.yml").read_text(encoding="utf-8")
DOCKERFILE = (paths.ROOT / "Dockerfile").read_text(encoding="utf-8")
EXAMPLE = (paths.ROOT / ".env.example").read_text(encoding="utf-8")
SECRETS = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "COPYLIFT_SECRET_KEY"}


@pytest.fixture
def services() -> dict[str, dict[str, Any]]:
    read: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
    return read


def stages() -> dict[str, str]:
    """The text of each named stage."""
    parts = re.split(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)
    return dict(zip(parts[2::3], parts[3::3], strict=True))


def test_every_part_of_the_platform_is_there(services: dict[str, dict[str, Any]]) -> None:
    assert {"postgres", "redis", "migrate", "web", "worker", "gpu-worker", "beat"} <= set(services)


def test_every_queue_has_a_worker(services: dict[str, dict[str, Any]]) -> None:
    assert "default,ingest" in services["worker"]["command"]
    assert services["gpu-worker"]["build"]["target"] == "cpu"
    assert '"-Q", "gpu"' in stages()["worker-base"]


def test_each_secret_is_required_by_name_and_has_no_default() -> None:
    used = set(re.findall(r"\$\{(\w+)(:[?-])", COMPOSE))
    assert {name for name, sign in used if sign == ":?"} == SECRETS
    assert {name for name, sign in used if sign == ":-"}.isdisjoint(SECRETS)


def test_the_example_names_every_variable_and_gives_no_secret() -> None:
    used = {name for name, _ in re.findall(r"(?<!\$)\$\{(\w+)(:[?-])", COMPOSE)}
    assert used == set(re.findall(r"^(\w+)=", EXAMPLE, flags=re.MULTILINE))
    assert set(re.findall(r"^(\w+)=$", EXAMPLE, flags=re.MULTILINE)) >= SECRETS


def test_every_lasting_process_has_a_health_check(services: dict[str, dict[str, Any]]) -> None:
    in_image = {"web": "web", "gpu-worker": "worker-base", "gpu-worker-cuda": "worker-base"}
    for name, service in services.items():
        if name in in_image:
            assert "HEALTHCHECK" in stages()[in_image[name]], name
        elif name == "migrate":
            assert service["healthcheck"] == {"disable": True}
        else:
            assert service["healthcheck"]["test"], name


def test_ours_run_after_the_migrations_without_rights(services: dict[str, dict[str, Any]]) -> None:
    for name in set(services) - {"postgres", "redis", "migrate"}:
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for name in set(services) - {"postgres", "redis"}:
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r"^USER 10001:10001$", stages()["code"], flags=re.MULTILINE)
    assert "USER" not in stages()["web"] + stages()["worker-base"] + stages()["cpu"] + stages()["cuda"]


def test_each_volume_is_named_and_every_database_has_one(services: dict[str, dict[str, Any]]) -> None:
    named = set(yaml.safe_load(COMPOSE)["volumes"])
    mounted = {mount.split(":")[0] for service in services.values() for mount in service["volumes"]}
    assert mounted == named


def test_each_target_that_compose_builds_is_in_the_dockerfile(services: dict[str, dict[str, Any]]) -> None:
    wanted = {service["build"]["target"] for service in services.values() if "build" in service}
    assert wanted == {"web", "cpu", "cuda"}
    assert wanted <= set(stages())


def test_the_web_image_has_no_torch_and_nothing_of_this_machine() -> None:
    assert "requirements.txt" not in stages()["web-packages"] + stages()["web"]
    assert "torch" not in (paths.ROOT / "requirements-web.txt").read_text()
    ignored = (paths.ROOT / ".dockerignore").read_text().splitlines()
    assert {".env", "var", ".venv", ".git"} <= set(ignored)
