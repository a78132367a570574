"""A bot that adds numbers: `bot.py CMDCHAT PORT KEYFILE`. It runs
`cmdchat connect --json`, as any script can."""

import json
import subprocess
import sys

program, port, key = sys.argv[1:]
chat = subprocess.Popen(
    [program, "connect", "127.0.0.1", port, "bot", "--json", "--password-file", key],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
)
waiting = set()


def ask(**command):
    print(json.dumps(command), file=chat.stdin, flush=True)


def say(text):
    ref = f"bot-{len(waiting)}-{text}"
    waiting.add(ref)
    ask(type="send", text=text, ref=ref)


for line in chat.stdout:
    event = json.loads(line)
    assert event["v"] == 1, event
    match event["type"]:
        case "ready":
            for member in event["members"]:
                say(f"hello {member['name']}")
        case "sent":
            waiting.discard(event["ref"])
        case "message" if not event["own"] and event["text"].startswith("bot: "):
            match event["text"].removeprefix("bot: ").split():
                case ["add", *numbers]:
                    say(str(sum(map(int, numbers))))
                case ["bye"]:
                    ask(type="quit")
                case words:
                    say(f"I cannot {' '.join(words)}")
        case "bye":
            assert event["exit"] == 0, event

assert chat.wait() == 0
assert not waiting, waiting
