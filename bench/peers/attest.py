"""attest.py LIST POLICY SHA256: a Keylime verifier's judgement of a list, and what it cost.

Two costs are printed: that of `process_measurement_list` alone, and that with reading the list and the policy. Loading
Python and Keylime is in neither, and nothing is logged.
"""

import json
import logging
import sys
import time

logging.disable(logging.CRITICAL)

from keylime.common.algorithms import Hash
from keylime.ima import ima
from keylime.ima.file_signatures import ImaKeyrings


def now():
    return time.process_time(), time.perf_counter()


def cost(start, end):
    return {"cpuSeconds": end[0] - start[0], "elapsedSeconds": end[1] - start[1]}


list_file, policy_file, value = sys.argv[1:]
start = now()
with open(policy_file, encoding="utf-8") as file:
    policy = json.load(file)
with open(list_file, encoding="utf-8") as file:
    lines = file.read().split("\n")
read = now()
replayed, failure = ima.process_measurement_list(
    None, lines, policy, pcrval=value, ima_keyrings=ImaKeyrings(), hash_alg=Hash.SHA256
)
end = now()
verdict = "fail" if failure else "pass"
print(json.dumps({"verdict": verdict, "replayed": replayed, "alone": cost(read, end), "whole": cost(start, end)}))
