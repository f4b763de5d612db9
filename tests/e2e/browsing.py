"""What the browser tests share beside their fixtures."""

from collections.abc import Callable

from playwright.sync_api import ConsoleMessage, Page

OpenPage = Callable[..., Page]


class Watch:
    """Everything that a page complained about."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.allowed: list[str] = []

    def follow(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))

    def allow(self, text: str) -> None:
        """Complaints with this text are what the test is about."""
        self.allowed.append(text)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def rest(self) -> list[str]:
        return [text for text in self.complaints if not any(allowed in text for allowed in self.allowed)]
