"""`danlu token`: API tokens, made and ended on the machine itself with the home's own rights, without a login."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from danlu.commands import output
from danlu.commands.connect import make_local_token
from danlu.commands.local import open_database
from danlu.commands.output import Exit, JsonFlag
from danlu.commands.serve import HomeOption, settings_from

if TYPE_CHECKING:
    from app.models import ApiToken

app = typer.Typer(no_args_is_help=True, help="API tokens, on the machine itself: no login is needed.")


class Scope(StrEnum):
    """What a token may do; each includes the one before."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"


@app.command()
def create(
    name: str = typer.Argument(help="What it is for; shown in the list."),
    scope: Scope = typer.Option(Scope.SUBMIT, help="read, submit (and cancel) or admin."),
    days: int = typer.Option(90, min=0, help="How long it works; 0: until it is revoked."),
    home: Path = HomeOption,
    as_json: bool = JsonFlag,
) -> None:
    """Make a token and print it, alone, on stdout. It is shown this once."""
    if not 1 <= len(name.strip()) <= 200 or not name.isprintable():
        output.fail("a token's name has 1 to 200 printable characters", Exit.USAGE)
    secret = make_local_token(settings_from(home=home), name.strip(), scope.value, days=days or None)
    if as_json:
        output.print_json({"name": name.strip(), "scope": scope.value, "days": days or None, "token": secret})
    else:
        print(secret)


@app.command()
def ls(home: Path = HomeOption, as_json: bool = JsonFlag) -> None:
    """List all tokens of this home. The secrets themselves are not kept anywhere."""
    from app.auth import store

    with open_database(settings_from(home=home)) as database, database.read() as session:
        rows = store.tokens_page(session, user_id=None, token_id=None, before=None, limit=10_000)
        found = [_as_dict(token, owner) for token, owner in rows]
    if as_json:
        output.print_json(found)
        return
    table = output.table("id", "token", "name", "scope", "owner", "state", "expires", "last used")
    for token in found:
        table.add_row(
            str(token["id"]),
            output.markup(f"{token['prefix']}_…"),
            output.markup(token["name"]),
            token["scope"],
            output.markup(token["owner"] or "this machine"),
            token["state"],
            (token["expires_at"] or "never")[:10],
            (token["last_used_at"] or "never")[:16].replace("T", " "),
        )
    output.console().print(table)


@app.command()
def revoke(
    which: str = typer.Argument(
        metavar="ID|PREFIX", help="The id or the prefix (danlu_…) that `token ls` shows."
    ),
    home: Path = HomeOption,
) -> None:
    """End a token at once. Ending it again changes nothing."""
    from app.auth import store
    from app.clock import utcnow

    with open_database(settings_from(home=home)) as database, database.write() as session:
        rows = store.tokens_page(session, user_id=None, token_id=None, before=None, limit=10_000)
        found = [token for token, _ in rows if which in {str(token.id), token.prefix}]
        if not found:
            output.fail(f"there is no token {which}; `danlu token ls` lists them", Exit.USAGE)
        changed = store.revoke_token(session, found[0].id, utcnow())
        name = found[0].name
    print(f"Token {name} is revoked." if changed else f"Token {name} was revoked already.")


def _as_dict(token: ApiToken, owner: str | None) -> dict[str, Any]:
    from app.clock import utcnow

    expired = token.expires_at is not None and token.expires_at <= utcnow()
    return {
        "id": token.id,
        "prefix": token.prefix,
        "name": token.name,
        "scope": token.scope,
        "owner": owner,
        "state": "revoked" if token.revoked_at else "expired" if expired else "valid",
        "created_at": _time(token.created_at),
        "expires_at": _time(token.expires_at),
        "last_used_at": _time(token.last_used_at),
        "revoked_at": _time(token.revoked_at),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
