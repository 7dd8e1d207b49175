"""An identity provider's keys: GET /keys answers the JSON Web Key Set that the test has said.

Prints its port and the port of its control, see control.py. Modes are "ok", "hang", "fail", "redirect", "malformed" and "huge".
"""

import os
from http.server import BaseHTTPRequestHandler

from control import Behaviour, Server

behaviour = Behaviour()


class KeyServer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        with behaviour.call(self.path, headers) as wish:
            good = wish.get("answer", '{"keys": []}').encode()
            match wish.get("mode", "ok"):
                case "ok":
                    self.reply(200, good)
                case "fail":
                    self.reply(500, b"something broke")
                case "redirect":
                    self.send_response(307)
                    self.send_header("location", self.path + "?again")
                    self.send_header("content-length", "0")
                    self.end_headers()
                case "malformed":
                    self.reply(200, good[: len(good) // 2])
                case "huge":
                    self.reply(200, good + b" " * 1024 * 1024)
                case "die":
                    os._exit(1)

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            pass  # whoever asked has heard enough

    def log_message(self, *_):
        pass


server = Server(("127.0.0.1", 0), KeyServer)
print(server.server_port, behaviour.serve(), flush=True)
server.serve_forever()
