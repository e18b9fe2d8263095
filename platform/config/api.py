"""REST under /api/v1: the routers of the apps by dotted string, and every error as a problem document."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from core import errors, problems

api = NinjaAPI(
    title="Copylift",
    version="1",
    description="Decide which arm a shopper sees, send events, read results.",
    urls_namespace="api",
)
api.add_router("", "experiments.api.router")
api.add_router("", "campaigns.api.router")
api.add_router("", "campaigns.api_brands.router")
api.add_router("", "campaigns.api_breaker.router")
api.add_router("", "campaigns.api_placements.router")
api.add_router("", "campaigns.api_delivery.router")
api.add_router("", "campaigns.api_products.router")
api.add_router("", "campaigns.api_shoppers.router")


@api.exception_handler(Exception)
def any_error(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Whatever a handler raised, as a problem document."""
    return problems.response(problems.from_exception(exception))


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, exception: ValidationError) -> HttpResponse:
    """Input that does not fit the schema: 422 with the fields named."""
    return problems.response(problems.from_pydantic(exception.errors))


@api.exception_handler(HttpError)
def refused(request: HttpRequest, exception: HttpError) -> HttpResponse:
    """Ninja's own refusals, such as a body that is not JSON."""
    problem = errors.CopyliftError(str(exception), code="bad_request")
    problem.status = exception.status_code
    return problems.response(problem)
