"""Protocol 1 as in the original Python program: lines, SRP, room key, login.

SRP comes from pysrp, HKDF and Fernet from cryptography; neither is reimplemented here.
The last section has the events and commands with which the tests drive a peer.
"""
import asyncio
import base64
import json
import os
import re
import sys
import threading
from ast import literal_eval
from collections import namedtuple
from contextlib import suppress

import srp
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

srp.rfc5054_enable()

LIMIT = 65536  # longest line either side reads (asyncio closes on one byte more)
HANDSHAKE_WAIT = 30  # seconds the server waits for lines 1 and 3
IDENTITY = b"chat"
SRP_OPTIONS = {"hash_alg": srp.SHA256, "ng_type": srp.NG_2048}


def b64(data):
    return base64.b64encode(data).decode()


def line_of(value):
    """Encode with the defaults of json.dumps: ", " and ": ", all non-ASCII escaped."""
    return (json.dumps(value) + "\n").encode()


async def send(writer, value):
    writer.write(line_of(value))
    await writer.drain()


async def receive(reader):
    line = await reader.readline()
    if not line:
        raise ConnectionError("Connection closed")
    return json.loads(line.decode())


def room_fernet(password, room_salt):
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=room_salt, info=b"cmd-chat-room-key")
    return Fernet(base64.urlsafe_b64encode(key.derive(password)))


Session = namedtuple("Session", "user_id fernet user wire")  # wire: name -> bytes as sent


async def login(reader, writer, name, password):
    """Run lines 1 to 4 as client. Any rejection or error raises an exception."""
    user = srp.User(IDENTITY, password, **SRP_OPTIONS)
    _, A = user.start_authentication()
    await send(writer, {"cmd": "srp_init", "username": name, "A": b64(A)})

    reply = await receive(reader)
    if "error" in reply:
        raise ValueError(reply["error"])
    user_id = reply["user_id"]
    B = base64.b64decode(reply["B"])
    salt = base64.b64decode(reply["salt"])
    fernet = room_fernet(password, base64.b64decode(reply["room_salt"]))
    M = user.process_challenge(salt, B)
    if M is None:
        raise ValueError("SRP challenge processing failed")
    await send(writer, {"cmd": "srp_verify", "user_id": user_id, "M": b64(M)})

    reply = await receive(reader)
    if "error" in reply:
        raise ValueError(reply["error"])
    H_AMK = base64.b64decode(reply["H_AMK"])
    user.verify_session(H_AMK)
    if not user.authenticated():
        raise ValueError("Server authentication failed")
    Fernet(base64.b64decode(reply["session_key"]))  # unused, but must be a Fernet key
    return Session(user_id, fernet, user, {"A": A, "B": B, "salt": salt, "M": M, "H_AMK": H_AMK})


def leading_zeros(session):
    """Return the numbers of this handshake that begin with a zero byte at full width."""
    S = session.user.S  # an int in pysrp's Python back end, an OpenSSL number in its ctypes one
    S = S.to_bytes(256, "big").lstrip(b"\0") if isinstance(S, int) else srp._mod.bn_to_bytes(S)
    wire = session.wire
    return {
        "A": len(wire["A"].lstrip(b"\0")) < 256,
        "B": len(wire["B"].lstrip(b"\0")) < 256,
        "S": len(S) < 256,
        "K": session.user.K[0] == 0,
        "M": wire["M"][0] == 0,
        "H_AMK": wire["H_AMK"][0] == 0,
        "salt": wire["salt"][:1] in (b"", b"\0"),
    }


TAG = re.compile(r"(\\*)\[([a-z#/@][^[]*?)]")
HANDLER = re.compile(r"^[\w.]*?(\(.*?\))?$")
ALIASES = {"b": "bold", "i": "italic", "u": "underline", "s": "strike", "d": "dim", "r": "reverse"}


def check_display(line):
    """Raise if the program's terminal library (rich) would, which ends its connection.

    rich parses names and texts as markup: closing tags must match an open one. It also
    cannot print lone surrogates.
    """
    line.encode()
    stack = []
    for escapes, tag in TAG.findall(line):
        if len(escapes) % 2:
            continue
        name, _, parameters = tag.partition("=")
        if not name.startswith("/"):
            name = name.strip().lower()
            stack.append((ALIASES.get(name, name), parameters.strip()))
            continue
        name = name[1:].strip().lower()
        name = ALIASES.get(name, name)
        matching = [i for i, (opened, _) in enumerate(stack) if name in ("", opened)]
        if not matching:
            raise ValueError("closing tag [%s] does not match" % tag)
        opened, parameters = stack.pop(matching[-1])
        if opened.startswith("@") and parameters:
            handler = HANDLER.match(parameters)
            literal_eval((handler.group(1) or "()") if handler else parameters)


def emit(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def note(text):
    print(text, file=sys.stderr, flush=True)


def stdin_lines():
    """Return a queue of the lines of stdin, as bytes; None marks the end."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue()

    def put(item):
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def run():
        rest = b""
        while True:
            data = os.read(0, 65536)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                put(line)
            if not data:
                break
        if rest:
            put(rest)
        put(None)

    threading.Thread(target=run, daemon=True).start()
    return queue
