"""Errors over HTTP: one shape, the field named, the request found again by its id."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.db import OperationalError
from django.http import Http404
from django.test import Client

from core import errors, problems


def body(error: errors.CopyliftError) -> dict[str, object]:
    """The problem document as the client reads it."""
    found: dict[str, object] = json.loads(problems.response(error).content)
    return found


def test_a_field_is_named() -> None:
    document = body(errors.InvalidInput.field("events.3.type", "must be one of exposure, click."))
    assert document["status"] == 422
    assert document["detail"] == "events.3.type: must be one of exposure, click."
    assert document["errors"] == [
        {"field": "events.3.type", "code": "invalid", "message": "must be one of exposure, click."}
    ]


def test_headers_that_a_status_asks_for() -> None:
    assert problems.response(errors.TooManyRequests(retry_after=3))["Retry-After"] == "3"
    assert problems.response(errors.Unauthenticated())["WWW-Authenticate"] == 'Bearer realm="copylift"'
    assert problems.response(errors.NotFound())["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (Http404("no such brand"), 404, "not_found"),
        (PermissionDenied(), 403, "forbidden"),
        (RequestDataTooBig(), 413, "too_large"),
        (ValidationError({"name": ["too long"]}), 422, "invalid_input"),
        (errors.Conflict(code="already_running"), 409, "already_running"),
        (OperationalError("server closed the connection"), 503, "unavailable"),
    ],
)
def test_other_exceptions_become_ours(raised: Exception, status: int, code: str) -> None:
    found = problems.from_exception(raised)
    assert (found.status, found.code) == (status, code)


def test_a_bug_is_answered_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    found = problems.from_exception(RuntimeError("the password is hunter2"))
    assert (found.status, found.code) == (500, "internal_error")
    assert "hunter2" not in str(body(found))
    assert "hunter2" in caplog.text


@pytest.mark.parametrize(
    ("location", "field"),
    [
        (("body", "payload", "weights", 0), "weights.0"),
        (("body", "payload"), "payload"),
        (("query", "limit"), "limit"),
        (("path", "key"), "key"),
        ((), ""),
    ],
)
def test_field_paths(location: tuple[str | int, ...], field: str) -> None:
    assert problems.field_path(location) == field


def test_an_unknown_api_address_is_a_problem_and_a_page_is_a_page(client: Client) -> None:
    api = client.get("/api/v1/nothing")
    assert (api.status_code, api["Content-Type"]) == (404, "application/problem+json")
    page = client.get("/nothing/")
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_request_keeps_its_id_and_a_forged_one_is_replaced(client: Client) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "shop-12345"})["X-Request-ID"] == "shop-12345"
    forged = client.get("/healthz", headers={"X-Request-ID": "a b\n[error] all is lost"})["X-Request-ID"]
    assert len(forged) == 32
