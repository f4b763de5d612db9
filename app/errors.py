"""Errors that carry their HTTP meaning. How they are rendered is decided in one place, `app.web`."""


class AppError(Exception):
    """Something that the caller did or met that has a status of its own.

    Args:
        detail: one sentence for a person, with the remedy.
        fields: field name → message, for bad input.
        retry_after: seconds after which trying again makes sense (sent as `Retry-After`).
    """

    status = 500
    code = "internal"
    position: int | None = None
    """Of the character in a text that is wrong, from 0."""

    def __init__(
        self, detail: str, *, fields: dict[str, str] | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields
        self.retry_after = retry_after

    def body(self) -> dict[str, object]:
        """The JSON body: `{"error", "detail", "fields"?, "position"?}`."""
        body: dict[str, object] = {"error": self.code, "detail": self.detail}
        if self.fields:
            body["fields"] = self.fields
        if self.position is not None:
            body["position"] = self.position
        return body


class BadRequest(AppError):
    """The request cannot be read."""

    status = 400
    code = "bad_request"


class Unauthenticated(AppError):
    """Nobody is logged in, or the token is unknown, expired or revoked."""

    status = 401
    code = "unauthenticated"


class Forbidden(AppError):
    """The caller is known and may not do this."""

    status = 403
    code = "forbidden"


class NotFound(AppError):
    """There is no such thing, or the caller may not know of it."""

    status = 404
    code = "not_found"


class Conflict(AppError):
    """The thing is not in a state that allows this."""

    status = 409
    code = "conflict"


class TooLarge(AppError):
    """The body is over its limit."""

    status = 413
    code = "too_large"


class UnsupportedMedia(AppError):
    """The body is not of the content type that this call takes."""

    status = 415
    code = "unsupported_media_type"


class Invalid(AppError):
    """A field is wrong; `fields` names it."""

    status = 422
    code = "invalid"


class TooMany(AppError):
    """Too many tries; `retry_after` says when again."""

    status = 429
    code = "too_many_requests"


class BadGateway(AppError):
    """A child process that should answer does not."""

    status = 502
    code = "bad_gateway"


class Unavailable(AppError):
    """Not now: starting, locked or full; `retry_after` says when again."""

    status = 503
    code = "unavailable"


class GatewayTimeout(AppError):
    """A child process took too long to answer."""

    status = 504
    code = "gateway_timeout"


class NoSpace(AppError):
    """The disk or the database is full; nothing was written."""

    status = 507
    code = "insufficient_storage"


class StartupError(Exception):
    """The server or the worker cannot start; the message is one actionable line."""
