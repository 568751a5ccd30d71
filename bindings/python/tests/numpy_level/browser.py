"""A headless Chromium that tests talk to through a pipe, in the Chrome DevTools Protocol."""

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time

# Draws with the processor, so that no graphics card is needed.
FLAGS = (
    "--headless", "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--hide-scrollbars", "--no-first-run", "--disable-extensions", "--remote-debugging-pipe",
)  # fmt: skip
SECONDS = 60  # the most that one answer may take


def find():
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """A page of a browser; errors collects what its console reports as errors."""

    def __init__(self, to_browser, from_browser):
        self.to_browser, self.from_browser, self.received = to_browser, from_browser, b""
        self.number, self.session, self.errors = 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Runtime.enable")

    def call(self, method, **parameters):
        """What the browser answers to a method."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            about = answer.get("params", {})
            if answer.get("method") == "Runtime.exceptionThrown":
                self.errors.append(about["exceptionDetails"])
            elif answer.get("method") == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
                self.errors.append(about["args"])
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self):
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self.received:
            ready, _, _ = select.select([self.from_browser], [], [], max(0, deadline - time.monotonic()))
            part = os.read(self.from_browser, 1 << 16) if ready else b""
            assert part, "the browser says no more"
            self.received += part
        message, _, self.received = self.received.partition(b"\0")
        return json.loads(message)

    def show(self, address, width, height):
        """Go to an address, in a window of that many pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=address)
        self.evaluate('new Promise((done) => (document.readyState === "complete" ? done() : (window.onload = done)))')

    def evaluate(self, expression):
        """The value of an expression in JavaScript, awaited if it is a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def drag(self, begin, end):
        """Press the left button at a point of the window, (x, y) in pixels, and release it at another one."""
        middle = [(a + b) // 2 for a, b in zip(begin, end)]
        for kind, (x, y) in (("Pressed", begin), ("Moved", middle), ("Moved", end), ("Released", end)):
            pressed = {"button": "left", "buttons": int(kind != "Released"), "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **pressed)

    def picture(self, path):
        """Write what the window shows as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextlib.contextmanager
def opened(profile):
    """A page of a new browser that keeps its files in a folder, and ends with the block."""
    its_input, to_browser = os.pipe()
    from_browser, its_output = os.pipe()
    # The protocol's pipes are descriptors 3 and 4.
    start = [
        "bash",
        "-c",
        f'exec "$@" 3<&{its_input} 4>&{its_output}',
        "bash",
        find(),
        *FLAGS,
        f"--user-data-dir={profile}",
    ]
    process = subprocess.Popen(
        start, pass_fds=(its_input, its_output), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        os.close(its_input)
        os.close(its_output)
        yield Page(to_browser, from_browser)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(to_browser)
        os.close(from_browser)
