"""A process that counts strictly: at its port, no window of a second may hold more than so many requests.

Prints its port; when its standard input ends, prints the times of all requests and how many it refused.
"""

import asyncio
import json
import sys
import time
from collections import deque

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}"


class Count:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.recent: deque[float] = deque()
        self.times: list[float] = []
        self.refused = 0

    def answer(self) -> bytes:
        now = time.monotonic()
        self.times.append(now)
        while self.recent and self.recent[0] <= now - 1:
            self.recent.popleft()
        if len(self.recent) >= self.limit:
            self.refused += 1
            return REFUSED
        self.recent.append(now)
        return OK


async def main(limit: int) -> None:
    count = Count(limit)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(count.answer())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        sys.stdout.write(f"{listener.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
    sys.stdout.write(json.dumps({"times": count.times, "refused": count.refused}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
