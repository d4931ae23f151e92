"""
A stand-in for Terraform's AWS provider that knows its schema alone: enough for `terraform validate` and `plan`.

Whatever only AWS would tell is unknown in a plan, and made up where a data source is read. The schema is read from the
provider's Python bindings, which are made of it. Terraform starts this program and speaks plugin protocol 6 with it:
docs/plugin-protocol/tfplugin6.proto of Terraform, whose numbers stand beside each field here. The first line of output
is go-plugin's handshake: docs/internals.md there.

    python provider.py BINDINGS aws_secretsmanager_secret_rotation data.aws_secretsmanager_secret …
"""

from __future__ import annotations

import ast
import base64
import datetime as dt
import json
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import msgpack
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE: Final = "tfplugin6.Provider"
OF_ALL: Final = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}
"""Arguments of every resource, which are the language's own."""
UNKNOWN: Final = msgpack.ExtType(0, b"\0")
"""What is not known yet (Terraform, docs/plugin-protocol/object-wire-format.md)."""
LIST: Final = 2
"""NestedBlock.NestingMode: LIST."""


def message(number: int, content: bytes) -> bytes:
    """Encode a field that holds bytes, a text or a message (Protocol Buffers, Encoding: wire type 2)."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def text(number: int, content: str) -> bytes:
    """Encode a field that holds a text."""
    return message(number, content.encode())


def integer(number: int, value: int) -> bytes:
    """Encode a field that holds a number or a truth (wire type 0)."""
    return varint(number << 3) + varint(value)


def fields(content: bytes) -> dict[int, bytes]:
    """Decode the fields of a message that hold bytes, texts or messages; the others are passed over."""
    found, at = {}, 0
    while at < len(content):
        key, at = number(content, at)
        length, at = number(content, at)
        if key & 7 == 2:
            found[key >> 3] = content[at : at + length]
            at += length
    return found


def number(content: bytes, at: int) -> tuple[int, int]:
    """Decode a number, and give where the next one begins."""
    value = shift = 0
    while content[at] & 128:
        value |= (content[at] & 127) << shift
        at, shift = at + 1, shift + 7
    return value | content[at] << shift, at + 1


def varint(value: int) -> bytes:
    """Encode a number in groups of seven bits."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


class Bindings:
    """The classes of one resource."""

    def __init__(self, folder: Path, kind: str) -> None:
        """Read them; ``kind`` begins with ``data.`` for a data source."""
        is_data = kind.startswith("data.")
        plain = kind.removeprefix("data.")
        module = f"data_{plain}" if is_data else plain.removeprefix("aws_")
        tree = ast.parse((folder / module / "__init__.py").read_text("utf-8"))
        self._classes = {it.name: it for it in tree.body if isinstance(it, ast.ClassDef)}
        self._name = "".join(part.title() for part in module.split("_"))

    def schema(self) -> bytes:
        """Return Schema: version 1, block 2."""
        return message(2, self._block(f"{self._name}Config", self._name))

    def filled(self, values: dict[str, Any], unknown: object = None) -> dict[str, Any]:
        """Put something in the place of what only AWS would tell: what is unknown, or a value that is made up."""
        told = {name: of_type(returns) for name, returns in self._properties(self._name)}
        empty = {name for name, value in values.items() if value is None and told.get(name) is not None}
        return values | {name: unknown or made_up(name, told[name]) for name in empty}

    def _block(self, config: str, resource: str | None) -> bytes:
        """Return Schema.Block: attributes 2, block_types 3; what only the resource has is computed."""
        encoded, named = b"", set(OF_ALL)
        for name, annotation, needed in self._arguments(config):
            named.add(name)
            inner = re.findall(r"'(\w+)'", annotation)
            if inner:
                encoded += message(3, self._nested(name, inner[0], annotation, needed=needed))
            elif (kind := of_type(annotation)) is not None:
                encoded += message(2, attribute(name, kind, needed=needed, computed=not needed))
        for name, annotation in self._properties(resource):
            if name not in named and (kind := of_type(annotation)) is not None:
                encoded += message(2, attribute(name, kind, needed=False, computed=True, optional=False))
        return encoded

    def _nested(self, name: str, config: str, annotation: str, *, needed: bool) -> bytes:
        """Return Schema.NestedBlock: type_name 1, block 2, nesting 3, min_items 4, max_items 5."""
        most = 0 if "Sequence" in annotation else 1
        nested = text(1, name) + message(2, self._block(config, None)) + integer(3, LIST)
        return nested + integer(4, int(needed)) + integer(5, most)

    def _arguments(self, name: str) -> Iterator[tuple[str, str, bool]]:
        (init,) = (it for it in self._classes[name].body if isinstance(it, ast.FunctionDef) and it.name == "__init__")
        for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True):
            if argument.arg not in OF_ALL and argument.annotation:
                yield argument.arg, ast.unparse(argument.annotation), default is None

    def _properties(self, name: str | None) -> Iterator[tuple[str, str]]:
        for it in self._classes[name].body if name else ():
            is_property = isinstance(it, ast.FunctionDef) and "builtins.property" in map(ast.unparse, it.decorator_list)
            if is_property and isinstance(it, ast.FunctionDef) and it.returns and not it.name.endswith("_input"):
                yield it.name, ast.unparse(it.returns)


def of_type(annotation: str) -> Any:  # noqa: ANN401 JSON
    """Return the type of an attribute as Terraform writes it, or None for one that no example uses."""
    plain = re.sub(r"^typing\.Optional\[(.*)\]$", r"\1", annotation)
    plain = re.sub(r"^typing\.Union\[(.*), _cdktf_\w+\.IResolvable\]$", r"\1", plain)
    simple = {"builtins.str": "string", "builtins.bool": "bool", "jsii.Number": "number"}
    many = {"typing.Sequence[{}]": "list", "typing.List[{}]": "list", "typing.Mapping[builtins.str, {}]": "map"}
    kinds: dict[str, Any] = dict(simple)
    kinds |= {form.format(it): [word, kind] for form, word in many.items() for it, kind in simple.items()}
    return ["map", "string"] if re.fullmatch(r"_cdktf_\w+\.StringMap", plain) else kinds.get(plain)


def made_up(name: str, kind: Any) -> object:  # noqa: ANN401 JSON
    """Return a value of a type."""
    return {"string": name, "bool": False, "number": 0, "list": [], "map": {}}[
        kind if isinstance(kind, str) else kind[0]
    ]


def attribute(name: str, kind: Any, *, needed: bool, computed: bool, optional: bool = True) -> bytes:  # noqa: ANN401
    """Return Schema.Attribute: name 1, type 2, required 4, optional 5, computed 6."""
    encoded = text(1, name) + message(2, json.dumps(kind).encode())
    return encoded + integer(4, needed) + integer(5, optional and not needed) + integer(6, computed)


def schemas(known: dict[str, Bindings]) -> bytes:
    """Return GetProviderSchema.Response: provider 1, resource_schemas 2, data_source_schemas 3, both maps."""
    encoded = message(1, message(2, b""))
    for kind, bindings in known.items():
        entry = text(1, kind.removeprefix("data.")) + message(2, bindings.schema())
        encoded += message(3 if kind.startswith("data.") else 2, entry)
    return encoded


def certificate() -> tuple[bytes, bytes, str]:
    """Make a key and a certificate for this run, and give them with what the handshake says: DER, without padding."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, der = made.public_bytes(serialization.Encoding.PEM), made.public_bytes(serialization.Encoding.DER)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret, pem, base64.b64encode(der).decode().rstrip("=")


class Answers(grpc.GenericRpcHandler):  # type: ignore[misc] # it comes without types
    """Answers the schema where it is asked for, and nothing else that Terraform would complain of."""

    def __init__(self, folder: Path, kinds: list[str], over: threading.Event) -> None:
        """Know the resources, and what to do at the end."""
        self._bindings = {kind: Bindings(folder, kind) for kind in kinds}
        self._over = over

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Choose by the name of the method; requests and answers are bytes."""
        return grpc.unary_unary_rpc_method_handler(partial(self._answer, call.method))

    def _answer(self, method: str, request: bytes, _context: grpc.ServicerContext) -> bytes:
        if method.endswith("/Shutdown"):
            self._over.set()
        answers = {
            f"/{SERVICE}/GetProviderSchema": lambda: schemas(self._bindings),
            f"/{SERVICE}/PlanResourceChange": lambda: self._planned(fields(request)),
            f"/{SERVICE}/ReadDataSource": lambda: self._read(fields(request)),
        }
        return answers.get(method, bytes)()

    def _planned(self, request: dict[int, bytes]) -> bytes:
        """Take type_name 1 and proposed_new_state 3, and return planned_state 1."""
        return message(1, self._value(request[1].decode(), request[3], UNKNOWN))

    def _read(self, request: dict[int, bytes]) -> bytes:
        """Take type_name 1 and config 2, and return state 1."""
        return message(1, self._value(f"data.{request[1].decode()}", request[2], None))

    def _value(self, kind: str, value: bytes, unknown: object) -> bytes:
        """Return a DynamicValue: msgpack 1."""
        given = msgpack.unpackb(fields(value)[1])
        return message(1, msgpack.packb(self._bindings[kind].filled(given, unknown)))


def main(folder: str, *kinds: str) -> None:
    """Serve until Terraform ends it."""
    over = threading.Event()
    key, chain, said = certificate()
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Answers(Path(folder), list(kinds), over)])
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, chain)]))
    server.start()
    print(f"1|6|tcp|127.0.0.1:{port}|grpc|{said}", flush=True)  # noqa: T201 the handshake
    over.wait(300)
    server.stop(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
