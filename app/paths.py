"""Where templates, static files and migrations lie: the checkout's top level, or inside the installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def templates_dir() -> Path:
    """Folder of the Jinja templates."""
    return _asset("templates")


def static_dir() -> Path:
    """Folder of what is served under /static."""
    return _asset("static")


def migrations_dir() -> Path:
    """Folder of the Alembic tree."""
    return _asset("migrations")


def _asset(name: str) -> Path:
    # The wheel carries them inside the package (see pyproject.toml); a checkout has them beside it.
    packed = _PACKAGE / "_assets" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name
