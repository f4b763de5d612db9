"""The OpenAPI document, and a page that shows it: our own, because the usual ones need a CDN or inline styles."""

import json
import shlex
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, JSONResponse, Response

from app import web
from app.auth.deps import require, require_page
from app.config import Settings

Json = dict[str, Any]
router = APIRouter(include_in_schema=False)

_METHODS = ("get", "post", "put", "patch", "delete")
_ERROR: Json = {
    "title": "Error",
    "type": "object",
    "required": ["error", "detail"],
    "properties": {
        "error": {"type": "string", "description": "snake_case code"},
        "detail": {"type": "string", "description": "A sentence, with the remedy."},
        "fields": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Field → message.",
        },
    },
}
_INTRODUCTION = (
    "Send `Authorization: Bearer danlu_…` (a token from the settings page or `danlu token create`). Times are RFC "
    "3339 in UTC. Errors are `{error, detail, fields?}`. Lists are `{items, next}` with `limit` and `cursor`. "
    "Numbers that are not finite are `null`, with `nonfinite` beside them where it matters."
)


@router.get("/api/v1/openapi.json", dependencies=[Depends(require("read"))])
def openapi(request: Request) -> Response:
    """The OpenAPI document."""
    return JSONResponse(document(request.app))


@router.get("/api/docs", dependencies=[Depends(require_page("read"))])
def docs(request: Request) -> HTMLResponse:
    """Every call with its parameters, as a page."""
    settings: Settings = request.app.state.settings
    return web.page(
        request, "api/docs.html", groups=groups(document(request.app), settings.origin), nav="docs"
    )


def document(app: FastAPI) -> Json:
    """The OpenAPI document of an app, made once: FastAPI's, with our way of logging in and our errors."""
    if app.openapi_schema is None:
        made: Json = get_openapi(
            title="Danlu", version=app.version, description=_INTRODUCTION, routes=app.routes
        )
        parts = made.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas["Error"] = _ERROR
        parts["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
            "session": {"type": "apiKey", "in": "cookie", "name": "danlu_session"},
        }
        made["security"] = [{"token": []}, {"session": []}]
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        for path in made["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = {"description": "What went wrong.", "content": content}
        app.openapi_schema = made
    return app.openapi_schema


def groups(openapi: Json, origin: str) -> list[Json]:
    """The document's calls by subject, in the form that the page shows."""
    found: dict[str, list[Json]] = {}
    for path, item in openapi["paths"].items():
        for method in _METHODS:
            if method in item:
                operation = item[method]
                subject = (operation.get("tags") or ["other"])[0]
                found.setdefault(subject, []).append(_operation(openapi, method, path, operation, origin))
    return [{"subject": subject, "operations": operations} for subject, operations in sorted(found.items())]


def _operation(openapi: Json, method: str, path: str, operation: Json, origin: str) -> Json:
    fields = [
        _field(
            openapi,
            item["name"],
            item["in"],
            item.get("required", False),
            item["schema"] | {"description": item.get("description", "")},
        )
        for item in operation.get("parameters", [])
    ]
    content = operation.get("requestBody", {}).get("content", {})
    body = _resolved(openapi, content["application/json"]["schema"]) if "application/json" in content else {}
    required = body.get("required", [])
    for name, schema in body.get("properties", {}).items():
        fields.append(_field(openapi, name, "body", name in required, schema))
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "text": operation.get("description") or operation.get("summary", ""),
        "fields": fields,
        "success": next(iter(operation["responses"]), "200"),
        "curl": _curl(method, f"{origin}{path}", required if body else None),
    }


def _field(openapi: Json, name: str, place: str, required: bool, schema: Json) -> Json:
    plain = _resolved(openapi, schema)
    bounds = {
        "minimum": "≥",
        "exclusiveMinimum": ">",
        "maximum": "≤",
        "exclusiveMaximum": "<",
        "maxLength": "length ≤",
        "maxItems": "items ≤",
    }
    limits = [f"{sign} {plain[key]}" for key, sign in bounds.items() if key in plain]
    return {
        "name": name,
        "place": place,
        "required": required,
        "type": plain.get("type", "any"),
        "values": [str(value) for value in plain.get("enum", [])],
        "limits": ", ".join(limits),
        "default": json.dumps(schema["default"])
        if "default" in schema and schema["default"] is not None
        else "",
        "text": schema.get("description") or plain.get("description", ""),
    }


def _resolved(openapi: Json, schema: Json) -> Json:
    """The schema behind a reference, or behind the one real alternative of an optional value."""
    alternatives: list[Json] = schema.get("anyOf") or schema.get("allOf") or []
    options = [option for option in alternatives if option.get("type") != "null"]
    if options:
        return _resolved(openapi, options[0])
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Json = openapi["components"]["schemas"][reference.rsplit("/", 1)[-1]]
    return found


def _curl(method: str, url: str, required: list[str] | None) -> str:
    parts = ["curl", "-fsS", "-H", '"Authorization: Bearer $DANLU_TOKEN"']
    if method != "get":
        parts += ["-X", method.upper()]
    if required is not None:
        body = json.dumps(dict.fromkeys(required, "…"), ensure_ascii=False)
        parts += ["-H", "'Content-Type: application/json'", "-d", shlex.quote(body)]
    return " ".join([*parts, shlex.quote(url)])
