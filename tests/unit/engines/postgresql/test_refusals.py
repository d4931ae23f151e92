"""What a failed connection's text means, in every language."""

from __future__ import annotations

import json

import pytest

from rotation.engines.postgresql import refusals
from rotation.errors import AccountUnusable, AuthenticationFailed, NotTheServer, RotationError, TlsFailed, Unreachable

TABLE: dict[str, list[str]] = json.loads(refusals.MESSAGES.read_text("utf-8"))["translations"]
WHERE = "db.example:5432/app"
SECRET = "hunter2"


def as_server_says(text: str, severity: str = "FATAL") -> str:
    return f"{severity}:  {text.replace('%s', SECRET).replace('%1$s', SECRET)}\n"


def said(error: RotationError) -> tuple[type[RotationError], str, bool]:
    return type(error), error.what, getattr(error, "password_accepted", False)


@pytest.mark.parametrize("name", refusals.SERVER)
def test_every_translation_means_what_the_original_means(name: str) -> None:
    """A server's language changes nothing in what its refusal means."""
    original = refusals.refusal(as_server_says(name), WHERE)
    assert said(original)[2] is refusals.SERVER[name].accepted
    for text in TABLE[name]:
        assert said(refusals.refusal(as_server_says(text), WHERE)) == said(original), text


def test_question_marks_for_letters_are_read_where_enough_letters_are_left() -> None:
    """A server whose LC_CTYPE is C cannot send accented letters before a login."""
    german = "FATAL:  Passwort-Authentifizierung f?r Benutzer ?app? fehlgeschlagen\n"
    russian = '?????:  ???????????? "app" ?? ?????? ???????? ??????????? (?? ??????)\n'
    assert isinstance(refusals.refusal(german, WHERE), AuthenticationFailed)
    assert isinstance(refusals.refusal(russian, WHERE), AccountUnusable)


@pytest.mark.parametrize("severity", TABLE["FATAL"])
def test_a_refusal_for_a_reason_that_is_not_listed_is_no_wrong_password(severity: str) -> None:
    """A FATAL with a text that nobody knows says that the account cannot be used, and nothing of its password."""
    error = refusals.refusal(as_server_says("the moon is in the wrong house", severity), WHERE)
    assert isinstance(error, AccountUnusable)
    assert not error.password_accepted


def test_a_text_that_the_server_did_not_send_says_nothing_of_the_credential() -> None:
    """What libpq says by itself is about the way to the server."""
    for text in ("could not receive data from server: Connection refused", "", "password authentication failed"):
        assert isinstance(refusals.refusal(text, WHERE), Unreachable)


@pytest.mark.parametrize("part", refusals.LIBPQ)
def test_every_text_of_libpq_is_told_from_the_others(part: str) -> None:
    """The own texts of libpq stand in the list in an order in which none hides another."""
    error = refusals.refusal(f"connection to server failed: {part}details\n", WHERE)
    fault = refusals.LIBPQ[part]
    assert (type(error), error.remedy) == (fault.kind, fault.remedy)


def test_a_cut_connection_is_no_fault_of_the_certificate() -> None:
    """An end of the stream within TLS is the network's doing, other errors of OpenSSL are TLS's."""
    assert isinstance(refusals.refusal("SSL error: unexpected eof while reading\n", WHERE), Unreachable)
    failed = refusals.refusal("SSL error: certificate verify failed\n", WHERE)
    assert isinstance(failed, TlsFailed)
    assert failed.retryable  # unless a second look finds what is wrong with the certificate


@pytest.mark.parametrize(
    "text",
    [
        "unsupported startup parameter: options",
        "unsupported startup parameter in options: statement_timeout",
        "Feature not supported: RDS Proxy currently doesn\u2019t support command-line options.",
    ],
)
def test_a_pooler_that_takes_no_settings_is_one(text: str) -> None:
    """PgBouncer's words, older and newer, and RDS Proxy's."""
    error = refusals.refusal(as_server_says(text), WHERE)
    assert isinstance(error, NotTheServer)
    assert '"rotation": {"host"' in error.remedy


def test_the_last_attempt_counts() -> None:
    """A text tells of every attempt; the last one is the answer."""
    text = (
        'connection to server at "::1", port 5432 failed: FATAL:  the database system is starting up\n'
        'connection to server at "127.0.0.1", port 5432 failed: FATAL:  password authentication failed for user "u"\n'
    )
    assert isinstance(refusals.refusal(text, WHERE), AuthenticationFailed)


def test_the_text_itself_is_never_shown() -> None:
    """A refusal can quote anything; the error says only what this code wrote."""
    for text in (as_server_says(name) for name in refusals.SERVER):
        error = refusals.refusal(text, WHERE)
        assert SECRET not in f"{error} {error!r}"
        assert WHERE in str(error)


def test_a_full_server_may_be_tried_again() -> None:
    """Limits pass; a missing database does not."""
    assert refusals.refusal(as_server_says("sorry, too many clients already"), WHERE).retryable
    assert not refusals.refusal(as_server_says('database "%s" does not exist'), WHERE).retryable


def test_the_table_has_every_text_and_no_other() -> None:
    """The table that ships is the one that the code asks for."""
    assert set(TABLE) == {*refusals.SERVER, *refusals.SEVERITIES}
    assert all(name in texts for name, texts in TABLE.items())


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("FATAL:  Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen", "latin-1"),
        ('ВАЖНО:  пользователь "app" не прошёл проверку подлинности (по паролю)', "cp1251"),
        ('ВАЖНО:  пользователь "app" не прошёл проверку подлинности (по паролю)', "koi8-r"),
        ('FATAL:  ユーザー"app"のパスワード認証に失敗しました', "euc-jp"),
        ('致命错误:  用户 "app" Password 认证失败', "gb18030"),
        ('FATAL:  password authentication failed for user "app"', "ascii"),
    ],
)
def test_a_server_that_does_not_write_utf8_is_understood(text: str, encoding: str) -> None:
    """What the driver could not decode is read in the encodings that servers have."""
    assert isinstance(refusals.refusal(refusals.decode(text.encode(encoding)), WHERE), AuthenticationFailed)


def test_bytes_that_make_no_sense_are_no_refusal() -> None:
    """Noise is not taken for a word of the server."""
    assert isinstance(refusals.refusal(refusals.decode(b"\xff\xfe\x80"), WHERE), Unreachable)
