"""Server of protocol 1, with the original's order of checks, texts and bugs."""
import asyncio
import base64
import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

from protocol import (
    HANDSHAKE_WAIT, IDENTITY, LIMIT, SRP_OPTIONS,
    b64, emit, line_of, note, send, srp, stdin_lines,
)


@dataclass
class Message:  # the order of the fields is their order on the wire
    id: str = field(default_factory=lambda: str(uuid4()), init=False)
    text: Any
    timestamp: str = field(
        default_factory=lambda: datetime.now(timezone.utc).isoformat(), init=False
    )
    user_ip: str
    username: Any


@dataclass
class Member:
    user_id: str
    ip: str
    name: Any
    active: float = field(default_factory=time.monotonic)


class Server:
    def __init__(self, password):
        self.salt, self.verifier = srp.create_salted_verification_key(
            IDENTITY, password, **SRP_OPTIONS
        )
        self.room_salt = os.urandom(16)
        self.messages = []
        self.members = {}  # user_id -> Member: all logged-in members
        self.writers = {}  # user_id -> StreamWriter: receivers of broadcasts
        self.lock = asyncio.Lock()

    async def forget_idle(self):
        """Remove members idle for an hour from the list, but not from the room."""
        while True:
            await asyncio.sleep(300)
            limit = time.monotonic() - 3600
            self.members = {k: m for k, m in self.members.items() if m.active >= limit}

    async def connection(self, reader, writer):
        member = None
        try:
            member = await self.handshake(reader, writer)
            if member:
                await self.chat(reader, writer, member)
        except (OSError, asyncio.CancelledError):  # cancelled: the server stops
            pass
        except Exception as error:  # not a JSON object, not UTF-8, too long, timed out...
            note("connection closed: %r" % error)
        finally:
            if member:
                async with self.lock:
                    self.writers.pop(member.user_id, None)
                self.members.pop(member.user_id, None)
                emit("left", name=member.name)
                await self.broadcast({"type": "user_left", "user_id": member.user_id})
            writer.close()
            with suppress(Exception):
                await writer.wait_closed()

    async def handshake(self, reader, writer):
        """Run lines 1 to 4; return the Member, or None if the login failed."""

        async def refuse(text):
            await send(writer, {"error": text})

        line = await asyncio.wait_for(reader.readline(), HANDSHAKE_WAIT)
        if not line:
            return None
        try:
            request = json.loads(line.decode())
        except json.JSONDecodeError:
            return await refuse("Invalid JSON")
        if request.get("cmd") != "srp_init":
            return await refuse("Expected srp_init")
        name = request.get("username", "unknown")
        if not request.get("A"):
            return await refuse("Missing A")
        if any(member.name == name for member in self.members.values()):
            return await refuse("Username taken")
        try:
            A = base64.b64decode(request["A"])
            verifier = srp.Verifier(IDENTITY, self.salt, self.verifier, A, **SRP_OPTIONS)
            salt, B = verifier.get_challenge()
            if B is None:
                raise ValueError("SRP challenge generation failed")
        except Exception:
            return await refuse("SRP init failed")
        user_id = str(uuid4())
        reply = {"user_id": user_id, "B": b64(B), "salt": b64(salt)}
        await send(writer, {**reply, "room_salt": b64(self.room_salt)})

        line = await asyncio.wait_for(reader.readline(), HANDSHAKE_WAIT)
        if not line:
            return None
        try:
            request = json.loads(line.decode())
        except json.JSONDecodeError:
            return await refuse("Invalid JSON")
        if request.get("cmd") != "srp_verify":
            return await refuse("Expected srp_verify")
        if request.get("user_id") != user_id or not request.get("M"):
            return await refuse("Invalid verify request")
        try:
            H_AMK = verifier.verify_session(base64.b64decode(request["M"]))
            if H_AMK is None:
                raise ValueError("Authentication failed")
        except ValueError as error:  # the texts of binascii and pysrp are sent too
            return await refuse(str(error))
        session_key = base64.urlsafe_b64encode(verifier.get_session_key())
        member = Member(user_id, (writer.get_extra_info("peername") or ["unknown"])[0], name)
        self.members[user_id] = member
        await send(writer, {"H_AMK": b64(H_AMK), "session_key": b64(session_key)})
        return member

    async def chat(self, reader, writer, member):
        async with self.lock:
            self.writers[member.user_id] = writer
        users = [{"user_id": m.user_id, "username": m.name} for m in self.members.values()]
        history = [asdict(message) for message in self.messages]
        emit("joined", name=member.name)
        await send(writer, {"type": "init", "messages": history, "users": users})
        joined = {"type": "user_joined", "user_id": member.user_id, "username": member.name}
        await self.broadcast(joined, without=member.user_id)

        while True:
            line = await reader.readline()
            if not line:
                return
            member.active = time.monotonic()
            try:
                request = json.loads(line.decode())
            except json.JSONDecodeError:
                continue
            kind = request.get("type")
            if kind == "message":
                message = Message(request.get("text", ""), member.ip, member.name)
                self.messages.append(message)
                await self.broadcast({"type": "message", "data": asdict(message)})
            elif kind == "clear":
                self.messages.clear()
                await self.broadcast({"type": "cleared"})

    async def broadcast(self, value, without=None):
        """Send to members in sequence: one that stops reading eventually blocks all others."""
        line = line_of(value)
        async with self.lock:
            for user_id, writer in list(self.writers.items()):
                if user_id == without:
                    continue
                try:
                    writer.write(line)
                    await writer.drain()
                except Exception:
                    self.writers.pop(user_id, None)


async def run_server(args):
    server = Server(bytes.fromhex(args.password_hex))
    listener = await asyncio.start_server(server.connection, "127.0.0.1", args.port, limit=LIMIT)
    emit("listening", port=listener.sockets[0].getsockname()[1])
    idle = asyncio.ensure_future(server.forget_idle())
    stdin = stdin_lines()
    while await stdin.get() is not None:
        pass
    deadline = threading.Timer(2, os._exit, [0])  # if a member does not read its closing frames
    deadline.daemon = True
    deadline.start()
    idle.cancel()
    listener.close()
    return 0
