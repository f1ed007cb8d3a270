"""attest.py LIST POLICY SHA256: a Keylime verifier's judgement of a list, and what it cost.

Measured is what an attestation needs: reading the list and the policy, and `process_measurement_list`. Loading Python and
Keylime is not, and nothing is logged.
"""

import json
import logging
import sys
import time

logging.disable(logging.CRITICAL)

from keylime.common.algorithms import Hash
from keylime.ima import ima
from keylime.ima.file_signatures import ImaKeyrings

list_file, policy_file, value = sys.argv[1:]
started, cpu_before = time.perf_counter(), time.process_time()
with open(policy_file, encoding="utf-8") as file:
    policy = json.load(file)
with open(list_file, encoding="utf-8") as file:
    lines = file.read().split("\n")
replayed, failure = ima.process_measurement_list(
    None, lines, policy, pcrval=value, ima_keyrings=ImaKeyrings(), hash_alg=Hash.SHA256
)
cost = {"cpuSeconds": time.process_time() - cpu_before, "elapsedSeconds": time.perf_counter() - started}
print(json.dumps({"verdict": "fail" if failure else "pass", "replayed": replayed, **cost}))
