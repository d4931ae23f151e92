"""The RDS API over HTTP on the loopback interface: its protocol, and the one answer that most rotations ask for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from tests.support.emulators.wire.errors import ServiceError
from tests.support.emulators.wire.loopback import Handler, Loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ANSWER: Final = """<DescribeDBInstancesResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/">
<DescribeDBInstancesResult><DBInstances><DBInstance><Engine>{engine}</Engine>
<Endpoint><Address>{host}</Address><Port>{port}</Port></Endpoint></DBInstance></DBInstances>
</DescribeDBInstancesResult></DescribeDBInstancesResponse>"""
_ERROR: Final = """<ErrorResponse>
<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"""


@contextmanager
def describing(engine: str, host: str, port: int) -> Iterator[tuple[str, list[dict[str, list[str]]]]]:
    """Answer DescribeDBInstances with that endpoint; gives the service's address and the requests it got."""
    asked: list[dict[str, list[str]]] = []

    def answer(request: dict[str, list[str]]) -> str:
        asked.append(request)
        return _ANSWER.format(engine=engine, host=host, port=port)

    with answering(answer) as url:
        yield url, asked


@contextmanager
def answering(answer: Callable[[dict[str, list[str]]], str]) -> Iterator[str]:
    """
    Answer requests of AWS's query protocol with what that makes of their parameters; gives the address.

    A ServiceError that it raises is answered as one (API references, "Common errors").
    """

    class Answering(Handler):
        def do_POST(self) -> None:  # noqa: N802 the base class names it so
            request = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            try:
                status, text = 200, answer(request)
            except ServiceError as error:
                status, text = error.status, _ERROR.format(code=error.code, message=escape(error.message))
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with Loopback(Answering) as server:
        yield server.url
