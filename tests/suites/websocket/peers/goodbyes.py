"""One connection on PyPI's `websockets`, which tells how it ended: `goodbyes.py client URL` or `goodbyes.py server`.

It prints "open" (a server its port before), and at the end the code of the other side's Close, or "lost".
"""

import asyncio
import ssl
import sys

import websockets


async def tell(socket) -> None:
    print("open", flush=True)
    try:
        while True:
            await socket.recv()
    except websockets.ConnectionClosed as end:
        print("ended", end.rcvd.code if end.rcvd else "lost", flush=True)


async def join(url: str) -> None:
    context = None
    if url.startswith("wss"):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    async with websockets.connect(url, ssl=context) as socket:
        await tell(socket)


async def serve() -> None:
    over = asyncio.Event()

    async def one(socket) -> None:
        # The id of the multiplayer mode.
        await socket.send((77).to_bytes(4, "little"))
        await tell(socket)
        over.set()

    async with websockets.serve(one, "127.0.0.1", 0) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await over.wait()


asyncio.run(join(sys.argv[2]) if sys.argv[1] == "client" else serve())
