"""Starts a real `kith demo` on a free port with a data directory of its own."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import pytest

KITH = os.environ.get("KITH_PROGRAM", "build/test/kith")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A running server; `data` outlives it so that its files can be looked at."""

    def __init__(self, *arguments, data=None, command="demo"):
        self.directory = data or tempfile.mkdtemp(prefix="kith_e2e_")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(pathlib.Path(self.directory).parent / f"{pathlib.Path(self.directory).name}.log", "w+")
        self.process = subprocess.Popen(
            [KITH, command, "--data", self.directory, "--port", str(self.port), *arguments],
            stdout=self.log, stderr=subprocess.STDOUT)
        self.wait()

    def wait(self):
        for _ in range(600):
            if self.process.poll() is not None:
                self.log.seek(0)
                raise RuntimeError(self.log.read())
            try:
                with urllib.request.urlopen(self.url + "/readyz", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the server did not become ready in a minute")

    def call(self, path, body=None, method=None, headers=None):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data=data, method=method,
                                         headers={"Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), dict(error.headers)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def server():
    running = Server()
    yield running
    running.stop()


def kith(*arguments, check=True, **options):
    """Runs a command; returns (status, standard output, standard error)."""
    done = subprocess.run([KITH, *arguments], capture_output=True, text=True, timeout=120, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"kith {' '.join(arguments)}: {done.stderr}")
    return done.returncode, done.stdout, done.stderr
