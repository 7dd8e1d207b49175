"""How a service of the tests behaves, set and read by the test over HTTP on a port beside the service's own.

POST /behave {"mode": "ok", "delay_ms": 300}   from now on; unset: answers at once, as well as it can
             {"mode": "fail", "times": 1}      only for so many calls, then "ok" again
             {"answer": "..."}                 what "ok" answers, in JSON
GET /report  {"calls": 3, "most_at_a_time": 1, "requests": [the last ones], "headers": [theirs]}

Modes are "ok", "hang", "fail", "redirect" and "many_headers" (HTTP only),
"malformed", "wrong_type", "wrong_currency", "negative", "huge" and "die".
"""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # A crowd may come at once.
    request_queue_size = 1024


class Behaviour:
    def __init__(self):
        self.lock = threading.Lock()
        self.wish = {}
        self.calls = 0
        self.running = 0
        self.most_at_a_time = 0
        self.requests = []
        self.headers = []

    def behave(self, wish):
        with self.lock:
            self.wish = wish

    def report(self):
        with self.lock:
            return {
                "calls": self.calls,
                "most_at_a_time": self.most_at_a_time,
                "requests": self.requests,
                "headers": self.headers,
            }

    @contextmanager
    def call(self, request, headers):
        """A call, from its request to its answer; yields how to behave, after the delay."""
        with self.lock:
            self.calls += 1
            self.running += 1
            self.most_at_a_time = max(self.most_at_a_time, self.running)
            self.requests = [*self.requests, request][-10:]
            self.headers = [*self.headers, headers][-10:]
            wish = self.wish
            if "times" in wish:
                left = wish["times"] - 1
                self.wish = {**wish, "times": left} if left else {}
        try:
            time.sleep(wish.get("delay_ms", 0) / 1000)
            if wish.get("mode") == "hang":
                time.sleep(3600)
            yield wish
        finally:
            with self.lock:
                self.running -= 1

    def serve(self):
        """Starts to listen to the test, and answers the port."""
        behaviour = self

        class Control(BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(behaviour.report())

            def do_POST(self):
                length = int(self.headers["content-length"])
                behaviour.behave(json.loads(self.rfile.read(length)))
                self.answer({})

            def answer(self, value):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(value).encode())

            def log_message(self, *_):
                pass

        server = Server(("127.0.0.1", 0), Control)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_port
