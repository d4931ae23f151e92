"""The PostgreSQL that tests start is as real and as strict as a production server, and leaves no trace."""

# ruff: noqa: S603 (the program and its arguments are ours)
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest

from tests.support import servers
from tests.support.servers import choice, process
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[PostgresServer]:
    """Start a server whose log can be read."""
    with PostgresServer(authority) as running:
        running.execute("CREATE ROLE app LOGIN PASSWORD 'right'")
        yield running


def refusal(server: PostgresServer, **options: str) -> str:
    """Return what a client hears that is not let in."""
    with pytest.raises(psycopg2.OperationalError) as caught:
        server.connect(**{"user": "app", "password": "right", **options})
    return str(caught.value)


def show(server: PostgresServer, setting: str) -> str:
    """Return the server's value of a setting."""
    with closing(server.admin()) as connection, connection.cursor() as cursor:
        cursor.execute(f"SHOW {setting}")
        (row,) = cursor.fetchall()
        return str(row[0])


def test_a_login_is_encrypted_and_verified(server: PostgresServer) -> None:
    """A client that trusts the authority is let in, over TLS."""
    with closing(server.connect("app", "right")) as connection:
        assert connection.info.ssl_in_use


def test_plain_text_is_refused(server: PostgresServer) -> None:
    """Without TLS there is no line in pg_hba.conf that lets anyone in."""
    assert "no encryption" in refusal(server, sslmode="disable")


def test_passwords_are_kept_as_scram_verifiers(server: PostgresServer) -> None:
    """The server stores what cannot be used to log in."""
    with closing(server.admin()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")
        (row,) = cursor.fetchall()
    assert row[0].startswith("SCRAM-SHA-256$")


def test_logins_are_counted_by_the_server_itself(server: PostgresServer) -> None:
    """The log tells who was let in and who was not, since a mark."""
    mark = server.mark()
    server.connect("app", "right").close()
    refusal(server, password="wrong")
    refusal(server, database="nowhere")
    logins = server.logins(mark).of("app")
    assert len(logins.accepted) == 1
    assert [login.code for login in logins.refused] == ["28P01", "3D000"]


def test_names_of_any_kind_are_counted(server: PostgresServer) -> None:
    """A name with quotes, spaces, percents and foreign letters stands in the log as it is."""
    name = """O'Neil "100%" Größe|x: y"""
    quoted = name.replace('"', '""')
    server.execute(f"""CREATE ROLE "{quoted}" LOGIN PASSWORD 'right'""")
    server.connect(name, "right").close()
    assert len(server.logins().of(name).accepted) == 1


def test_a_clone_without_its_membership_is_accepted_with_a_warning(server: PostgresServer) -> None:
    """A SET role that fails at the start of a session does not make the login a refused one."""
    server.execute("CREATE ROLE base", "CREATE ROLE clone LOGIN PASSWORD 'right'")
    server.execute("ALTER ROLE clone SET role = 'base'")
    server.connect("clone", "right").close()
    assert "WARNING" in server.log_text()
    assert len(server.logins().of("clone").accepted) == 1


def test_statements_stand_in_the_log(server: PostgresServer) -> None:
    """What a client says is written down word by word: a password in clear would be found."""
    mark = server.mark()
    server.execute("SELECT 'a word in clear'")
    assert "a word in clear" in server.log_text(mark)


def test_a_database_can_be_made(server: PostgresServer) -> None:
    """A test makes databases of its own, whatever they are called."""
    name = server.create_database('odd "name"')
    server.connect("app", "right", name).close()


def test_a_restart_keeps_port_data_and_log(server: PostgresServer) -> None:
    """A restart ends sessions and takes settings, and nothing else changes."""
    port, mark = server.port, server.mark()
    server.restart(default_transaction_read_only="on")
    assert server.port == port
    assert server.mark() > mark
    assert show(server, "default_transaction_read_only") == "on"
    server.connect("app", "right").close()
    server.restart(default_transaction_read_only="off")


def test_a_stopped_server_refuses_connections(server: PostgresServer) -> None:
    """Nobody listens after a stop; a second stop is nothing, and a start brings it back."""
    server.stop()
    server.stop()
    assert "Connection refused" in refusal(server)
    server.start()
    server.connect("app", "right").close()


def test_a_certificate_can_be_replaced_while_running(server: PostgresServer, authority: Authority) -> None:
    """The next client sees the new certificate."""
    server.install_certificate(*authority.issue("server", expired=True))
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            server.connect("app", "right").close()
        except psycopg2.OperationalError as error:
            assert "certificate verify failed" in str(error)  # noqa: PT017 (it may still be let in)
            break
    server.install_certificate(*authority.issue("server"))
    server.restart()


def test_plain_text_can_be_rejected_by_name(authority: Authority) -> None:
    """A line `hostnossl … reject` answers otherwise than no line."""
    with PostgresServer(authority, plain="reject") as server:
        assert "pg_hba.conf rejects connection" in refusal(server, sslmode="disable")


def test_tls_can_be_off(authority: Authority) -> None:
    """A server without TLS lets plain text in, and says so to a client that insists."""
    with PostgresServer(authority, tls=False) as server:
        server.execute("CREATE ROLE app LOGIN PASSWORD 'right'")
        server.connect("app", "right").close()
        assert "server does not support SSL" in refusal(server, sslmode="require")


def test_passwords_can_be_kept_as_md5(authority: Authority) -> None:
    """The old form is there for those who still have it."""
    with PostgresServer(authority, settings={"password_encryption": "md5"}) as server:
        server.execute("CREATE ROLE app LOGIN PASSWORD 'right'")
        server.connect("app", "right").close()


def test_a_server_can_speak_another_language(authority: Authority) -> None:
    """What a client hears before it is logged in is German, umlauts included, and logins are still counted."""
    with PostgresServer(authority, settings={"lc_messages": "de_DE.UTF-8"}) as server:
        assert "Passwort-Authentifizierung für Benutzer »app« fehlgeschlagen" in refusal(server)
        assert [login.code for login in server.logins().of("app").refused] == ["28P01"]


def test_an_older_version_can_be_had(authority: Authority) -> None:
    """PostgreSQL 15, where CREATEROLE alone is enough to grant, runs beside the newer one."""
    with PostgresServer(authority, installation=servers.postgres(15)) as server:
        assert server.version.startswith("15.")


def test_two_servers_share_nothing(authority: Authority, server: PostgresServer) -> None:
    """A second server has its own port, data and log."""
    with PostgresServer(authority) as other:
        assert other.port != server.port
        refusal(other)
        assert 'Role "app" does not exist' in other.log_text()


def test_a_taken_port_is_given_up_for_another(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who was faster with the port costs an attempt, not the test."""
    with PostgresServer(authority) as first:
        ports = iter([first.port, process.free_port()])
        monkeypatch.setattr(process, "free_port", lambda: next(ports))
        with PostgresServer(authority) as second:
            assert second.port != first.port


def test_a_server_that_cannot_start_says_why(authority: Authority) -> None:
    """A setting that the server does not know is an error with the server's own words, at once."""
    with (
        pytest.raises(servers.ServerUnavailableError, match="no_such_setting"),
        PostgresServer(authority, settings={"no_such_setting": "1"}),
    ):
        pass


def test_a_version_that_nobody_has_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing server fails with the ways to get one; it never skips."""
    monkeypatch.setenv(choice.DATABASES, "local")
    with pytest.raises(servers.ServerUnavailableError, match="no PostgreSQL 8 here: install"):
        servers.postgres(8)


def test_the_header_names_versions_and_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report says which servers there are and where they come from."""
    monkeypatch.setenv(choice.DATABASES, "local")
    (line,) = servers.report()
    assert servers.postgres().version in line
    assert servers.postgres().origin in line


def test_the_header_hides_the_password_of_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address from the environment is reported without its credentials."""
    monkeypatch.setenv(servers.POSTGRES_ADDRESS, "postgresql://me:word@db:5432")
    assert servers.report() == [f"PostgreSQL: at db:5432 ({servers.POSTGRES_ADDRESS})"]


def test_leaving_removes_the_folder_and_the_process(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the block ends there is neither a file nor a process."""
    monkeypatch.setenv(choice.DATABASES, "local")
    with PostgresServer(authority) as server:
        folder = server.folder
        pid = (server.data / "postmaster.pid").read_text().split()[0]
    assert not folder.exists()
    assert not Path("/proc", pid).exists()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_server_does_not_outlive_its_tests(end: signal.Signals, tmp_path: Path) -> None:
    """However the interpreter ends, its servers stop and its files go."""
    program = (
        "import sys, time, pathlib\n"
        "from tests.support.servers import postgresql, process, tls\n"
        "server = postgresql.PostgresServer(tls.Authority.create(pathlib.Path(sys.argv[1]), 'x')).__enter__()\n"
        "print(process.workspace(), (server.data / 'postmaster.pid').read_text().split()[0], flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, choice.DATABASES: "local"},
        text=True,
    ) as child:
        assert child.stdout
        folder, pid = child.stdout.readline().split()
        child.send_signal(end)
    until = time.monotonic() + 10
    while Path(folder).exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    assert str(folder).encode() not in command_line(pid)


def command_line(pid: str) -> bytes:
    """Return what a process runs, nothing when it is gone."""
    try:
        return Path("/proc", pid, "cmdline").read_bytes()
    except FileNotFoundError:
        return b""
