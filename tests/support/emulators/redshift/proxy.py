"""The front of the stand-in: TLS, the login, and every statement on its way to PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import secrets
import ssl
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.support.emulators.redshift import passwords, wire
from tests.support.emulators.redshift.statements import translated
from tests.support.emulators.redshift.words import switches_exactness

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

OPTIONS = "-c standard_conforming_strings=off -c escape_string_warning=off -c backslash_quote=on"
"""Redshift descends from PostgreSQL 8.0, which reads a backslash in a string as an escape."""

Record = tuple[str | None, dt.datetime | None]


@dataclass(frozen=True)
class Login:
    """One attempt to log in, with the SQLSTATE of its refusal ("" where it was accepted)."""

    user: str
    code: str
    encrypted: bool
    database: str = ""

    @property
    def accepted(self) -> bool:
        """Whether it was let in."""
        return not self.code


class Front:
    """Listens on loopback, in a thread of its own."""

    def __init__(
        self, backend: tuple[str, int], record_of: Callable[[str], Record], certificate: tuple[Path, Path] | None
    ) -> None:
        """Know where PostgreSQL is, how to look a user up, and what to show."""
        self._backend, self._record_of = backend, record_of
        self._context: ssl.SSLContext | None = None
        if certificate:
            self.show(certificate)
        self.also: dict[str, str] = {}
        """Further names of a database, as if they were databases of their own."""
        self.logins: list[Login] = []
        self.said: list[bytes] = []
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True, name="redshift")

    def show(self, certificate: tuple[Path, Path]) -> None:
        """Show this certificate from the next connection on."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate)

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        listening: Future[int] = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        self.port = listening.result(10)
        return self

    def __exit__(self, *_: object) -> None:
        """End every connection."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        """Serve. Nothing of the library runs here that coverage had to see."""
        sys.settrace(None)
        self._loop.run_forever()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        return int(self._server.sockets[0].getsockname()[1])

    async def _end(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError)
        self._writers.add(writer)
        with contextlib.suppress(*gone):
            await self._serve(reader, writer)
        self._writers.discard(writer)
        with contextlib.suppress(*gone):
            await writer.drain()
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        code, content = await wire.read_startup(reader)
        if code == wire.SSL_REQUEST:
            writer.write(b"S" if self._context else b"N")
            await writer.drain()
            if self._context:
                await writer.start_tls(self._context)
            code, content = await wire.read_startup(reader)
        if code != wire.PROTOCOL:
            return
        words = wire.parameters(content)
        user = words.get("user", "")
        encrypted = writer.get_extra_info("ssl_object") is not None
        if not await self._proven(user, reader, writer):
            self.logins.append(Login(user, "28000", encrypted))
            writer.write(wire.error("28000", f'password authentication failed for user "{user}"'))
            await writer.drain()
            return
        await self._pass_on(user, words.get("database", user), encrypted=encrypted, reader=reader, writer=writer)

    async def _proven(self, user: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Have the password proven: by MD5, or by a digest where a SHA-256 is kept."""
        record, until = self._record_of(user)
        salt, nonce = secrets.token_bytes(4), secrets.token_bytes(16)
        digest = (record or "").startswith("sha256|")
        if digest:
            challenge = wire.digest_challenge(bytes.fromhex(str(record).split("|")[2]), nonce)
        else:
            challenge = wire.md5_challenge(salt)
        writer.write(challenge)
        await writer.drain()
        _, answer = await wire.read_message(reader)
        if record is None or (until is not None and until < dt.datetime.now(dt.UTC)):
            return False
        if digest:
            given, client_nonce = wire.digest_parts(answer)
            return passwords.same(given, passwords.digest_answer(record, nonce, client_nonce))
        return passwords.same(answer.rstrip(b"\0"), passwords.md5_answer(record, salt))

    async def _pass_on(
        self, user: str, database: str, *, encrypted: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        behind, ahead = await asyncio.open_connection(*self._backend)
        reached = self.also.get(database, database)
        ahead.write(wire.startup({"user": user, "database": reached, "options": OPTIONS, "client_encoding": "UTF8"}))
        try:
            code = await self._greet(behind, writer)
            self.logins.append(Login(user, code, encrypted, database))
            if not code:
                await self._relay(reader, writer, behind, ahead)
        finally:
            ahead.close()

    @staticmethod
    async def _greet(behind: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Let PostgreSQL's greeting through, with Redshift's version; give the code of a refusal."""
        kind = b""
        while kind != b"Z":
            kind, content = await wire.read_message(behind)
            if kind == b"S" and content.startswith(b"server_version\0"):
                content = b"server_version\x008.0.2\0"
            writer.write(wire.message(kind, content))
            await writer.drain()
            if kind == b"E":
                return wire.sqlstate(content)
        return ""

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        behind: asyncio.StreamReader,
        ahead: asyncio.StreamWriter,
    ) -> None:
        ways = [asyncio.ensure_future(self._forth(reader, ahead)), asyncio.ensure_future(_back(behind, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _forth(self, reader: asyncio.StreamReader, ahead: asyncio.StreamWriter) -> None:
        exact = False
        while True:
            kind, content = await wire.read_message(reader)
            self.said.append(content)
            if kind in {b"P", b"Q"}:
                name, statement, rest = content.split(b"\0", 2) if kind == b"P" else (b"", content[:-1], b"")
                switched = switches_exactness(statement.decode())
                exact = exact if switched is None else switched
                read = translated(statement.decode(), exact=exact).encode()
                content = b"\0".join((name, read, rest)) if kind == b"P" else read + b"\0"
            ahead.write(wire.message(kind, content))
            await ahead.drain()


async def _back(behind: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await behind.read(65536):
        writer.write(chunk)
        await writer.drain()
