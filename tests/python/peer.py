#!/usr/bin/env python3
"""Reference peer of protocol 1 for the interoperability tests. See README.md."""
import argparse
import asyncio
import json
import sys

import protocol
from protocol import LIMIT, emit, send, stdin_lines
from server import run_server


def text_of(error):
    return error.args[0] if type(error) is ValueError and error.args else str(error) or repr(error)


class Client:
    def __init__(self, name, session, reader, writer):
        self.name, self.fernet = name, session.fernet
        self.reader, self.writer = reader, writer
        self.users, self.messages = [], []

    def opened(self, message):
        """Return the event fields of a message, with the text as the program displays it."""
        token = message.get("text")
        fields = {"id": message.get("id"), "from": message.get("username", "unknown")}
        try:
            fields["text"] = message["text"] = self.fernet.decrypt(token.encode()).decode()
        except Exception:
            fields.update(text=None, token=token)
            if token:
                message["text"] = "[decrypt failed]"
        return fields

    def display(self):
        """Redraw like the program, which does so after each event and exits on failure."""
        names = ", ".join(user.get("username", "?") for user in self.users) or "none"
        protocol.check_display("[dim]Online: %s[/]" % names)
        for message in self.messages[-15:]:
            name, text = message.get("username", "unknown"), message.get("text", "")
            stamp = str(message.get("timestamp", ""))[:19].replace("T", " ")
            style = "green" if name == self.name else "cyan"
            protocol.check_display(f"[dim]{stamp}[/] [{style}]{name}[/]: {text}")

    def handle(self, value):
        kind, user_id = value.get("type", ""), value.get("user_id")
        if kind == "init":
            self.messages = value.get("messages", [])
            history = [self.opened(message) for message in self.messages]
            self.users = value.get("users", [])
            emit("ready", users=[u.get("username", "?") for u in self.users], history=history)
        elif kind == "message":
            self.messages.append(value.get("data", {}))
            emit("message", **self.opened(self.messages[-1]))
        elif kind == "user_joined":
            self.users.append({"user_id": user_id, "username": value.get("username")})
            emit("joined", name=value.get("username"), user_id=user_id)
        elif kind == "user_left":
            names = [u.get("username") for u in self.users if u.get("user_id") == user_id]
            self.users = [u for u in self.users if u.get("user_id") != user_id]
            emit("left", name=names[0] if names else None, user_id=user_id)
        elif kind == "cleared":
            self.messages = []
            emit("cleared")
        else:
            return
        self.display()

    async def receive(self):
        while True:
            line = await self.reader.readline()
            if not line:
                return "end of stream"
            self.handle(json.loads(line.decode()))

    async def commands(self, stdin):
        while True:
            line = await stdin.get()
            command = {"quit": True} if line is None else json.loads(line or b"{}")
            if "say" in command:
                token = self.fernet.encrypt(command["say"].encode()).decode()
                await send(self.writer, {"type": "message", "text": token})
            elif "clear" in command:
                await send(self.writer, {"type": "clear"})
            elif "raw" in command:  # "\udc80".."\udcff" stand for the bytes 80..ff
                self.writer.write((command["raw"] + "\n").encode(errors="surrogateescape"))
                await self.writer.drain()
            elif "quit" in command:
                return "quit"


async def close(writer):
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), 5)
    except Exception:
        writer.transport.abort()


async def connect(args):
    return await asyncio.wait_for(asyncio.open_connection(args.host, args.port, limit=LIMIT), 10)


async def run_client(args):
    writer = None
    try:
        reader, writer = await connect(args)
        password = bytes.fromhex(args.password_hex)
        session = await protocol.login(reader, writer, args.name, password)
    except Exception as error:
        emit("error", text=text_of(error))
        if writer:
            await close(writer)
        return 1
    client = Client(args.name, session, reader, writer)
    tasks = [asyncio.ensure_future(t) for t in (client.receive(), client.commands(stdin_lines()))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    error = [task.exception() for task in done][0]
    await close(writer)
    emit("closed", reason=repr(error) if error else [task.result() for task in done][0])
    return 0


# ------------------------------------------------------------ handshakes


async def run_handshakes(args):
    password = bytes.fromhex(args.password_hex)
    gate, done, errors = asyncio.Semaphore(args.parallel), 0, []
    zeros = dict.fromkeys(("A", "B", "S", "K", "M", "H_AMK", "salt"), 0)

    async def one(name):
        reader, writer = await connect(args)
        try:
            session = await protocol.login(reader, writer, name, password)
            init = await protocol.receive(reader)
            ids = [u["user_id"] for u in init["users"] if u["username"] == name]
            if init["type"] != "init" or ids != [session.user_id]:
                raise ValueError("bad init line")
            writer.write_eof()
            while await reader.read(65536):
                pass
        finally:
            await close(writer)
        for key, found in protocol.leading_zeros(session).items():
            zeros[key] += found

    async def guarded(number):
        nonlocal done
        async with gate:
            try:
                await asyncio.wait_for(one("%s-%d" % (args.prefix, number)), 60)
                done += 1
            except Exception as error:
                errors.append(text_of(error))

    await asyncio.gather(*(guarded(number) for number in range(args.count)))
    counts = {"leading_zero_" + key: count for key, count in zeros.items()}
    emit("handshakes", done=done, failed=len(errors), errors=errors[:5], **counts)
    return 1 if errors else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, function in (
        ("server", run_server), ("client", run_client), ("handshakes", run_handshakes)
    ):
        sub = commands.add_parser(command)
        sub.set_defaults(function=function)
        sub.add_argument("--password-hex", required=True, help="hex of UTF-8, may be empty")
        if command == "server":
            sub.add_argument("--port", type=int, default=0)
        else:
            sub.add_argument("host")
            sub.add_argument("port", type=int)
        if command == "client":
            sub.add_argument("name")
        if command == "handshakes":
            sub.add_argument("--count", type=int, required=True)
            sub.add_argument("--prefix", default="peer")
            sub.add_argument("--parallel", type=int, default=1)
    args = parser.parse_args()
    sys.exit(asyncio.run(args.function(args)))


if __name__ == "__main__":
    main()
