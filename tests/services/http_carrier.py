"""A carrier as those who serve BigCommerce's Shipping Provider contract would write one: POST /rate.

Prints its port and the port of its control, see control.py.
"""

import json
import os
from http.server import BaseHTTPRequestHandler

from control import Behaviour, Server

behaviour = Behaviour()


def quote(code, name, currency, amount):
    return {
        "code": code,
        "display_name": name,
        "cost": {"currency": currency, "amount": amount},
        "rate_id": f"rate-{code}",
        "description": f"{name} service",
        "transit_time": {"units": "BUSINESS_DAYS", "duration": 3},
        "dispatch_date": "2026-11-24",
    }


def answer(currency, quotes):
    return json.dumps(
        {
            "quote_id": "quote-1",
            "messages": [],
            "carrier_quotes": [
                {"carrier_info": {"code": "", "display_name": "Parcels"}, "quotes": quotes}
            ],
        }
    ).encode()


class Carrier(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with behaviour.call(request, headers) as wish:
            self.rate(request, wish)

    def rate(self, request, wish):
        currency = request["base_options"]["items"][0]["declared_value"]["currency"]
        ground = quote("GND", "Ground", currency, 7.25)
        air = quote("AIR", "By air", currency, 19.99)
        good = wish["answer"].encode() if "answer" in wish else answer(currency, [ground, air])
        match wish.get("mode", "ok"):
            case "ok":
                self.reply(200, good)
            case "fail":
                self.reply(500, b"something broke")
            case "redirect":
                self.send_response(307)
                self.send_header("location", self.path)
                self.send_header("content-length", "0")
                self.end_headers()
            case "many_headers":
                self.send_response(200)
                for number in range(1000):
                    self.send_header(f"x-{number}", "x")
                self.send_header("content-length", "0")
                self.end_headers()
            case "malformed":
                self.reply(200, good[: len(good) // 2])
            case "wrong_type":
                self.reply(200, b'{"quote_id": "q", "messages": [], "carrier_quotes": "none"}')
            case "wrong_currency":
                other = "EUR" if currency != "EUR" else "USD"
                self.reply(200, answer(other, [quote("GND", "Ground", other, 7.25)]))
            case "negative":
                self.reply(200, answer(currency, [quote("GND", "Ground", currency, -7.25)]))
            case "huge":
                many = [quote(f"C{i}", "x" * 200, currency, 7.25) for i in range(3000)]
                self.reply(200, answer(currency, many))
            case "die":
                self.send_response(200)
                self.send_header("content-length", str(len(good)))
                self.end_headers()
                self.wfile.write(good[: len(good) // 2])
                self.wfile.flush()
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


server = Server(("127.0.0.1", 0), Carrier)
print(server.server_port, behaviour.serve(), flush=True)
server.serve_forever()
