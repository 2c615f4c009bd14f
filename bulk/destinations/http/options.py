"""The own options of a request step, and the mistakes that can be found in them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from bulk.destinations.http.settings import check_header_names
from bulk.destinations.http.templates import header_problem, names, path_problem, unbalanced
from bulk.errors import suggestion

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_BODILESS = frozenset({"GET", "HEAD", "DELETE"})
_NOT_READ = frozenset({401, 403, 408, 425, 429})
"""Statuses that are about the destination or the moment, not about records."""
_ANSWERS = range(200, 500)
BARE = "[]"


@dataclass(frozen=True, slots=True)
class ErrorsAt:
    """Where an answer tells records apart.

    Attributes:
        path: Leads to the list of those that were refused; dots lead down, empty means the answer itself.
        index: Leads from one of them to the record's number in the request, counted from 0.
        message: Leads from one of them to a sentence.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    path: str = "errors"
    index: str = "index"
    message: str = "message"


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """The step's own keys.

    Attributes:
        method: HTTP method.
        path: Template of the path below the base URL.
        query: Templates of query parameters; one that lacks a value is left out.
        headers: Templates of headers; one that lacks a value is left out.
        body: How a record is sent; by default as JSON, with GET and DELETE not at all.
        envelope: The key under which records stand in a list; ``[]`` for a bare list; None for one record.
        group_by: Fields whose values records must share to be sent together.
        exclude: Fields that are used elsewhere and not sent in the body.
        success: Statuses that mean success; by default all of 2xx.
        errors: Where an answer tells which records were refused.
        idempotency_key: Header that carries a key, the same for the same rows.
        idempotent: Whether sending it twice is harmless; by default as the method has it, or with a key.
        destructive: Whether it removes for good, and so needs approval.
    """

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Literal["json", "form", "none"] | None = None
    envelope: str | None = None
    group_by: str | tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    success: tuple[int, ...] = ()
    errors: ErrorsAt | None = None
    idempotency_key: str | None = None
    idempotent: bool | None = None
    destructive: bool = False

    def __post_init__(self) -> None:
        self._check_templates()
        self._check_body()
        if self.idempotency_key is not None:
            check_header_names({self.idempotency_key: ""})
            if self.idempotency_key.lower() in {name.lower() for name in self.headers}:
                raise ValueError("idempotency_key names a header that headers gives already")
        for status in self.success:
            if status not in _ANSWERS or status in _NOT_READ:
                raise ValueError(f"success cannot hold {status}: it is about the destination, not a record")

    def _check_templates(self) -> None:
        if not self.path:
            raise ValueError('a request needs "path"')
        problem = path_problem(self.path)
        if problem:
            raise ValueError(problem)
        for template in (*self.query.values(), *self.headers.values()):
            if unbalanced(template):
                raise ValueError("query and headers hold a brace that belongs to no field")
        check_header_names(self.headers)
        for template in self.headers.values():
            if header_problem(_fixed(template)):
                raise ValueError("a header holds printable ASCII only")

    def _check_body(self) -> None:
        if self.envelope == "":
            raise ValueError('envelope is a key, or "[]" for a bare list')
        if self.envelope is not None and self.sends != "json":
            raise ValueError("an envelope needs body: json")
        if self.groups and self.envelope is None:
            raise ValueError("group_by needs an envelope: without one every record is sent alone")

    @property
    def sends(self) -> str:
        """How a record is sent: json, form or none."""
        bodiless = self.method in _BODILESS and self.envelope is None
        return self.body or ("none" if bodiless else "json")

    @property
    def groups(self) -> tuple[str, ...]:
        """The fields of ``group_by``."""
        return (self.group_by,) if isinstance(self.group_by, str) else tuple(self.group_by)

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice is harmless."""
        if self.idempotent is not None:
            return self.idempotent
        return self.method in _IDEMPOTENT or self.idempotency_key is not None

    @property
    def divisible(self) -> bool:
        """Whether what may have been taken may be sent in other requests: no key covers those."""
        return self.method in _IDEMPOTENT if self.idempotent is None else self.idempotent

    @property
    def used(self) -> tuple[str, ...]:
        """Fields in templates: records of one request must agree on them."""
        templates = (self.path, *self.query.values(), *self.headers.values())
        return tuple(dict.fromkeys(name for template in templates for name in names(template)))

    @property
    def names(self) -> tuple[str, ...]:
        """All fields the options name."""
        return tuple(dict.fromkeys((*self.used, *self.groups, *self.exclude)))


def _fixed(template: str) -> str:
    """Return a template without its fields."""
    for name in names(template):
        template = template.replace(f"{{{name}}}", "")
    return template


def problems(options: HttpOptions, fields: Collection[str], batch_size: int | None = None) -> list[str]:
    """Say which fields the options name and the step does not map, and what makes no sense together."""
    found = list(_problems(options, fields))
    if options.envelope is None and (batch_size or 1) > 1:
        found.append('batch_size needs an "envelope": without one every record is a request of its own')
    return found


def _problems(options: HttpOptions, fields: Collection[str]) -> Iterator[str]:
    for name in options.names:
        if name not in fields:
            near = suggestion(name, fields)
            yield f'{_where(options, name)}: unknown field "{name}"{near}'


def _where(options: HttpOptions, name: str) -> str:
    """Return the option that names a field first."""
    places = {
        "path": names(options.path),
        "query": tuple(each for template in options.query.values() for each in names(template)),
        "headers": tuple(each for template in options.headers.values() for each in names(template)),
        "group_by": options.groups,
        "exclude": options.exclude,
    }
    return next(place for place, named in places.items() if name in named)
