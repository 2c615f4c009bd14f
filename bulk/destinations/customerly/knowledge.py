"""Collections and articles of the knowledge base: create, update, delete."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from bulk.conversation import RECORD, Batch, Conversation, Request, Response, Settled, one_request
from bulk.destinations.address import encoded
from bulk.destinations.customerly.answers import is_success, refusal
from bulk.destinations.customerly.asking import shown_id, tell
from bulk.destinations.customerly.fields import BLUEPRINT, ONE_PAGE
from bulk.destinations.customerly.items import only
from bulk.destinations.customerly.remove import remove
from bulk.destinations.fields import Field, Kind
from bulk.destinations.operation import Effect, Operation, Terms
from bulk.destinations.shape import braced, member
from bulk.destinations.verdicts import accepted

COLLECTION_ID = "knowledge_base_collection_id"
ARTICLE_ID = "knowledge_base_article_id"
COLLECTIONS = "/knowledge/collections"
ARTICLES = "/knowledge/articles"

_PATHS = f"{BLUEPRINT}; the fields: {ONE_PAGE}"
_TITLE = Field("title", Kind.TEXT, "Its title.", ONE_PAGE)
_COLLECTION = (
    _TITLE,
    Field("description", Kind.TEXT, "What it is about.", ONE_PAGE),
    Field("icon", Kind.TEXT, "Its icon.", ONE_PAGE),
    Field("slug", Kind.TEXT, "Its name in addresses.", ONE_PAGE),
)
_ARTICLE = (
    _TITLE,
    Field("body", Kind.TEXT, "Its text.", ONE_PAGE),
    Field("slug", Kind.TEXT, "Its name in addresses.", ONE_PAGE),
    Field(
        COLLECTION_ID,
        Kind.IDENTIFIER,
        "The collection it stands in.",
        "the name is certain for reading, unsure for writing: see the setting article_collection_key",
    ),
)


def _id(name: str, what: str) -> Field:
    return Field(name, Kind.IDENTIFIER, f"Customerly's id of the {what}.", BLUEPRINT, required=True)


def _create(path: str, identity: str) -> Callable[[Batch, Terms], Conversation]:
    """Return the conversation that makes something new: sent twice, it would be there twice."""

    def request(batch: Batch) -> Request:
        return Request("POST", path, str(batch.value(RECORD)).encode(), repeatable=False)

    def outcomes(_batch: Batch, response: Response) -> list[Settled]:
        good = is_success(response)
        verdict = accepted(response, object_id=shown_id(response, identity)) if good else refusal(response)
        return [Settled(0, 1, verdict)]

    converse = one_request(request, outcomes)
    return lambda batch, _terms: converse(batch)


def _update(path: str, identity: str, what: str) -> Callable[[Batch, Terms], Conversation]:
    """Return the conversation that changes what is given: Customerly knows no PUT, its POST is partial."""

    def converse(batch: Batch, _terms: Terms) -> Conversation:
        at = f"{path}/{encoded(str(batch.value(identity)))}"
        yield from tell(batch, Request("POST", at, str(batch.value(RECORD)).encode()), named=what)

    return converse


def _delete(path: str, identity: str) -> Callable[[Batch, Terms], Conversation]:
    return remove(
        lambda batch: Request("DELETE", f"{path}/{encoded(str(batch.value(identity)))}", irreversible=True)
    )


def _article(terms: Terms) -> pl.Expr:
    plain = (member(field.name, pl.col(field.name)) for field in _ARTICLE if field.name != COLLECTION_ID)
    return braced(*plain, member(terms.settings.article_collection_key, pl.col(COLLECTION_ID)))


def _titled(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return (replace(fields[0], required=True), *fields[1:])


def _names(fields: tuple[Field, ...]) -> tuple[str, ...]:
    return tuple(field.name for field in fields)


def _operations(
    what: str, path: str, identity: str, fields: tuple[Field, ...], item: Callable[[Terms], pl.Expr]
) -> tuple[Operation, ...]:
    return (
        Operation(
            name=f"create_{what}",
            about=f"Create {what}s of the knowledge base; one that is not answered is unknown.",
            fields=_titled(fields),
            effect=Effect.WRITES,
            converse=_create(path, identity),
            fact=f"POST {path}: {_PATHS}",
            repeatable=False,
            item=item,
        ),
        Operation(
            name=f"update_{what}",
            about=f"Change {what}s of the knowledge base; what is not given stays as it is.",
            fields=(_id(identity, what), *fields),
            effect=Effect.WRITES,
            converse=_update(path, identity, what),
            fact=f"POST {path}/{{id}}: {_PATHS}",
            one_of=_names(fields),
            keep=(identity,),
            item=item,
        ),
        Operation(
            name=f"delete_{what}",
            about=f"Delete {what}s of the knowledge base.",
            fields=(_id(identity, what),),
            effect=Effect.REMOVES,
            converse=_delete(path, identity),
            fact=f"DELETE {path}/{{id}}: {BLUEPRINT}",
            irreversible=True,
            keep=(identity,),
        ),
    )


OPERATIONS = (
    *_operations("collection", COLLECTIONS, COLLECTION_ID, _COLLECTION, only(*_names(_COLLECTION))),
    *_operations("article", ARTICLES, ARTICLE_ID, _ARTICLE, _article),
)
