"""The command line: `danlu up`, `danlu submit`, … Each command imports what it needs when it runs."""

from __future__ import annotations

from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from danlu.commands import (
    demo,
    doctor,
    environments,
    exports,
    imports,
    output,
    queue,
    report,
    runs,
    serve,
    submit,
    token,
    up,
)
from danlu.commands.output import Exit, JsonFlag
from danlu.errors import ApiError
from danlu.profile import ProfileError

HELP = (
    "Launch, watch and compare PyTorch training runs.\n\n"
    "`danlu up` starts everything on this machine. The other commands talk to the server that DANLU_URL and "
    "DANLU_TOKEN name, or `cli.toml` in the home. On the server's own machine neither is needed: the first command "
    "makes a token of its own with the home's rights and keeps it in `cli.toml`, readable by you alone.\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage or refused, 3 cancelled, 4 no server answers, "
    "5 no or too few rights."
)


# The parent of what typer exports; typer keeps its copy of click to itself.
UsageError: type[Any] = typer.BadParameter.__bases__[0]


class Commands(TyperGroup):
    """Turns what a user can mend into one line on stderr and an exit code; a bug of ours keeps its traceback."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the options before the command."""
        try:
            return super().make_context(*args, **kwargs)
        except UsageError as error:
            _refuse_usage(error)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            _refuse_usage(error)
        except ApiError as error:
            output.fail_with(error)
        except (ProfileError, TimeoutError) as error:
            output.fail(str(error), Exit.USAGE)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except Exception as error:
            if not _is_startup_error(error):
                raise
            output.fail(str(error), Exit.FAILED)


def _refuse_usage(error: Any) -> NoReturn:
    """What is wrong with the command line, in one line; `danlu token` alone gets its help instead."""
    if type(error).__name__ == "NoArgsIsHelpError":
        raise error
    said = error.format_message().replace("Value error, ", "").rstrip(".")
    if type(error).__name__ == "NoSuchOption" and error.ctx and error.ctx.command_path.endswith(" submit"):
        said += "; arguments of a script stand behind --"
    path = error.ctx.command_path if error.ctx else "danlu"
    output.fail(f"{said}. `{path} --help` says more.", Exit.USAGE)


def _is_startup_error(error: Exception) -> bool:
    """Whether it is the app's StartupError, without importing the app for commands that do not."""
    import sys

    errors = sys.modules.get("app.errors")
    return errors is not None and isinstance(error, errors.StartupError)


app = typer.Typer(
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
START, WORK, MEND = "Start", "Runs", "This machine"
app.command(rich_help_panel=START)(up.up)
app.command(rich_help_panel=START)(serve.server)
app.command(rich_help_panel=START)(serve.worker)
app.command(rich_help_panel=WORK)(submit.submit)
app.command(rich_help_panel=WORK)(runs.ls)
app.command(rich_help_panel=WORK)(runs.show)
app.command(rich_help_panel=WORK)(runs.logs)
app.command(rich_help_panel=WORK)(runs.cancel)
app.add_typer(queue.app, name="queue", rich_help_panel=WORK)
app.add_typer(report.app, name="report", rich_help_panel=WORK)
app.add_typer(token.app, name="token", rich_help_panel=MEND)
app.add_typer(environments.app, name="environment", rich_help_panel=MEND)
app.command("import", rich_help_panel=WORK)(imports.import_)
app.command(rich_help_panel=WORK)(exports.export)
app.command(rich_help_panel=MEND)(doctor.doctor)
app.command(name="_demo", hidden=True)(demo.demo)


@app.command(rich_help_panel=MEND)
def version(as_json: bool = JsonFlag) -> None:
    """Print the version."""
    import danlu

    if as_json:
        output.print_json({"version": danlu.__version__})
    else:
        print(danlu.__version__)


def main() -> None:
    """The entry of the `danlu` script."""
    app()
