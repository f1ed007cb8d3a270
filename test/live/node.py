#!/usr/bin/env python3
"""Plays an attested node for the live test: a software TPM with the few requests of Keylime's pull protocol (2.1)
that a registrar, a tenant and a verifier make. It is no agent and protects nothing.

What the kernel would do is done before every quote: entries that were appended to DIR/list since the last one are
extended into PCR 10. The quotes are the TPM's own.

    node.py DIR --port N --tpm-port N --registrar-port N --ca FILE

Prints "ready ID" once it is registered, where ID is SHA-256 of the endorsement key in PEM, as an agent with
`uuid = hash_ek` has it. SIGTERM ends it and its TPM. Only 127.0.0.1 is listened on.
"""
import argparse
import base64
import hashlib
import hmac
import json
import pathlib
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

IMA_PCR = 10
# The PCR to which the agent's key for payloads is bound.
KEY_PCR = 16
BANKS = ("sha1", "sha256")


def template_data(line):
    """What the kernel hashes of an `ima-ng` entry: two fields, each behind its length."""
    _pcr, _template_hash, template, digest, name = line.split(" ", 4)
    if template != "ima-ng":
        raise ValueError(f"this node knows ima-ng alone, not {template}")
    algorithm, value = digest.split(":")
    fields = (algorithm.encode() + b":\0" + bytes.fromhex(value), name.encode() + b"\0")
    return b"".join(len(field).to_bytes(4, "little") + field for field in fields)


class Tpm:
    """A software TPM, driven by tpm2-tools."""

    def __init__(self, directory, port):
        self.directory = directory
        self.port = port
        (directory / "state").mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [
                "swtpm", "socket", "--tpm2",
                "--tpmstate", f"dir={directory / 'state'}",
                "--server", f"type=tcp,bindaddr=127.0.0.1,port={port}",
                "--ctrl", f"type=tcp,bindaddr=127.0.0.1,port={port + 1}",
                "--flags", "not-need-init,startup-clear",
            ],
            stdin=subprocess.DEVNULL,
        )

    def wait(self):
        for _ in range(100):
            try:
                return self.run("getcap", "properties-fixed")
            except subprocess.CalledProcessError:
                time.sleep(0.1)
        raise RuntimeError("the software TPM does not answer")

    def run(self, tool, *args):
        tcti = f"swtpm:host=127.0.0.1,port={self.port}"
        return subprocess.run(
            [f"tpm2_{tool}", "-T", tcti, *args], cwd=self.directory, check=True, capture_output=True
        ).stdout

    def read(self, name):
        return base64.b64encode((self.directory / name).read_bytes()).decode()

    def make_keys(self):
        self.run("createek", "-G", "rsa", "-c", "ek.ctx", "-u", "ek.pub")
        self.run("readpublic", "-c", "ek.ctx", "-f", "pem", "-o", "ek.pem")
        # Transient keys of createek and createak take up the TPM's few slots.
        self.run("flushcontext", "-t")
        options = ("-G", "rsa", "-g", "sha256", "-s", "rsassa", "-f", "tss")
        self.run("createak", "-C", "ek.ctx", "-c", "ak.ctx", *options, "-u", "ak.pub", "-n", "ak.name")
        self.run("flushcontext", "-t")

    def activate(self, blob):
        """The secret that only the TPM with this EK and AK can read."""
        (self.directory / "blob").write_bytes(base64.b64decode(blob))
        self.run("startauthsession", "--policy-session", "-S", "session")
        self.run("policysecret", "-S", "session", "-c", "e")
        self.run("activatecredential", "-c", "ak.ctx", "-C", "ek.ctx", "-i", "blob", "-o", "secret", "-P", "session:session")
        self.run("flushcontext", "session")
        self.run("flushcontext", "-t")
        return (self.directory / "secret").read_bytes()

    def extend(self, pcr, data):
        digests = ",".join(f"{bank}={hashlib.new(bank, data).hexdigest()}" for bank in BANKS)
        self.run("pcrextend", f"{pcr}:{digests}")

    def quote(self, nonce, pcrs, key):
        self.run("pcrreset", str(KEY_PCR))
        self.run("pcrextend", f"{KEY_PCR}:sha256={hashlib.sha256(key).hexdigest()}")
        selection = "sha256:" + ",".join(str(pcr) for pcr in sorted({*pcrs, KEY_PCR}))
        self.run("quote", "-c", "ak.ctx", "-l", selection, "-q", nonce.encode().hex(), "-g", "sha256",
                 "-m", "message", "-s", "signature", "-o", "pcrs")
        self.run("flushcontext", "-t")
        return "r" + ":".join(self.read(name) for name in ("message", "signature", "pcrs"))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Node:
    def __init__(self, directory, port, tpm):
        self.directory = directory
        self.port = port
        self.tpm = tpm
        self.lock = threading.Lock()
        self.extended = 0
        self.boot_time = int(time.time())
        tpm.make_keys()
        self.id = hashlib.sha256((directory / "ek.pem").read_bytes()).hexdigest()
        # Its own TLS key, and one for payloads, which is never used here but belongs to every quote.
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={self.id}",
                     "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "tls.key", "-out", "tls.crt")
        self.openssl("genrsa", "-out", "payload.key", "2048")
        self.openssl("rsa", "-in", "payload.key", "-pubout", "-out", "payload.pub")

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.directory, check=True, capture_output=True)

    def register(self, registrar_port):
        def send(method, body):
            request = urllib.request.Request(
                f"http://127.0.0.1:{registrar_port}/v2.1/agents/{self.id}",
                json.dumps(body).encode(), {"Content-Type": "application/json"}, method=method,
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["results"]

        registered = send("POST", {
            "ek_tpm": self.tpm.read("ek.pub"), "ekcert": None, "aik_tpm": self.tpm.read("ak.pub"),
            "mtls_cert": (self.directory / "tls.crt").read_text(), "ip": "127.0.0.1", "port": self.port,
        })
        key = base64.b64encode(self.tpm.activate(registered["blob"]))
        send("PUT", {"auth_tag": hmac.new(key, self.id.encode(), "sha384").hexdigest()})

    def answer(self, path, query):
        """`results` of a request, or nothing for an unknown one."""
        if path == "/version":
            return {"supported_version": "2.1"}
        parts = path.strip("/").split("/")
        if parts[1:] == ["quotes", "identity"]:
            return self.quote(query["nonce"], set(), True)
        if parts[1:] == ["quotes", "integrity"]:
            mask = int(query["mask"], 16)
            pcrs = {pcr for pcr in range(24) if mask >> pcr & 1}
            return self.quote(query["nonce"], pcrs, query.get("partial") == "0", int(query.get("ima_ml_entry", 0)))
        return None

    def quote(self, nonce, pcrs, wants_key, first=None):
        key = (self.directory / "payload.pub").read_bytes()
        with self.lock:
            entries = (self.directory / "list").read_text().splitlines(keepends=True)
            for entry in entries[self.extended:]:
                self.tpm.extend(IMA_PCR, template_data(entry.rstrip("\n")))
            self.extended = len(entries)
            quote = self.tpm.quote(nonce, pcrs, key)
        results = {"quote": quote, "hash_alg": "sha256", "enc_alg": "rsa", "sign_alg": "rsassa"}
        if wants_key:
            results["pubkey"] = key.decode()
        if first is not None:
            first = first if first <= len(entries) else 0
            results.update(ima_measurement_list="".join(entries[first:]), ima_measurement_list_entry=first,
                           boottime=self.boot_time)
        return results


def handler_for(node):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            # Both halves of the key to a payload, which tenants up to 7.11 insist on: taken, and forgotten.
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_key = self.path.split("?")[0].endswith(("/keys/ukey", "/keys/vkey"))
            self.send_json(200 if is_key else 404, {})

        def do_GET(self):
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            try:
                results, status = node.answer(url.path, query), 200
            except Exception as error:  # told to the other side, which would wait otherwise
                print(repr(error), getattr(error, "stderr", ""), file=sys.stderr, flush=True)
                results, status = {}, 500
            if results is None:
                results, status = {}, 404
            self.send_json(status, results)

        def send_json(self, status, results):
            body = json.dumps({"code": status, "status": "Success", "results": results}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    return Handler


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    for name in ("--port", "--tpm-port", "--registrar-port"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--ca", required=True)
    args = parser.parse_args()
    tpm = Tpm(args.directory.resolve(), args.tpm_port)
    # So that the TPM ends with us, whatever we are doing.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        tpm.wait()
        node = Node(tpm.directory, args.port, tpm)
        server = ThreadingHTTPServer(("127.0.0.1", args.port), handler_for(node))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(tpm.directory / "tls.crt", tpm.directory / "tls.key")
        tls.load_verify_locations(args.ca)
        tls.verify_mode = ssl.CERT_REQUIRED
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        node.register(args.registrar_port)
        print("ready", node.id, flush=True)
        server.serve_forever()
    finally:
        tpm.stop()


if __name__ == "__main__":
    main()
