"""The one place where an error becomes an answer: JSON for the API, a toast for htmx, a page for a browser."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.auth.deps import LoginRedirect, authenticate
from app.errors import AppError, Conflict, Invalid, NoSpace, Unavailable
from app.middleware import SECURITY_HEADERS

log = logging.getLogger(__name__)

CODES = {400: "bad_request", 401: "unauthenticated", 403: "forbidden", 404: "not_found",
         405: "method_not_allowed", 408: "request_timeout", 409: "conflict", 413: "too_large",
         415: "unsupported_media_type", 416: "range_not_satisfiable", 422: "invalid",
         429: "too_many_requests", 500: "internal"}  # fmt: skip
_FULL = ("database or disk is full", "disk full", "no space left", "could not extend file")
_LOCKED = ("database is locked", "database table is locked", "lock timeout", "statement timeout")


def install_error_handlers(app: FastAPI) -> None:
    """Register the handlers below for everything that a route or a guard may raise."""
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(DBAPIError, _database)
    app.add_exception_handler(PoolTimeout, _pool)
    app.add_exception_handler(OverflowError, _overflow)
    app.add_exception_handler(Exception, _unexpected)


def answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    fields: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    position: int | None = None,
) -> Response:
    """An error in the form that this caller can use."""
    body: dict[str, Any] = {"error": code, "detail": detail}
    if position is not None:
        body["position"] = position
    if fields:
        body["fields"] = fields
    response: Response
    wants_html = "text/html" in request.headers.get("accept", "")
    if request.url.path.startswith("/api/"):
        response = JSONResponse(body, status_code=status)
    elif request.headers.get("hx-request"):
        response = _rendered(request, "_toast.html", status, kind="error", text=detail)
        response.headers["HX-Retarget"] = "#toasts"
        response.headers["HX-Reswap"] = "beforeend"
    elif wants_html:
        _find_principal(request, status)
        response = _rendered(
            request,
            "error.html",
            status,
            status_code=status,
            title=_title(status),
            detail=detail,
            fields=fields or {},
        )
    else:
        response = JSONResponse(body, status_code=status)
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def _rendered(request: Request, template: str, status: int, **ctx: Any) -> Response:
    from app.web import page, partial  # web installs these handlers

    make = partial if template.startswith("_") else page
    return make(request, template, status, **ctx)


def _find_principal(request: Request, status: int) -> None:
    """Know who sees the page where no guard ran (an unknown address), so that it has their menu."""
    if hasattr(request.state, "principal") or status >= 500:
        return
    try:
        authenticate(request)
    except (AppError, SQLAlchemyError):
        request.state.principal = None


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)  # noqa: S101 - registered for this class
    if isinstance(error, LoginRedirect):
        if request.headers.get("hx-request"):
            return Response(status_code=204, headers={"HX-Redirect": error.location})
        return RedirectResponse(error.location, status_code=303)
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return answer(request, error.status, error.code, error.detail, error.fields, headers, error.position)


def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    code = CODES.get(error.status_code, "error")
    detail = str(error.detail)
    if error.status_code == 404 and detail == "Not Found":
        detail = "There is nothing at this address."
    elif error.status_code == 405:
        detail = f"{request.method} is not allowed here."
    if error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=error.headers)
    return answer(request, error.status_code, code, detail, None, dict(error.headers or {}))


def field_errors(error: RequestValidationError) -> dict[str, str]:
    """Field name → message. `("body", "params", "lr")` becomes `params.lr`; the whole body is `body`."""
    fields: dict[str, str] = {}
    for item in error.errors():
        place = [str(part) for part in item["loc"]]
        if len(place) > 1 and place[0] in {"body", "query", "path", "header", "cookie"}:
            place = place[1:]
        name = "".join(char if char.isprintable() else "?" for char in ".".join(place))[:200]
        message = str(item["msg"]).removeprefix("Value error, ")
        fields.setdefault(name or "body", message[:1].upper() + message[1:])
        if len(fields) >= 50:  # a body of a thousand wrong keys needs no thousand answers
            break
    return fields


def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    fields = field_errors(error)
    shown = ", ".join(list(fields)[:5])
    return answer(request, 422, "invalid", f"Wrong: {shown}.", fields)


def _database(request: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)  # noqa: S101 - registered for this class
    text = str(error.orig).lower()
    result: AppError
    if any(words in text for words in _FULL):
        result = NoSpace("The disk or the database is full; nothing was written.", retry_after=30)
    elif isinstance(error, DataError):
        result = Invalid("A value cannot be stored.")
    elif isinstance(error, IntegrityError):
        result = Conflict("Somebody else changed the same thing at the same moment.")
    elif any(words in text for words in _LOCKED):
        result = Unavailable("The database is busy.", retry_after=2)
    elif error.connection_invalidated or type(error).__name__ in {"OperationalError", "InterfaceError"}:
        result = Unavailable("The database cannot be reached.", retry_after=5)
    else:
        return _unexpected(request, error)
    log.warning("%s %s answered %d: %s", request.method, request.url.path, result.status, error.orig)
    return _app_error(request, result)


def _pool(request: Request, _error: Exception) -> Response:
    return _app_error(request, Unavailable("Too many requests at once.", retry_after=2))


def _overflow(request: Request, error: Exception) -> Response:
    # SQLite's driver refuses integers beyond 64 bits so; fields should have refused them before.
    log.warning(
        "%s %s: a number reached the database unchecked", request.method, request.url.path, exc_info=error
    )
    return answer(request, 422, "invalid", "A number is too large.")


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "Something went wrong on the server; its log has the details."
    # Starlette answers this outside of every middleware, so the headers are added here.
    return answer(request, 500, "internal", detail, headers=dict(SECURITY_HEADERS))
