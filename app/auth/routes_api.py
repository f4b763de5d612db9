"""REST: who am I, and API tokens."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, Field

from app import cursors
from app.auth import store, tokens
from app.auth.deps import Principal, require
from app.auth.principal import SCOPES, Scope
from app.clock import rfc3339, utcnow
from app.db import Database
from app.deps import DbDep, SettingsDep
from app.errors import Forbidden, NotFound
from app.fields import MAX_ID, Body, Name
from app.models import ApiToken
from app.strict import StrictRoute

router = APIRouter(prefix="/api/v1", route_class=StrictRoute, tags=["login"])
Reader = Annotated[Principal, Depends(require("read"))]


class Me(BaseModel):
    """The caller, as the server sees them."""

    name: str
    user_id: int | None
    via: Literal["session", "token", "local"]
    scopes: list[str]
    submit_code: bool
    auth: Literal["login", "none"]


class NewTokenBody(Body):
    """What a new token may do and for how long."""

    name: Name
    scope: Scope = "read"
    expires_days: int | None = Field(
        tokens.DEFAULT_DAYS, ge=1, le=3650, description="Days until it ends; null: never."
    )


class Token(BaseModel):
    """A token without its secret."""

    id: int
    name: str
    prefix: str
    scope: Scope
    user: str | None = Field(description="Whose it is; null: made on the machine itself.")
    created_at: str | None
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class CreatedToken(Token):
    """A token that was just made."""

    token: str = Field(description="The token itself: shown this once.")


class TokenList(BaseModel):
    """A page of tokens, the newest first."""

    items: list[Token]
    next: str | None


@router.get("/me", summary="The caller")
def me(principal: Reader, settings: SettingsDep) -> Me:
    """Name, rights and how they were proved."""
    return Me(
        name=principal.name,
        user_id=principal.user_id,
        via=principal.via,
        scopes=sorted(principal.scopes),
        submit_code=principal.submit_code,
        auth=settings.auth,
    )


@router.post("/tokens", status_code=201, summary="Make a token")
def create_token(body: NewTokenBody, principal: Reader, db: DbDep) -> CreatedToken:
    """The answer holds the token itself, which cannot be shown again."""
    made = make_token(db, principal, name=body.name, scope=body.scope, days=body.expires_days)
    owner = principal.name if principal.via == "session" else None
    return CreatedToken(**_fields(made.row, owner), token=made.secret)


@router.get("/tokens", summary="Tokens")
def list_tokens(
    principal: Reader,
    db: DbDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query()] = None,
) -> TokenList:
    """One's own; everybody's for an administrator. Ended ones are listed too."""
    before = None
    if cursor is not None:
        before = cursors.decode_id(cursor, "tokens")
    rows = visible_tokens(db, principal, before=before, limit=limit + 1)
    following = cursors.encode("tokens", [rows[limit - 1][0].id]) if len(rows) > limit else None
    return TokenList(items=[Token(**_fields(row, owner)) for row, owner in rows[:limit]], next=following)


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke a token")
def delete_token(token_id: Annotated[int, Path(ge=1, le=MAX_ID)], principal: Reader, db: DbDep) -> Response:
    """In force with the next request. Doing it twice is no error."""
    revoke_token(db, principal, token_id)
    return Response(status_code=204)


def make_token(
    db: Database, principal: Principal, *, name: str, scope: Scope, days: int | None
) -> tokens.NewToken:
    """A token for the caller.

    Raises:
        Forbidden: more rights than they have; or they are a token without the admin right themselves, which
            could otherwise outlive its own expiry.
    """
    if principal.via == "token" and not principal.is_admin:
        raise Forbidden("A token needs the admin right to make tokens. Log in, or use `danlu token create`.")
    if not SCOPES[scope] <= principal.scopes:
        raise Forbidden(f"You have no {scope} right to give away.")
    with db.write() as session:
        return tokens.create(
            session, name=name, scope=scope, user_id=principal.user_id, now=utcnow(), days=days
        )


def visible_tokens(
    db: Database, principal: Principal, *, before: int | None, limit: int
) -> list[tuple[ApiToken, str | None]]:
    """The tokens that the caller may see, with their owners' names."""
    own_id = None
    if principal.user_id is None and not principal.is_admin:
        own_id = int(principal.credential.partition(":")[2])
    user_id = None if principal.is_admin else principal.user_id
    with db.read() as session:
        return store.tokens_page(session, user_id=user_id, token_id=own_id, before=before, limit=limit)


def revoke_token(db: Database, principal: Principal, token_id: int) -> None:
    """End a token.

    Raises:
        NotFound: there is none that the caller may see.
    """
    with db.write() as session:
        found = store.token_and_user_by_id(session, token_id)
        if found is None or not _may_revoke(principal, found[0]):
            raise NotFound("There is no such token.")
        store.revoke_token(session, token_id, utcnow())


def _may_revoke(principal: Principal, token: ApiToken) -> bool:
    if principal.is_admin or principal.credential == f"token:{token.id}":
        return True
    return principal.via == "session" and token.user_id == principal.user_id


def _fields(row: ApiToken, owner: str | None) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "prefix": row.prefix,
        "scope": row.scope,
        "user": owner,
        "created_at": rfc3339(row.created_at),
        "expires_at": rfc3339(row.expires_at),
        "last_used_at": rfc3339(row.last_used_at),
        "revoked_at": rfc3339(row.revoked_at),
    }
