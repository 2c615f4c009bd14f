from urllib.parse import parse_qs, urlsplit

import pytest
from conversing import answer, refused
from hypothesis import given
from hypothesis import strategies as st

from bulk.conversation import Meaning, Response
from bulk.destinations.address import encoded
from bulk.destinations.customerly.answers import (
    contact,
    error_message,
    is_success,
    look_up,
    read,
    refusal,
    says_absent,
)
from bulk.destinations.customerly.settings import CustomerlySettings
from bulk.destinations.customerly.system import CUSTOMERLY
from bulk.destinations.system import Place
from bulk.destinations.verdicts import LONGEST_MESSAGE

NO_TOKEN = "You must provide a valid header Authorization: Bearer <TOKEN>"


def meaning(response: Response) -> Meaning | None:
    reading = read(response)
    return reading.meaning if reading else None


@pytest.mark.parametrize("status", [200, 401, 403, 500])
@pytest.mark.parametrize("message", ["Access token not found.", NO_TOKEN, "Invalid access TOKEN"])
def test_a_message_about_the_token_stops_the_destination_whatever_the_status(
    message: str, status: int
) -> None:
    assert meaning(refused(message, status)) is Meaning.STOP


@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize("message", ["User doesn't exist", "Lead does not exist", "contact not found"])
def test_an_absent_contact_is_an_answer_whatever_the_status(message: str, status: int) -> None:
    response = refused(message, status)

    assert meaning(response) is Meaning.ANSWER
    assert says_absent(response)


@pytest.mark.parametrize("message", ["Company doesn't exist", "User is not allowed", "something went wrong"])
def test_other_messages_do_not_say_that_a_contact_is_absent(message: str) -> None:
    assert not says_absent(refused(message, 404))
    assert meaning(refused(message, 500)) is None


def test_a_404_without_an_error_object_is_not_this_api() -> None:
    assert meaning(Response(404, {}, b"<html>not found</html>")) is Meaning.STOP
    assert meaning(answer({"message": "no route"}, 404)) is Meaning.STOP


def test_a_2xx_that_is_not_json_is_a_broken_answer_but_an_empty_one_is_not() -> None:
    assert meaning(Response(200, {}, b"<html>welcome</html>")) is Meaning.RETRY
    assert meaning(Response(204)) is None


def test_a_plain_success_means_nothing_special() -> None:
    assert read(answer({"data": []})) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"message": "bad", "code": 0}}, "bad"),
        ({"error": "bad"}, "bad"),
        ({"error": {"code": 7}}, "no message"),
        ({"error": ["bad"]}, "['bad']"),
        ({"error": None}, None),
        ({"error": {}}, None),
        ({"data": []}, None),
        (["error"], None),
        (None, None),
    ],
)
def test_an_error_object_is_read_in_every_form(body: object, expected: str | None) -> None:
    assert error_message(answer(body)) == expected


def test_an_error_object_in_a_2xx_is_no_success() -> None:
    assert not is_success(refused("Invalid email", 200))
    assert is_success(answer({"data": {}}, 201))
    assert not is_success(answer({}, 302))


def test_a_long_message_is_cut() -> None:
    assert len(refusal(refused("x" * 5000)).error_message) == LONGEST_MESSAGE


def test_a_refusal_without_words_names_its_status() -> None:
    assert refusal(Response(422)).error_message == "HTTP 422 without an explanation"


@pytest.mark.parametrize("data", [[], {}, "x", None, 3])
def test_an_answer_without_a_contact_shows_none(data: object) -> None:
    assert contact(answer({"data": data})) is None


def test_an_answer_that_reports_an_error_shows_no_contact() -> None:
    assert contact(answer({"data": {"email": "a@example.com"}, "error": {"message": "no"}})) is None


def test_a_contact_is_shown_whole() -> None:
    assert contact(answer({"data": {"email": "a@example.com"}})) == {"email": "a@example.com"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a+b@example.com", "a%2Bb%40example.com"),
        ("..", ".."),
        ("../users?x=1&y=2#z", "..%2Fusers%3Fx%3D1%26y%3D2%23z"),
        ("50%", "50%25"),
        ("zoë", "zo%C3%AB"),
        ("a b", "a%20b"),
    ],
)
def test_a_value_is_percent_encoded_in_full(value: str, expected: str) -> None:
    assert encoded(value) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_whatever_the_value_a_look_up_asks_for_exactly_it(value: str) -> None:
    parts = urlsplit(look_up("/users", "email", value).path)

    assert parts.path == "/users"
    assert parse_qs(parts.query, keep_blank_values=True, strict_parsing=True) == {"email": [value]}


def test_the_token_goes_into_the_header_the_settings_name() -> None:
    auth = {"token": "t0ken"}

    assert CUSTOMERLY.headers(auth, CustomerlySettings()) == {"Authorization": "Bearer t0ken"}
    assert CUSTOMERLY.headers(auth, CustomerlySettings(auth_header="legacy")) == {
        "Authentication": "AccessToken: t0ken"
    }


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (answer({"data": ["vip"]}), None),
        (refused("Access token not found.", 500), "Customerly does not accept the access token"),
        (Response(503), "the tag list answered HTTP 503"),
        (refused("broken", 500), "broken"),
    ],
)
def test_the_probe_tells_what_is_wrong_with_the_credentials(response: Response, problem: str | None) -> None:
    (probe,) = CUSTOMERLY.probes(Place(CUSTOMERLY.base_url, CustomerlySettings()))

    assert (probe.request.method, probe.request.path) == ("GET", "/tags")
    assert probe.problem(response) == problem


@pytest.mark.parametrize("path", ["users/unsubscribe", "/users/{id}", "/users/{user_id}/{}"])
def test_an_unsubscribing_path_that_cannot_be_filled_in_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="unsubscribe_path"):
        CustomerlySettings(unsubscribe_path=path)


@pytest.mark.parametrize(
    ("status", "message", "stops"),
    [
        (500, "Access token not found.", True),
        (401, "The token is not valid", True),
        (422, "Access token not found.", True),
        (422, "attribute token is longer than 128 characters", False),
    ],
)
def test_a_token_in_a_verdict_about_records_does_not_stop_the_run(
    status: int, message: str, *, stops: bool
) -> None:
    reading = read(refused(message, status))

    assert stops == (reading is not None and reading.meaning is Meaning.STOP)
