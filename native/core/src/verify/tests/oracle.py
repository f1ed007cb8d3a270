"""Asks Keylime's own code about measurement lists: a JSON job a line in, a JSON answer a line out."""

import base64
import contextlib
import io
import json
import logging
import os
import sys

logging.disable(logging.CRITICAL)

from keylime import config, failure
from keylime.cmd import convert_runtime_policy
from keylime.common.algorithms import Hash
from keylime.ima import ast, ima
from keylime.ima.file_signatures import ImaKeyring, ImaKeyrings

line = 0
events = []
is_tomtou = False

add_event = failure.Failure.add_event
make_entry = ast.Entry.__init__


def note_event(self, event_id, context, recoverable, sub_components=None):
    add_event(self, event_id, context, recoverable, sub_components)
    events.append((line, self.events[-1].event_id))


class Lines(list):
    """Says which line is looked at, counting those that are not blank."""

    def __iter__(self):
        global line
        for text in list.__iter__(self):
            if text.strip("\n"):
                line += 1
            yield text
        line = 0


failure.Failure.add_event = note_event
getboolean = config.getboolean
config.getboolean = lambda part, name, fallback=None: (
    is_tomtou if name == "ignore_tomtou_errors" else getboolean(part, name, fallback=fallback)
)

for job in map(json.loads, sys.stdin):
    line = 0
    events.clear()
    is_tomtou = job["tomtou"]
    if "hashes" in (job["policy"] or {}):
        # An old allowlist, which has to be converted before it is uploaded.
        with contextlib.redirect_stdout(io.StringIO()):
            job["policy"] = convert_runtime_policy._convert_json_allowlist(job["policy"])
    keyrings = None
    if job["policy"] is not None or job["keys"]:
        keyrings = ImaKeyrings()
        tenant = ImaKeyring()
        policy_keys = (job["policy"] or {}).get("verification-keys") or ""
        if policy_keys:
            tenant = ImaKeyring.from_string(policy_keys)
        keyrings.set_tenant_keyring(tenant)
        for key in job["keys"]:
            keyrings.add_to_keyring_from_data(base64.b64decode(key), "tenant_keyring")
    text = base64.b64decode(job["list"]).decode("utf-8", "surrogateescape")
    raised = value = None
    try:
        value, outcome = ima.process_measurement_list(
            None,
            Lines(text.split("\n")),
            job["policy"],
            pcrval=job["pcr"],
            ima_keyrings=keyrings,
            boot_aggregates=job["boot"],
            hash_alg=Hash(job["bank"]),
        )
        is_pass = not outcome
    except Exception as error:
        raised = [line, type(error).__name__]
        is_pass = False
    print(json.dumps({"pass": is_pass, "events": events, "raised": raised, "value": value}), flush=True)
