"""Says what Python's re makes of patterns. Reads JSON lines {"patterns": [...], "names": [hex, ...]}.

Answers each with one JSON list: for a pattern that does not compile [message, position], otherwise
{"matches": [...]} with true, false or null (too slow, or re itself failed) for each name.
"""

import json
import re
import signal
import sys
import warnings

warnings.simplefilter("ignore")
TOO_SLOW_SECONDS = 0.02


class TooSlow(Exception):
    pass


def too_slow(*_):
    raise TooSlow


def ask(is_match, name):
    try:
        signal.setitimer(signal.ITIMER_REAL, TOO_SLOW_SECONDS)
        try:
            return is_match(name) is not None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except (TooSlow, SystemError, RuntimeError, MemoryError):
        return None


def judge(pattern, names):
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        return [error.msg, error.pos]
    except (OverflowError, ValueError) as error:
        return [str(error), None]
    return {"matches": [ask(compiled.match, name) for name in names]}


signal.signal(signal.SIGALRM, too_slow)
print(json.dumps(list(sys.version_info[:3])))
for line in sys.stdin:
    request = json.loads(line)
    names = [bytes.fromhex(name).decode("utf-8", "surrogateescape") for name in request["names"]]
    print(json.dumps([judge(pattern, names) for pattern in request["patterns"]]))
