"""Chromium by its DevTools protocol: one page, its events, its mouse."""

import base64
import io
import json
import subprocess
import time
from pathlib import Path

import numpy
import websocket
from PIL import Image


class Browser:
    def __init__(self, program, folder, width, height):
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-dev-shm-usage", "--remote-debugging-port=0", f"--user-data-dir={folder}", f"--window-size={width},{height}",
             "--proxy-server=direct://", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        told = Path(folder) / "DevToolsActivePort"
        until(lambda: told.exists() and len(told.read_text().split()) == 2, "the browser starts")
        port, path = told.read_text().split()
        self.socket = websocket.create_connection(f"ws://127.0.0.1:{port}{path}", suppress_origin=True, timeout=60)
        self.sent, self.session, self.events = 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Network", "Runtime", "Log":
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def call(self, method, **parameters):
        self.sent += 1
        message = {"id": self.sent, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            told = json.loads(self.socket.recv())
            if told.get("id") == self.sent:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                return told["result"]
            self.events.append(told)

    def taken(self, *methods):
        """The events since they were last taken."""
        self.evaluate("0")
        events, self.events = self.events, []
        return [event["params"] for event in events if event.get("method") in methods]

    def evaluate(self, expression):
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{expression}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y):
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def drag(self, x, y, right, down):
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        for step in range(1, 11):
            self.mouse("mouseMoved", x + right * step // 10, y + down * step // 10, button="left", buttons=1)
            time.sleep(0.03)
        time.sleep(0.3)  # so that the map does not fly on
        self.mouse("mouseMoved", x + right, y + down, button="left", buttons=1)
        self.mouse("mouseReleased", x + right, y + down, button="left", clickCount=1)

    def picture(self, path):
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        Path(path).write_bytes(data)
        return numpy.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)

    def close(self):
        self.session = None
        try:
            self.call("Browser.close")
        finally:
            self.process.wait(30)


def until(done, what, seconds=60):
    end = time.time() + seconds
    while not done():
        if time.time() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.1)
