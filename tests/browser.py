"""A headless Chromium over its own pipe (the DevTools protocol): no port, no other package.

`Browser.find()` is None where there is none. Runs with a profile of its own, which is removed.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run "
    "--disable-sync --disable-background-networking --disable-component-update --hide-scrollbars "
    "--remote-debugging-pipe"
).split()


class Browser:
    """Open pages at a width, ask them, and remember what they complained about or fetched."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="tst-chromium-")
        theirs_in, self.write = os.pipe()
        self.read, theirs_out = os.pipe()
        fds = [
            fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (theirs_in, theirs_out)
        ]  # 3 and 4 are free to be set
        command = [self.find(), *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{fds[0]} 4>&{fds[1]}', *command],
            pass_fds=fds,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for fd in (theirs_in, theirs_out, *fds):
            os.close(fd)
        self.buffer, self.number, self.session, self.events = b"", 0, None, []

    def __enter__(self):
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
                "sessionId"
            ]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    @staticmethod
    def find():
        """Return the path of a Chromium or Chrome, or None."""
        return next(filter(None, map(shutil.which, NAMES)), None)

    def __exit__(self, *_):
        """End the browser, its helpers with it, then remove its profile."""
        self.session = None
        with contextlib.suppress(OSError, TimeoutError, RuntimeError):
            self.call("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        self.process.kill()
        self.process.wait()
        os.close(self.write), os.close(self.read)
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, **parameters):
        """Send one command and return its result; events that arrive meanwhile are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, path, width):
        """Load a local page at a width in pixels; what came before is forgotten."""
        height = 844 if width < 600 else 900
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._next())

    def ask(self, expression):
        """Return the value of a JavaScript expression on the open page."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        return result["result"].get("value")

    def complaints(self):
        """Return what the console, the log or an exception said since the page was opened."""
        kinds = (
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
            "Network.loadingFailed",
        )
        return [e["params"] for e in self.events if e.get("method") in kinds]

    def fetched(self):
        """Return the addresses that the page asked for since it was opened."""
        asked = [e["params"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [p["request"]["url"] for p in asked]

    def _next(self, seconds=20):
        """Return the next message; raises TimeoutError where none comes."""
        end = time.monotonic() + seconds
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read], [], [], max(0, end - time.monotonic()))
            chunk = os.read(self.read, 65536) if ready else b""
            if not chunk:
                raise TimeoutError(
                    f"Chromium said nothing for {seconds} s." if not ready else "Chromium ended."
                )
            self.buffer += chunk
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)
