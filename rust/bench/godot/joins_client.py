"""A client on PyPI's `websockets` that connects by `wss://` again and again. It prints as joins.gd does."""

import asyncio
import json
import ssl
import sys
import time

import websockets


async def main(url: str, count: int) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    times = []
    for _ in range(count):
        began = time.monotonic()
        try:
            async with websockets.connect(url, ssl=context, open_timeout=5):
                times.append((time.monotonic() - began) * 1000)
        except Exception:
            times.append(-1)
    print("joins " + json.dumps(times), flush=True)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
