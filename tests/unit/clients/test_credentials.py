import pytest

from livedash_core.clients.credentials import BasicCredentials, credentials_from_environment, credentials_of
from livedash_core.errors import ConfigurationError


@pytest.mark.parametrize(
    "value",
    [
        '{"conn_type": "http", "host": "files.example", "login": "rea@der", "password": "p/ss:wörd%"}',
        "http://rea%40der:p%2Fss%3Aw%C3%B6rd%25@files.example:8443/?timeout=5",
        "http://https://rea%40der:p%2Fss%3Aw%C3%B6rd%25@files.example",
        "  my_http://rea%40der:p%2Fss%3Aw%C3%B6rd%25@  ",
    ],
)
def test_a_connection_is_read_in_both_of_airflows_forms(value: str) -> None:
    assert credentials_from_environment("acme_http", {"AIRFLOW_CONN_ACME_HTTP": value}) == BasicCredentials(
        "rea@der", "p/ss:wörd%"
    )


def test_a_connection_that_is_not_there_is_none() -> None:
    assert credentials_from_environment("acme", {}) is None
    assert credentials_from_environment("acme", {"AIRFLOW_CONN_ACME": " "}) is None


def test_a_login_may_come_without_a_password() -> None:
    assert credentials_from_environment("acme", {"AIRFLOW_CONN_ACME": "http://token@h"}) == BasicCredentials(
        "token", ""
    )


@pytest.mark.parametrize(
    "value",
    [
        '{"login": "reader", "password": "hunter2"',
        '{"login": 7, "password": "hunter2"}',
        '{"password": "hunter2"}',
        '{"login": "a:b", "password": "hunter2"}',
        "http://:hunter2@files.example",
        "http://reader:hunter2@[files",
        "reader:hunter2",
    ],
)
def test_an_unusable_connection_is_named_and_never_quoted(value: str) -> None:
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_ACME") as caught:
        credentials_from_environment("acme", {"AIRFLOW_CONN_ACME": value})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_password_is_not_in_the_repr() -> None:
    assert "hunter2" not in repr(BasicCredentials("reader", "hunter2"))


def test_the_header_is_basic_authentication_in_utf_8() -> None:
    # The example of RFC 7617, section 2.1.
    assert BasicCredentials("test", "123£").authorization == "Basic dGVzdDoxMjPCow=="


@pytest.mark.parametrize(
    ("value", "headers", "kinds"),
    [
        ('{"extra": {"bearer_token": "t0k3n"}}', [("Authorization", "Bearer t0k3n")], ("Bearer",)),
        ('{"extra": "{\\"bearer_token\\": \\"t0k3n\\"}"}', [("Authorization", "Bearer t0k3n")], ("Bearer",)),
        ("http://files.example/?bearer_token=t0k%2F3n", [("Authorization", "Bearer t0k/3n")], ("Bearer",)),
        ("http://h/?__extra__=%7B%22api_key%22%3A+%22k%22%7D", [("X-API-Key", "k")], ("an API key",)),
        ('{"extra": {"api_key": "k", "api_key_header": "Ocp-Key"}}', [("Ocp-Key", "k")], ("an API key",)),
        ('{"extra": {"headers": {"X-Auth": "k"}}}', [("X-Auth", "k")], ("an API key",)),
        (
            '{"login": "test", "password": "123\\u00a3", "extra": {"api_key": "k"}}',
            [("Authorization", "Basic dGVzdDoxMjPCow=="), ("X-API-Key", "k")],
            ("Basic", "an API key"),
        ),
        ('{"extra": {"client_certificate": "/c.pem"}}', [], ("a client certificate",)),
    ],
)
def test_credentials_are_read_from_the_extras(
    value: str, headers: list[tuple[str, str]], kinds: tuple[str, ...]
) -> None:
    found = credentials_from_environment("acme", {"AIRFLOW_CONN_ACME": value})
    assert found is not None
    assert (found.headers, found.kinds) == (headers, kinds)
    assert "k3n" not in repr(found)


@pytest.mark.parametrize(
    "extra",
    [
        '{"bearer_token": "hunter2\\r\\nHost: x"}',
        '{"bearer_token": 7, "api_key": "hunter2"}',
        '{"api_key": "hunter2", "api_key_header": "X Key"}',
        '{"api_key": "hunter2", "api_key_header": "Host"}',
        '{"api_key": "hunter2", "api_key_header": "Authorization", "bearer_token": "hunter2"}',
        '{"headers": ["hunter2"]}',
        '{"headers": {"X": {"hunter2": 1}}}',
        '["hunter2"]',
    ],
)
def test_extras_that_cannot_be_sent_are_named_and_never_quoted(extra: str) -> None:
    with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_ACME") as caught:
        credentials_from_environment("acme", {"AIRFLOW_CONN_ACME": f'{{"extra": {extra}}}'})
    assert "hunter2" not in str(caught.value)


def test_a_login_and_a_bearer_token_contradict_each_other() -> None:
    with pytest.raises(ConfigurationError, match="only one of them"):
        credentials_of("reader", "x", {"bearer_token": "y"}, "the Airflow connection acme")
