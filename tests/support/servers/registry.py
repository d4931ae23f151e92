"""A registry of images on the loopback interface, from which an engine pulls what it has itself: pull, nothing else.

After the OCI Distribution Specification, "Pull": manifests by tag, blobs by digest. Engines take registries at
127.0.0.0/8 without TLS.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import docker

TYPE: Final = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG: Final = "application/vnd.docker.container.image.v1+json"
LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"  # engines look whether it is compressed

_Blobs = dict[str, bytes]


@contextmanager
def serving(client: docker.DockerClient, image: str, folder: Path) -> Iterator[str]:
    """Offer an image of an engine, and give the name under which it can be pulled."""
    saved = folder / "image.tar"
    with saved.open("wb") as archive:
        archive.writelines(client.images.get(image).save(named=True))
    manifest, blobs = _taken_apart(saved)
    name, _, tag = image.partition(":")
    offered = {f"/v2/{name}/manifests/{tag}": manifest, f"/v2/{name}/manifests/{_digest(manifest)}": manifest}
    offered |= {f"/v2/{name}/blobs/{digest}": blob for digest, blob in blobs.items()} | {"/v2/": b"{}"}
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"offered": offered})) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/{image}"
        server.shutdown()


def _taken_apart(saved: Path) -> tuple[bytes, _Blobs]:
    """Return the manifest and the blobs of what `docker save` wrote."""
    with tarfile.open(saved) as tar:
        read = {one.name: one for one in tar.getmembers()}

        def content(name: str) -> bytes:
            file = tar.extractfile(read[name])
            assert file
            return file.read()

        (listed,) = json.loads(content("manifest.json"))
        config, layers = content(listed["Config"]), [content(name) for name in listed["Layers"]]
    manifest = {
        "schemaVersion": 2,
        "mediaType": TYPE,
        "config": _described(CONFIG, config),
        "layers": [_described(LAYER, layer) for layer in layers],
    }
    return json.dumps(manifest).encode(), {_digest(blob): blob for blob in (config, *layers)}


def _described(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "size": len(blob), "digest": _digest(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


class _Handler(BaseHTTPRequestHandler):
    offered: _Blobs
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Tell of something."""
        found = self.offered.get(self.path)
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", TYPE if "/manifests/" in self.path else "application/octet-stream")
        self.send_header("Content-Length", str(len(found or b"")))
        self.send_header("Docker-Content-Digest", _digest(found or b""))
        self.end_headers()

    def do_GET(self) -> None:
        """Give it."""
        self.do_HEAD()
        self.wfile.write(self.offered.get(self.path, b""))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class names it so
        """Say nothing."""
