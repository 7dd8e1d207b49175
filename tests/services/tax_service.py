"""A tax service that serves cartwright.provider.v1.TaxService, of which it knows the protos only.

Usage: tax_service.py PORT, 0 for a free one. Prints its port and the port of its control, see control.py.
To what is said there of behaviour it adds:

    {"rates": {"US": {"State tax": 600}}}   what is due where, in hundredths of a percent
    {"mode": "missing"}                     and "twice", "unknown", "nameless", "too_many", "too_much"

and to the report, what it has recorded:

    {"estimates": [the last questions], "commits": {order id: [each commit]}, "voids": {order id: how often}}
"""

import os
import sys
from concurrent import futures

import grpc
from google.protobuf import json_format

from control import Behaviour
from protos import PACKAGE, messages

RATES = {"US": {"State tax": 600, "City tax": 100}, "CA": {"GST": 500}}
OTHER = {"USD": "EUR"}

classes = messages()


class TaxBehaviour(Behaviour):
    def __init__(self):
        super().__init__()
        self.estimates = []
        self.commits = {}
        self.voids = {}

    def report(self):
        with self.lock:
            recorded = {
                "estimates": self.estimates,
                "commits": self.commits,
                "voids": self.voids,
            }
        return super().report() | recorded


behaviour = TaxBehaviour()


def rounded(numerator, denominator):
    """Half away from zero, of what is not negative."""
    return (2 * numerator + denominator) // (2 * denominator)


def taxes(taxable, currency, rates):
    """Each rate of the amount as it is, or of what is left of it without all of them."""
    due = rates.get(taxable.destination.country_code, {})
    base = 10_000 + (sum(due.values()) if taxable.tax_included else 0)
    minor = taxable.amount.amount_minor
    return [tax(name, currency, rounded(minor * rate, base)) for name, rate in due.items()]


def tax(name, currency, minor):
    return {"name": name, "amount": {"currency_code": currency, "amount_minor": minor}}


def estimate(request, context):
    heard = json_format.MessageToDict(request, preserving_proto_field_name=True)
    with behaviour.lock:
        behaviour.estimates = [*behaviour.estimates, heard][-10:]
    with behaviour.call("estimate", {}) as wish:
        rates = wish.get("rates", RATES)
        currency = request.currency_code
        lines = [
            {"taxable_id": taxable.id, "taxes": taxes(taxable, currency, rates)}
            for taxable in request.taxables
        ]
        return distorted(lines, currency, wish.get("mode", "ok"), context)


def distorted(lines, currency, mode, context):
    """The answer, as well as the mode allows."""
    first = lines[0]
    match mode:
        case "fail":
            context.abort(grpc.StatusCode.UNAVAILABLE, "something broke at 10.1.2.3")
        case "die":
            os._exit(1)
        case "wrong_type":
            return b"\x08\x01"  # field 1, the lines, as a number
        case "wrong_currency":
            first["taxes"] = [tax("Tax", OTHER[currency], 1)]
        case "negative":
            first["taxes"] = [tax("Tax", currency, -1)]
        case "nameless":
            first["taxes"] = [tax("", currency, 1)]
        case "too_many":
            first["taxes"] = [tax(f"Tax {n}", currency, 1) for n in range(21)]
        case "too_much":
            first["taxes"] = [tax("Tax", currency, 10**12 + 1)]
        case "missing":
            lines = lines[1:]
        case "twice":
            lines = [*lines, first]
        case "unknown":
            lines = [*lines, {"taxable_id": "what", "taxes": []}]
    answer = classes["EstimateTaxResponse"]()
    answer = json_format.ParseDict({"lines": lines}, answer).SerializeToString()
    return answer[:-5] if mode == "malformed" else answer


def commit(request, context):
    heard = json_format.MessageToDict(request, preserving_proto_field_name=True)
    with behaviour.call("commit", {}) as wish:
        if wish.get("mode") == "fail":
            context.abort(grpc.StatusCode.UNAVAILABLE, "something broke at 10.1.2.3")
        with behaviour.lock:
            behaviour.commits.setdefault(request.order_id, []).append(heard)
        return classes["CommitTaxResponse"]().SerializeToString()


def void(request, context):
    with behaviour.call("void", {}) as wish:
        if wish.get("mode") == "fail":
            context.abort(grpc.StatusCode.UNAVAILABLE, "something broke at 10.1.2.3")
        with behaviour.lock:
            times = behaviour.voids.get(request.order_id, 0)
            behaviour.voids[request.order_id] = times + 1
        return classes["VoidTaxResponse"]().SerializeToString()


def handler(function, request):
    return grpc.unary_unary_rpc_method_handler(
        function, request_deserializer=classes[request].FromString
    )


server = grpc.server(futures.ThreadPoolExecutor(max_workers=64))
handlers = {
    "EstimateTax": handler(estimate, "EstimateTaxRequest"),
    "CommitTax": handler(commit, "CommitTaxRequest"),
    "VoidTax": handler(void, "VoidTaxRequest"),
}
service = grpc.method_handlers_generic_handler(f"{PACKAGE}.TaxService", handlers)
server.add_generic_rpc_handlers([service])
port = server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
print(port, behaviour.serve(), flush=True)
server.wait_for_termination()
