"""Settings: `DANLU_*` environment variables first, then `$DANLU_HOME/danlu.toml`, then the defaults here."""

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.errors import StartupError

ENV_PREFIX = "DANLU_"
# Variables with the prefix that are no settings: what a run process is told, and what the client reads.
NOT_SETTINGS = frozenset({
    "DANLU_RUN_ID", "DANLU_RUN_DIR", "DANLU_PARAMS", "DANLU_DEVICE", "DANLU_SEED", "DANLU_ATTEMPT",
    "DANLU_PROCESSES", "DANLU_LOCAL_DIR", "DANLU_URL", "DANLU_TOKEN",
})  # fmt: skip
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """Everything that can be set. Built once by `load_settings` and passed down; seconds, unless named otherwise."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", env_ignore_empty=True, frozen=True
    )

    home: Path = Field(
        Path("danlu-data"), description="Folder of the database, the runs' files and the secrets."
    )
    database_url: str | None = Field(
        None, description="postgresql://… for a team; without it, SQLite in the home folder."
    )
    host: str = Field("127.0.0.1", description="Address that the server binds to.")
    port: int = Field(8000, ge=0, le=65535, description="Port that the server binds to; 0 takes a free one.")
    public_url: str | None = Field(
        None,
        description="How browsers reach the server, such as https://danlu.example.org; sets allowed hosts.",
    )
    auth: Literal["login", "none"] = Field("login", description="`none` only on a loopback address.")
    trusted_proxies: list[str] = Field([], description="Addresses whose X-Forwarded-For is believed.")
    session_idle_days: int = Field(
        7, ge=1, le=365, description="A login ends after this long without a request."
    )
    session_max_days: int = Field(30, ge=1, le=365, description="A login ends after this long in any case.")
    setup_ttl_minutes: int = Field(
        60, ge=1, le=1440, description="How long the first-start setup link works."
    )
    body_limit_kib: int = Field(1024, ge=1, le=65536, description="Largest request body, KiB.")

    snapshot_limit_mib: int = Field(
        50, ge=1, le=4096, description="Largest upload of code, MiB; unpacked ten times as much."
    )
    snapshot_entries: int = Field(
        10_000, ge=1, le=100_000, description="Files and folders of one upload of code."
    )
    snapshot_idle_hours: float = Field(
        24, gt=0, le=8760, description="Code that no run has used for so long is removed, hours."
    )

    import_roots: list[str] = Field(
        [], description="Folders of the server below which an administrator may import over REST."
    )
    import_limit_mib: int = Field(
        1024,
        ge=1,
        le=65536,
        description="Largest upload of event files or of an export, MiB; unpacked ten times as much.",
    )
    import_entries: int = Field(
        100_000, ge=1, le=1_000_000, description="Files and folders of one such upload."
    )

    slots: int = Field(1, ge=0, le=256, description="Runs at once on the CPU.")
    devices: str = Field("auto", description="`auto`, or a list such as `cpu` or `cuda:0,cuda:1`.")
    worker_name: str | None = Field(None, description="Name of the worker; the host's name by default.")
    preload: str = Field("", description="Modules imported before a run is forked, comma separated.")
    threads: int = Field(
        0,
        ge=0,
        le=1024,
        description="torch threads of a run's process; 0: cores divided by slots and processes.",
    )
    poll_seconds: float = Field(
        0.2, ge=0.05, le=60, description="How often the worker looks for queued runs."
    )
    heartbeat_seconds: float = Field(10, ge=0.1, le=600, description="How often a lease is renewed.")
    lease_seconds: float = Field(
        60, ge=1, le=3600, description="A lease without a change for so long is lost."
    )
    sweep_seconds: float = Field(15, ge=0.1, le=600, description="How often lost leases are looked for.")
    fence_seconds: float = Field(
        40, ge=0.5, le=3600, description="Without renewal, a worker stops its runs after."
    )
    fence_kill_seconds: float = Field(50, ge=0.6, le=3600, description="… and kills them after.")
    cancel_grace_seconds: float = Field(30, ge=0, le=3600, description="From SIGTERM to SIGKILL on cancel.")
    drain_grace_seconds: float = Field(60, ge=0, le=3600, description="From SIGTERM to SIGKILL on shutdown.")
    zygote_forks: int = Field(
        200, ge=1, le=100_000, description="The warm process is replaced after so many runs."
    )
    log_limit_mib: int = Field(
        64, ge=1, le=65536, description="Kept of one run's stdout, MiB (head and tail)."
    )
    disk_floor_gib: float = Field(2, ge=0, description="Below this much free disk nothing is claimed, GiB.")
    disk_floor_percent: float = Field(
        5, ge=0, le=90, description="… or below this share of the disk, percent."
    )

    tb_max_live: int = Field(
        8, ge=1, le=256, description="TensorBoards alive at once; the least used is stopped."
    )
    tb_max_starting: int = Field(2, ge=1, le=64, description="TensorBoards starting at once.")
    tb_idle_minutes: float = Field(
        30, gt=0, description="A TensorBoard without requests is stopped after, minutes."
    )
    tb_start_seconds: float = Field(
        30, gt=0, le=600, description="A TensorBoard not up after this has failed."
    )
    tb_scalars: int = Field(
        10_000, ge=1, le=10_000_000, description="Points kept per scalar series (109 B each)."
    )
    metrics_cache_mib: int = Field(
        160, ge=1, le=65_536, description="Memory for curves that were read, 12 to 20 B a point, MiB."
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("public_url")
    @classmethod
    def _origin_only(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if (
            parts.scheme not in {"http", "https"}
            or not parts.hostname
            or parts.path.rstrip("/")
            or parts.query
        ):
            raise ValueError("must look like https://danlu.example.org or http://host:8000, without a path")
        return url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str | None) -> str | None:
        if url is None:
            return None
        scheme = url.split(":", 1)[0]
        if scheme in {"postgresql", "postgres"}:
            return "postgresql+psycopg:" + url.split(":", 1)[1]
        if scheme in {"postgresql+psycopg", "sqlite"}:
            return url
        raise ValueError("must begin with postgresql:// (or be left out for SQLite)")

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.auth == "none" and self.host not in LOOPBACK:
            raise ValueError(
                "auth=none works on a loopback address only; leave it out, or set host=127.0.0.1"
            )
        if not self.heartbeat_seconds < self.fence_seconds < self.fence_kill_seconds < self.lease_seconds:
            raise ValueError("needed: heartbeat_seconds < fence_seconds < fence_kill_seconds < lease_seconds")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line first, then the environment, then the file."""
        del settings_cls, dotenv_settings, file_secret_settings
        return (init_settings, env_settings, _FileSource(cls, init_settings, env_settings))

    @property
    def db_url(self) -> str:
        """SQLAlchemy URL of the database in use."""
        return self.database_url or f"sqlite:///{self.home / 'danlu.db'}"

    @property
    def experiments_dir(self) -> Path:
        """Folder of all runs' files."""
        return self.home / "experiments"

    @property
    def recipes_dir(self) -> Path:
        """Folder of the user's own recipes."""
        return self.home / "recipes"

    @property
    def datasets_dir(self) -> Path:
        """Folder that each run sees as `./datasets`."""
        return self.home / "datasets"

    @property
    def snapshots_dir(self) -> Path:
        """Folder of the code that script runs execute, by content."""
        return self.home / "snapshots"

    @property
    def uploads_dir(self) -> Path:
        """Folder of uploads while they are read; emptied at start."""
        return self.home / "uploads"

    @property
    def tensorboard_dir(self) -> Path:
        """Private files of the TensorBoard children."""
        return self.home / "tensorboard"

    @property
    def origin(self) -> str:
        """How a person reaches the server: the public URL, else host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"


def run_dir(settings: Settings, experiment_slug: str, run_slug: str) -> Path:
    """The run's own folder: its TensorBoard directory and its working directory."""
    return settings.experiments_dir / experiment_slug / run_slug


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Args:
        overrides: values that win over the environment and the file (the command line's); None is left out.

    Raises:
        StartupError: an unknown name (with a suggestion) or a bad value, as one line.
    """
    _refuse_unknown_environment()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise StartupError("; ".join(_sentence(dict(item)) for item in error.errors())) from error


class _FileSource(PydanticBaseSettingsSource):
    """`danlu.toml` of the home that the command line or the environment names."""

    def __init__(self, settings_cls: type[BaseSettings], *earlier: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._earlier = earlier

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Unused: the file is read as a whole."""
        del field
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The file's values; a file that cannot be read is an error, a missing one is not."""
        named = [source().get("home") for source in self._earlier]
        home = Path(
            next((value for value in named if value), Settings.model_fields["home"].default)
        ).expanduser()
        path = home / "danlu.toml"
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise StartupError(f"{path} cannot be read: {error}") from error
        for name in values:
            if name not in Settings.model_fields or name == "home":
                raise StartupError(f"{path}: unknown setting `{name}`{_suggestion(name)}")
        return values


def _refuse_unknown_environment() -> None:
    for variable in os.environ:
        if variable.startswith(ENV_PREFIX) and variable not in NOT_SETTINGS:
            name = variable.removeprefix(ENV_PREFIX).lower()
            if name not in Settings.model_fields:
                hint = _suggestion(name, upper=True)
                raise StartupError(f"unknown setting {variable} in the environment{hint}")


def _suggestion(name: str, *, upper: bool = False) -> str:
    close = difflib.get_close_matches(name.lower(), Settings.model_fields, n=1)
    if not close:
        return "; docs/settings.md lists them all"
    return f"; did you mean {ENV_PREFIX + close[0].upper() if upper else close[0]}?"


def _sentence(item: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in item["loc"])
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"setting {name}: {message}" if name else message
