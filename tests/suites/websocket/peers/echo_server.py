"""A server on PyPI's `websockets` that sends back what comes. It prints its port."""

import asyncio

import websockets


async def echo(socket) -> None:
    async for message in socket:
        await socket.send(message)


async def main() -> None:
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
