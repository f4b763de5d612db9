"""Whether this is a notebook, and one piece of its output that changes."""

import sys
from typing import Any


def in_notebook() -> bool:
    """Whether the code runs in a Jupyter kernel; IPython is not imported for that."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class Display:
    """HTML in a notebook's output that is replaced by what comes next."""

    def __init__(self) -> None:
        from IPython.display import HTML, display

        self._html: Any = HTML
        self._handle: Any = display(HTML(""), display_id=True)  # type: ignore[no-untyped-call]

    def show(self, text: str) -> None:
        """Replace it."""
        self._handle.update(self._html(text))

    def show_object(self, thing: Any) -> None:
        """Replace it by anything that a notebook can show, such as a figure."""
        self._handle.update(thing)

    def finish(self, text: str) -> None:
        """Leave it, and show something below."""
        from IPython.display import display

        display(self._html(text))  # type: ignore[no-untyped-call]
