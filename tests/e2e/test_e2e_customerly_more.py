"""Customerly beyond its contacts: tags, attributes, companies, messages, and the knowledge base."""

from typing import Any

import pytest
from workshop import Sandbox, Workshop, sandbox_with

from bulk.sandbox import SandboxOptions

IDS = (1, 2, 3)


@pytest.fixture
def known(sandbox: Sandbox) -> Sandbox:
    """An account with users 1 to 3 and one lead; user 3 has an e-mail address alone."""
    users = [{"email": f"p{n}@example.com", "user_id": f"u/{n}"} for n in (1, 2)]
    sandbox.put("users", [*users, {"email": "p3@example.com"}])
    sandbox.put("leads", [{"email": "lead@example.com"}])
    return sandbox


def tags(sandbox: Sandbox, kind: str = "users") -> dict[str, list[str]]:
    return {email: contact["user_tags"] for email, contact in sandbox.contacts(kind).items()}


def attributes(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    return {email: contact["attributes"] for email, contact in sandbox.contacts().items()}


def test_five_tags_of_one_person_are_five(shop: Workshop, known: Sandbox) -> None:
    names = ["a", "b", "ü c", "d", "e"]
    shop.source((f"p1@example.com,{name}" for name in names), header="email,tag")
    shop.job({"operation": "tag", "fields": {"email": "email", "tag": "tag"}})
    assert shop.run().returncode == 0
    assert {email: set(given) for email, given in tags(known).items()} == {
        "p1@example.com": set(names),
        "p2@example.com": set(),
        "p3@example.com": set(),
    }
    assert shop.counts("tag") == {"succeeded": 5}


def test_tags_of_many_share_requests(shop: Workshop, known: Sandbox) -> None:
    known.put("users", [{"email": f"many{n}@example.com"} for n in range(300)])
    shop.source((f"many{n}@example.com,t{n % 3}" for n in range(300)), header="email,tag")
    shop.job({"operation": "tag", "fields": {"email": "email", "tag": "tag"}, "batch_size": 100})
    assert shop.run().returncode == 0
    found = tags(known)
    assert {f"many{n}@example.com": [f"t{n % 3}"] for n in range(300)} == {
        email: found[email] for email in found if email.startswith("many")
    }
    assert known.stats()["routes"]["POST /tags"] == 3


def test_users_and_leads_are_tagged_as_what_they_are(shop: Workshop, known: Sandbox) -> None:
    shop.source(
        ["u/2,,user,vip", ",lead@example.com,lead,vip", ",,,alone", ",nobody@example.com,user,vip"],
        header="id,email,contact,tag",
    )
    fields = {"user_id": "id", "email": "email", "contact": "contact", "tag": "tag"}
    shop.job({"operation": "tag", "fields": fields, "read_back": True})
    assert shop.run().returncode == 0
    assert tags(known)["p2@example.com"] == ["vip"]
    assert tags(known, "leads") == {"lead@example.com": ["vip"]}
    assert set(known.contents("customerly", "tags")) == {"vip", "alone"}
    assert shop.outcomes() == [
        (1, "succeeded", "read_back"),
        (2, "succeeded", "read_back"),
        (3, "succeeded", "no_contact"),
        (4, "skipped", "not_found"),
    ]


def test_a_tag_is_taken_off_the_named_and_deleted_only_with_approval(shop: Workshop, known: Sandbox) -> None:
    known.put("users", [{"email": f"p{n}@example.com", "tags": ["old", "kept"]} for n in IDS])
    shop.source(["p1@example.com,old"], header="email,tag")
    shop.job({"operation": "untag", "fields": {"email": "email", "tag": "tag"}})
    assert shop.run().returncode == 0
    assert tags(known) == {
        "p1@example.com": ["kept"],
        "p2@example.com": ["old", "kept"],
        "p3@example.com": ["old", "kept"],
    }
    shop.job({"operation": "delete_tag", "fields": {"tag": "tag"}}, name="tags")
    assert (shop.refused(), known.contents("customerly", "tags")) == (5, ["old", "kept"])
    assert shop.run("--yes").returncode == 0
    assert tags(known) == {f"p{n}@example.com": ["kept"] for n in IDS}
    assert known.contents("customerly", "tags") == ["kept"]


def test_attributes_are_added_by_id_or_by_an_address_that_is_looked_up(
    shop: Workshop, known: Sandbox
) -> None:
    known.put("users", [{"email": "p1@example.com", "attributes": {"kept": "yes"}}])
    shop.source(
        ["u/1,,10", ",p2@example.com,20", ",p3@example.com,30", ",nobody@example.com,40"],
        header="id,email,score",
    )
    score = {"score": {"column": "score", "as": "int"}}
    fields = {"user_id": "id", "email": "email", "attributes": score}
    shop.job({"operation": "add_user_attributes", "fields": fields})
    assert shop.run().returncode == 3
    assert attributes(known) == {
        "p1@example.com": {"kept": "yes", "score": 10},
        "p2@example.com": {"score": 20},
        "p3@example.com": {},
    }
    assert shop.outcomes() == [
        (1, "succeeded", ""),
        (2, "succeeded", ""),
        (3, "failed", "missing_id"),
        (4, "skipped", "not_found"),
    ]


def test_companies_get_their_users_and_attributes(shop: Workshop, known: Sandbox) -> None:
    shop.source(
        ["u/1,,ac/me,gold", ",p3@example.com,ac/me,gold", "u/9,,other,x"], header="id,email,company,plan"
    )
    plan = {"plan": "plan"}
    company = {"company_id": "company"}
    users = {"user_id": "id", "email": "email", **company, "company_attributes": plan}
    more = {**company, "company_name": {"value": "Acme"}, "attributes": {"size": {"value": 7}}}
    shop.job(
        {"operation": "add_user_to_company", "fields": users},
        {"operation": "add_company_attributes", "fields": more, "duplicates": "keep_last"},
        source={"key": "company"},
    )
    assert shop.run().returncode == 0
    ids = {email: contact["crmhero_user_id"] for email, contact in known.contacts().items()}
    (found,) = known.contents("customerly", "companies")
    assert set(found.pop("users")) == {ids["p1@example.com"], ids["p3@example.com"]}
    assert found == {
        "company_id": "ac/me",
        "company_name": "Acme",
        "attributes": {"plan": "gold", "size": 7},
    }
    told = {(line["row"], line["step"]): (line["status"], line["reason"]) for line in shop.export()}
    assert told == {
        (1, "add_user_to_company"): ("succeeded", ""),
        (2, "add_user_to_company"): ("succeeded", ""),
        (3, "add_user_to_company"): ("skipped", "not_found"),
        (1, "add_company_attributes"): ("skipped", "duplicate"),
        (2, "add_company_attributes"): ("succeeded", ""),
        (3, "add_company_attributes"): ("skipped", "not_found"),
    }


MESSAGE = {
    "operation": "send_message",
    "fields": {
        "from": {"type": {"value": "admin"}, "id": {"value": "1"}},
        "to": {"type": {"value": "user"}, "email": "email"},
        "content": "text",
    },
}


def test_a_message_is_never_sent_twice(shop: Workshop) -> None:
    with sandbox_with(SandboxOptions(system_faults={"customerly": 0.3}, fault_delay=0.01, seed=3)) as sandbox:
        shop.at(sandbox)
        shop.source((f"p@example.com,Message {n}" for n in range(40)), header="email,text")
        fields = {"email": "email"}
        shop.job({"operation": "upsert_user", "fields": fields}, name="before")
        assert shop.run().returncode == 0
        shop.job(MESSAGE, source={"key": "text"})
        assert shop.run().returncode == 3
        sent = [message["content"] for message in sandbox.contents("customerly", "messages")]
    assert len(sent) == len(set(sent))
    statuses = {row: status for row, status, _ in shop.outcomes()}
    assert set(statuses.values()) == {"succeeded", "unknown"}
    told = {f"Message {row - 1}" for row, status in statuses.items() if status == "succeeded"}
    assert told <= set(sent)
    unsure = {f"Message {row - 1}" for row, status in statuses.items() if status == "unknown"}
    assert set(sent) <= told | unsure


def test_a_message_to_nobody_is_not_found(shop: Workshop, known: Sandbox) -> None:
    shop.source(["p1@example.com,Hello", "nobody@example.com,Hello"], header="email,text")
    shop.job(MESSAGE)
    assert shop.run().returncode == 0
    assert [message["to"] for message in known.contents("customerly", "messages")] == [
        {"type": "user", "email": "p1@example.com"}
    ]
    assert shop.outcomes() == [(1, "succeeded", ""), (2, "skipped", "not_found")]


COLLECTION, ARTICLE = "knowledge_base_collection_id", "knowledge_base_article_id"


def test_the_knowledge_base_is_filled_changed_and_emptied(shop: Workshop, sandbox: Sandbox) -> None:
    shop.source(["Basics,1", "Billing,2"], header="title,number")
    titled = {"title": "title"}
    shop.job(
        {"operation": "create_collection", "fields": {**titled, "description": {"value": "About it"}}},
        {
            "operation": "create_article",
            "fields": {**titled, "body": {"value": "Text"}, COLLECTION: "number"},
        },
        {"operation": "update_collection", "fields": {COLLECTION: "number", "icon": {"value": "book"}}},
        {"operation": "update_article", "fields": {ARTICLE: "number", "body": {"value": "New text"}}},
        source={"key": "title"},
        # Collections are numbered as they come: one at a time, so that the articles name the right ones.
        place={"concurrency": 1},
    )
    assert shop.run().returncode == 0
    assert sandbox.contents("customerly", "collections") == [
        {COLLECTION: n, "title": title, "description": "About it", "icon": "book"}
        for n, title in ((1, "Basics"), (2, "Billing"))
    ]
    assert sandbox.contents("customerly", "articles") == [
        {ARTICLE: n, COLLECTION: n, "title": title, "body": "New text"}
        for n, title in ((1, "Basics"), (2, "Billing"))
    ]
    shop.source(["1"], header="number")
    shop.job(
        {"operation": "delete_article", "fields": {ARTICLE: "number"}},
        {"operation": "delete_collection", "fields": {COLLECTION: "number"}},
        name="emptying",
    )
    assert shop.refused() == 5
    assert shop.run("--yes").returncode == 0
    assert [one["title"] for one in sandbox.contents("customerly", "articles")] == ["Billing"]
    assert [one["title"] for one in sandbox.contents("customerly", "collections")] == ["Billing"]


def test_an_article_that_cannot_be_moved_has_failed(shop: Workshop, sandbox: Sandbox) -> None:
    sandbox.ask("customerly", "POST", "/knowledge/articles", {"title": "First steps"})
    shop.source(["1,9"], header="article,collection")
    shop.job({"operation": "update_article", "fields": {ARTICLE: "article", COLLECTION: "collection"}})
    assert shop.run().returncode == 3
    assert shop.outcomes() == [(1, "failed", "refused")]
