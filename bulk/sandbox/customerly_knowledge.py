"""The knowledge base of a Customerly project: collections, the articles in them, and who writes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bulk.sandbox.customerly_answers import Refused, body_of, done, page_of, text_of
from bulk.sandbox.customerly_behaviour import CustomerlyBehaviour
from bulk.sandbox.customerly_contacts import APP_ID
from bulk.sandbox.customerly_messages import ACCOUNTS
from bulk.sandbox.exchange import Answer, Asked, Handler, json_answer

COLLECTION_ID = "knowledge_base_collection_id"
ARTICLE_ID = "knowledge_base_article_id"


@dataclass(frozen=True, slots=True)
class Kind:
    """Collections, or articles."""

    path: str
    identity: str
    what: str
    texts: frozenset[str]


COLLECTION = Kind(
    "/knowledge/collections",
    COLLECTION_ID,
    "Collection",
    frozenset(("title", "description", "icon", "slug")),
)
ARTICLE = Kind("/knowledge/articles", ARTICLE_ID, "Article", frozenset(("title", "body", "slug")))


class Shelf:
    """All of one kind, by number; kept as received."""

    def __init__(
        self, kind: Kind, behaviour: CustomerlyBehaviour, collections: "Shelf | None" = None
    ) -> None:
        self._kind = kind
        self._behaviour = behaviour
        self._collections = collections
        self._last = 0
        self.all: dict[int, dict[str, Any]] = {}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.all.values())

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Return what can be asked; a list may be asked for with a slash at its end as well."""
        path = self._kind.path
        return {
            ("GET", path): self._list,
            ("GET", f"{path}/"): self._list,
            ("POST", path): self._create,
            ("GET", f"{path}/{{id}}"): lambda asked: json_answer({"data": self._shown(self._one(asked))}),
            ("POST", f"{path}/{{id}}"): self._change,
            ("DELETE", f"{path}/{{id}}"): self._delete,
        }

    def _list(self, asked: Asked) -> Answer:
        wanted = asked.query.get(COLLECTION_ID) if self._collections else None
        items = [item for item in self.all.values() if wanted is None or str(item[COLLECTION_ID]) == wanted]
        number, size = page_of(asked)
        some = items[number * size : (number + 1) * size] if self._collections else items
        return json_answer({"data": [self._shown(item) for item in some]})

    def _create(self, asked: Asked) -> Answer:
        body = body_of(asked)
        text_of(body, "title")
        changes = self._checked(body)
        self._last += 1
        self.all[self._last] = {self._kind.identity: self._last, **changes}
        if self._collections is not None:
            self.all[self._last].setdefault(COLLECTION_ID, None)
        return json_answer({"data": self._shown(self.all[self._last])})

    def _change(self, asked: Asked) -> Answer:
        item = self._one(asked)
        item |= self._checked(body_of(asked))
        return json_answer({"data": self._shown(item)})

    def _delete(self, asked: Asked) -> Answer:
        del self.all[self._one(asked)[self._kind.identity]]
        return done()

    def _one(self, asked: Asked) -> dict[str, Any]:
        text = asked.parameter
        found = self.all.get(int(text)) if text.isascii() and text.isdigit() else None
        if found is None:
            raise self._missing(self._kind.what)
        return found

    def _checked(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a body sets; members that nobody knows are passed over without a word."""
        for name in self._kind.texts & body.keys():
            if not isinstance(body[name], str):
                raise Refused(f"The {name} must be a string.")
        changes = {name: body[name] for name in body if name in self._kind.texts}
        key = self._behaviour.article_collection_key
        if self._collections is not None and key in body:
            changes[COLLECTION_ID] = self._collection(body[key])
        return changes

    def _collection(self, given: Any) -> int:
        text = str(given)
        known = self._collections.all if self._collections else {}
        if not (text.isascii() and text.isdigit() and int(text) in known):
            raise self._missing("Collection")
        return int(text)

    def _missing(self, what: str) -> Refused:
        return Refused(f"{what} doesn't exist", self._behaviour.missing_status)

    def _shown(self, item: Mapping[str, Any]) -> dict[str, Any]:
        usual = {"app_id": APP_ID, "sort": item[self._kind.identity], "locale": "en"}
        return {**dict.fromkeys(sorted(self._kind.texts)), **usual, **item}


class Knowledge:
    """The whole knowledge base; deleting a collection takes its articles."""

    def __init__(self, behaviour: CustomerlyBehaviour) -> None:
        self.collections = Shelf(COLLECTION, behaviour)
        self.articles = Shelf(ARTICLE, behaviour, self.collections)

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Return what can be asked."""
        collections = dict(self.collections.handlers())
        delete = collections["DELETE", f"{COLLECTION.path}/{{id}}"]

        def delete_with_articles(asked: Asked) -> Answer:
            answer = delete(asked)
            self.articles.all = {
                number: item
                for number, item in self.articles.all.items()
                if str(item[COLLECTION_ID]) != asked.parameter
            }
            return answer

        collections["DELETE", f"{COLLECTION.path}/{{id}}"] = delete_with_articles
        return {**collections, **self.articles.handlers(), ("GET", "/knowledge/writers"): _writers}


def _writers(_asked: Asked) -> Answer:
    return json_answer({"data": list(ACCOUNTS)})
