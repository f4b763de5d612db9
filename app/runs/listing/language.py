r"""The query language of runs, read into a tree. Pure; what names and values mean is decided in `terms`.

    state:running lr<0.01 val_acc>0.9 tag:baseline -tag:bad (owner:ada or owner:ben) "two words" metrics."my loss".min<=1e-3

Terms that stand side by side must all hold; `or` needs one of its sides, and binds weaker. `-` or `not` before a term or
a group turns it round. A term is a word (searched for in name and notes) or NAME, an operator `: = != < <= > >=` and a
value; quotes make one word of anything, with `\"` and `\\` inside. Positions count characters from 0.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_DEPTH = 50
MAX_TERMS = 200


class QueryError(Exception):
    """The query cannot be read.

    Args:
        message: what is wrong and how to mend it, without the place.
        position: of the character where, from 0.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position

    def __str__(self) -> str:
        return f"{self.message} at column {self.position + 1}"


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the query.

    Attributes:
        text: without quotes and escapes.
        quoted: meant literally: no wildcard, no number.
        start: where it begins, the quote included; `end` is behind it.
    """

    text: str
    quoted: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Word:
    """Something to search for in names and notes."""

    text: Text


@dataclass(frozen=True, slots=True)
class Term:
    """NAME OPERATOR VALUE; the name's pieces as they were written: `metrics."my loss".min` has three."""

    name: tuple[Text, ...]
    operator: str
    value: Text


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class Both:
    """All must hold."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One must hold."""

    nodes: tuple["Node", ...]


Node = Word | Term | Not | Both | Either

OPERATOR = re.compile(r"!=|<=|>=|[:=<>]")
_NAME = re.compile(r'[^\s()":=<>!]+')
_BARE = re.compile(r'[^\s()"]+')


@dataclass(frozen=True, slots=True)
class Token:
    """What the query is cut into; kind: ( ) - or not word term."""

    kind: str
    start: int
    node: Word | Term | None = None


def parse(query: str) -> Node | None:
    """The tree of a query; None for an empty one, which every run answers.

    Raises:
        QueryError: it cannot be read.
    """
    tokens = list(tokenize(query))
    if len(tokens) > MAX_TERMS:
        raise QueryError(f"is longer than {MAX_TERMS} terms", tokens[MAX_TERMS].start)
    return _Parser(tokens, len(query)).whole() if tokens else None


def tokenize(query: str) -> Iterator[Token]:
    """Cut a query into tokens.

    Raises:
        QueryError: a quote is not closed, or a value is missing.
    """
    at = _skip(query, 0)
    while at < len(query):
        char = query[at]
        if char in "()":
            yield Token(char, at)
            at += 1
        elif (
            char == "-" and at + 1 < len(query) and not query[at + 1].isspace() and query[at + 1] not in "-)"
        ):
            yield Token("-", at)
            at += 1
        else:
            token, at = _piece(query, at)
            yield token
        at = _skip(query, at)


def _skip(query: str, at: int) -> int:
    """The next place that is no space."""
    while at < len(query) and query[at].isspace():
        at += 1
    return at


def _piece(query: str, at: int) -> tuple[Token, int]:
    """A word, a term or one of the words `or`, `and`, `not`."""
    name, behind = _name(query, at)
    operator = OPERATOR.match(query, behind)
    if operator is None:
        if query[at] != '"':
            bare = _BARE.match(query, at)
            end = bare.end() if bare else at + 1
            word = Text(query[at:end], False, at, end)
            if word.text.lower() in {"or", "and", "not"}:
                return Token(word.text.lower(), at), end
        else:
            word, end = _quoted(query, at)
        return Token("word", at, Word(word)), end
    if not name:
        raise QueryError(f"a name is missing before {operator.group()!r}", at)
    value, end = _value(query, operator.end(), operator.group())
    return Token("term", at, Term(tuple(name), operator.group(), value)), end


def _name(query: str, at: int) -> tuple[list[Text], int]:
    """The pieces of what may be a name: bare and quoted ones that touch each other."""
    pieces: list[Text] = []
    while at < len(query):
        if query[at] == '"':
            piece, at = _quoted(query, at)
        elif found := _NAME.match(query, at):
            piece, at = Text(found.group(), False, at, found.end()), found.end()
        else:
            break
        pieces.append(piece)
    return pieces, at


def _value(query: str, at: int, operator: str) -> tuple[Text, int]:
    if at < len(query) and query[at] == '"':
        return _quoted(query, at)
    found = _BARE.match(query, at)
    if found is None:
        raise QueryError(f"a value is missing after {operator!r}; put quotes around one that has spaces", at)
    return Text(found.group(), False, at, found.end()), found.end()


def _quoted(query: str, start: int) -> tuple[Text, int]:
    text: list[str] = []
    at = start + 1
    while at < len(query):
        char = query[at]
        if char == '"':
            return Text("".join(text), True, start, at + 1), at + 1
        if char == "\\" and query[at + 1 : at + 2] in {'"', "\\"}:
            at += 1
        text.append(query[at])
        at += 1
    raise QueryError("this quote is not closed", start)


def quote(text: str) -> str:
    """The text as one word of the language, in quotes where it needs them."""
    plain = re.fullmatch(r'[^\s()":=<>!,*\-][^\s()":=<>!,*]*', text) and text.lower() not in {
        "or",
        "and",
        "not",
    }
    return text if plain and ".." not in text else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Parser:
    """Recursive descent: either → both → one."""

    def __init__(self, tokens: list[Token], end: int) -> None:
        self._tokens = tokens
        self._end = end
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._either()
        if self._at < len(self._tokens):
            raise QueryError("this bracket closes nothing", self._tokens[self._at].start)
        return node

    def _kind(self) -> str:
        return self._tokens[self._at].kind if self._at < len(self._tokens) else "end"

    def _place(self) -> int:
        return self._tokens[self._at].start if self._at < len(self._tokens) else self._end

    def _either(self) -> Node:
        nodes = [self._both()]
        while self._kind() == "or":
            self._at += 1
            nodes.append(self._both())
        return nodes[0] if len(nodes) == 1 else Either(tuple(nodes))

    def _both(self) -> Node:
        nodes: list[Node] = []
        while True:
            kind = self._kind()
            if kind in {"end", ")", "or"}:
                break
            if kind == "and":
                if not nodes:
                    break
                self._at += 1
                if self._kind() in {"end", ")", "or", "and"}:
                    raise QueryError(self._missing("and"), self._place())
                continue
            nodes.append(self._one())
        if not nodes:
            raise QueryError(self._missing(kind), self._place())
        return nodes[0] if len(nodes) == 1 else Both(tuple(nodes))

    def _missing(self, kind: str) -> str:
        if kind in {"and", "or"}:
            return f'a term is missing beside {kind!r} (to search for the word, write "{kind}" in quotes)'
        before = self._tokens[self._at - 1].kind if self._at else "("
        return "these brackets hold nothing" if kind == ")" and before == "(" else "a term is missing"

    def _one(self) -> Node:
        token = self._tokens[self._at]
        self._at += 1
        if token.node is not None:
            return token.node
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise QueryError(f"is nested deeper than {MAX_DEPTH} levels", token.start)
        node: Node
        if token.kind == "(":
            node = self._either()
            if self._kind() != ")":
                raise QueryError("this bracket is not closed", token.start)
            self._at += 1
        else:
            if self._kind() in {"end", ")", "or", "and"}:
                raise QueryError(self._missing(self._kind()), self._place())
            node = Not(self._one())
        self._depth -= 1
        return node
