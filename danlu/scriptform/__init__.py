r"""A script's command line as a form, read from its syntax tree without executing anything of it.

    >>> form = read_form("import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=1e-3)")
    >>> defaults(form), command(form, {"lr": 0.1}), params_of(form, ["--lr", "1"])
    ({'lr': 0.001}, ['--lr', '0.1'], ({'lr': 1.0}, []))

Imports neither torch nor the server: the server, the command line and the worker read the same form.
"""

from danlu.scriptform.argread import params_of
from danlu.scriptform.argv import changes, command, defaults
from danlu.scriptform.checking import check
from danlu.scriptform.constants import patch_constants
from danlu.scriptform.model import Option, ScriptError, ScriptForm
from danlu.scriptform.reading import read_form
from danlu.scriptform.source import decode

__all__ = [
    "Option",
    "ScriptError",
    "ScriptForm",
    "changes",
    "check",
    "command",
    "decode",
    "defaults",
    "params_of",
    "patch_constants",
    "read_form",
]
