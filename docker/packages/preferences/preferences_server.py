"""Milvus Lite where MemOS' preference memory wants Milvus 2.5 and only an older one can be had.

Read from the environment: MILVUS_PASSWORD (of the user root), PREFERENCES_DATA (/var/lib/milvus),
PREFERENCES_PORT (19531; 0 takes a free one). Like Milvus it speaks gRPC and REST on one port, asks
for a login, and serves after a restart what was served before. Exit code 0 after SIGTERM, 1 when it
cannot start.
"""

import asyncio
import importlib
import importlib.util
import logging
import os
import signal
import socket
import sys
import types
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from preferences_door import Door
from preferences_login import REFUSED, Login
from preferences_rest import Rest

Foreign: TypeAlias = Any
"""An object of Milvus Lite or gRPC: they are not installed where types are checked."""
Result = TypeVar("Result")
GRACE = 2.0
"""Seconds for calls that are under way when SIGTERM comes."""
PATIENCE = 10.0
"""Seconds until a question over REST, or of the health check, is given up."""
LARGEST = 256 * 1024 * 1024
"""Bytes of one message, as in Milvus."""

log = logging.getLogger("preferences")


def only_messages_of(name: str) -> None:
    """Let a package's parts be imported without the package itself, which loads pandas."""
    found = importlib.util.find_spec(name)
    package = types.ModuleType(name)
    package.__path__ = list((found and found.submodule_search_locations) or ())
    sys.modules[name] = package


class Store:
    """Milvus Lite's storage with its one worker: it does not bear two writers at once."""

    def __init__(self, lite: Foreign) -> None:
        """Serve at once what was kept before, as Milvus does after a restart."""
        self.lite = lite
        self.worker = ThreadPoolExecutor(max_workers=1)
        for database in self.lite.list_databases():
            for name in self.lite.list_collections(database):
                self.lite.get_collection(name, database).load()

    def do(self, call: Callable[[Foreign], Result]) -> Result:
        """Run a call where all others run, one after the other."""
        return self.worker.submit(call, self.lite).result(PATIENCE)


class Guard:
    """Lets no call of gRPC in without the login; an interceptor for its server."""

    def __init__(self, login: Login) -> None:
        """Know what lets in."""
        grpc = importlib.import_module("grpc")
        self.login = login
        self.status = grpc.StatusCode.UNAUTHENTICATED
        self.refusal = grpc.unary_unary_rpc_method_handler(self.refuse)

    def intercept_service(self, further: Callable[[Foreign], Foreign], call: Foreign) -> Foreign:
        """Return who answers a call."""
        given = dict(call.invocation_metadata).get("authorization", "")
        return further(call) if self.login.fits_metadata(given) else self.refusal

    def refuse(self, _request: object, context: Foreign) -> None:
        """End a call with the reason."""
        context.abort(self.status, REFUSED)


def grpc_server(store: Store, login: Login) -> tuple[Foreign, int]:
    """Return a server of Milvus' protocol on loopback, with a login, and its port."""
    grpc = importlib.import_module("grpc")
    servicer = importlib.import_module("milvus_lite.adapter.grpc.servicer").MilvusServicer
    add = importlib.import_module("pymilvus.grpc_gen.milvus_pb2_grpc")

    server = grpc.server(
        store.worker,
        interceptors=[Guard(login)],
        options=[
            ("grpc.max_receive_message_length", LARGEST),
            ("grpc.max_send_message_length", LARGEST),
            ("grpc.so_reuseport", 0),  # a second server must not share a port silently
        ],
    )
    add.add_MilvusServiceServicer_to_server(servicer(store.lite), server)
    return server, server.add_insecure_port("127.0.0.1:0")


def health(port: int, login: Login) -> Callable[[], str]:
    """Return a check that makes a real call over gRPC: why it fails, or an empty text."""
    grpc = importlib.import_module("grpc")
    messages = importlib.import_module("pymilvus.grpc_gen.milvus_pb2")
    stub = importlib.import_module("pymilvus.grpc_gen.milvus_pb2_grpc")
    milvus = stub.MilvusServiceStub(grpc.insecure_channel(f"127.0.0.1:{port}"))

    def check() -> str:
        metadata = (("authorization", login.metadata),)
        request = messages.ShowCollectionsRequest()
        try:
            answer = milvus.ShowCollections(request, timeout=PATIENCE / 5, metadata=metadata)
        except grpc.RpcError as error:
            return str(error.code())
        return str(answer.status.reason)

    return check


async def serve(door: Door, listener: socket.socket) -> None:
    """Let callers in until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = await asyncio.start_server(door.enter, sock=listener)
    await ended.wait()
    server.close()


def main(environment: Mapping[str, str]) -> int:
    """Open the store, listen, serve; the exit code."""
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("faiss").setLevel(logging.WARNING)  # it tells each library it does not find
    folder = Path(environment.get("PREFERENCES_DATA", "/var/lib/milvus")).absolute()
    port = environment.get("PREFERENCES_PORT", "19531")
    login = Login(password=environment.get("MILVUS_PASSWORD", "12345678"))
    only_messages_of("pymilvus")
    lite = importlib.import_module("milvus_lite")
    try:
        listener = socket.create_server(("0.0.0.0", int(port)))
        store = Store(lite.MilvusLite(str(folder)))
    except (OSError, ValueError, OverflowError, lite.MilvusLiteError) as error:
        log.error("cannot start on 0.0.0.0:%s: %s", port, error)  # noqa: TRY400 - a known cause
        return 1
    server, behind = grpc_server(store, login)
    server.start()
    rest = Rest(store.do, login, health(behind, login))
    log.info(
        "Milvus Lite %s in place of Milvus 2.5: %d collections, listening on port %d",
        lite.__version__,
        len(store.lite.list_collections()),
        listener.getsockname()[1],
    )
    try:
        asyncio.run(
            serve(Door(grpc_port=behind, rest=rest.answer, known=login.fits_header), listener)
        )
    finally:
        server.stop(GRACE).wait()
        store.worker.shutdown()
        store.lite.close()  # what only the log of writes holds becomes a part of its collection
        log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
