"""Members that exchange chunks: real ones, over a wire that encodes all they say and may lose it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from feria.cluster.chunks import Chunks
from feria.cluster.pieces import Message, Peers, Send, Want
from feria.storage.blobs import Blobs

Fault = Callable[[str, str, Message], Message | None]
"""What becomes of a message from one to another; nothing where it is lost."""


class ChunkNet:
    """`members` by address; an address is the member's name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.members: dict[str, Chunks] = {}
        self.down: set[str] = set()
        self.said: list[tuple[str, str, Message]] = []
        self.fault: Fault = lambda _, to, message: message
        self.asked_at_once = self._asked = 0

    def member(self, name: str) -> Chunks:
        made = Chunks(Blobs(self._folder / name), send=self.send_as(name), peers=self.peers_of(name))
        self.members[name] = made
        return made

    def send_as(self, name: str) -> Send:
        return lambda to, message: self._send(name, to, message)

    def peers_of(self, name: str) -> Peers:
        return lambda: {other: other for other in self.members if other != name and other not in self.down}

    def files(self, name: str) -> list[Path]:
        return sorted(path for path in (self._folder / name).glob("??/*") if path.is_file())

    def wants(self) -> list[Want]:
        return [message for _, _, message in self.said if isinstance(message, Want)]

    def _send(self, sender: str, to: str, message: Message) -> bool:
        if to in self.down or sender in self.down:
            return False
        self._count(message)
        self.said.append((sender, to, message))
        sent = self.fault(sender, to, message)
        if sent is not None:
            encoded = msgspec.msgpack.encode(sent)
            heard = msgspec.msgpack.decode(encoded, type=Message)
            asyncio.get_running_loop().call_soon(self.members[to].receive, sender, heard)
        return True

    def _count(self, message: Message) -> None:
        if isinstance(message, Want):
            self._asked += 1
        elif message.content is None or message.at + len(message.content) >= message.of:
            self._asked -= 1
        self.asked_at_once = max(self.asked_at_once, self._asked)

    async def close(self) -> None:
        for member in self.members.values():
            await member.close()
