"""A carrier that serves cartwright.provider.v1.ShippingRateService, of which it knows the protos only.

Prints its port and the port of its control, see control.py.
"""

import os
from concurrent import futures

import grpc
from google.protobuf import json_format

from control import Behaviour
from protos import PACKAGE, messages

behaviour = Behaviour()
classes = messages()


def rate(code, name, currency, minor):
    return {
        "code": code,
        "display_name": name,
        "cost": {"currency_code": currency, "amount_minor": minor},
        "rate_id": f"rate-{code}",
        "description": f"{name} service",
        "transit_time": {"units": "TRANSIT_TIME_UNITS_BUSINESS_DAYS", "duration": 3},
        "dispatch_date": "2026-11-24",
    }


def answer(rates):
    response = {"rates": rates}
    return json_format.ParseDict(response, classes["GetRatesResponse"]()).SerializeToString()


def get_rates(request, context):
    heard = json_format.MessageToDict(request, preserving_proto_field_name=True)
    with behaviour.call(heard, dict(context.invocation_metadata())) as wish:
        return rates(request.currency_code, wish, context)


def rates(currency, wish, context):
    good = [rate("GND", "Ground", currency, 725), rate("AIR", "By air", currency, 1999)]
    match wish.get("mode", "ok"):
        case "ok" if "answer" in wish:
            response = classes["GetRatesResponse"]()
            return json_format.Parse(wish["answer"], response).SerializeToString()
        case "ok":
            return answer(good)
        case "fail":
            context.abort(grpc.StatusCode.UNAVAILABLE, "something broke at 10.1.2.3")
        case "malformed":
            return answer(good)[:-5]
        case "wrong_type":
            return b"\x08\x01"  # field 1, the rates, as a number
        case "wrong_currency":
            other = "EUR" if currency != "EUR" else "USD"
            return answer([rate("GND", "Ground", other, 725)])
        case "negative":
            return answer([rate("GND", "Ground", currency, -725)])
        case "huge":
            return answer([rate(f"C{i}", "x" * 200, currency, 725) for i in range(3000)])
        case "die":
            os._exit(1)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=64))
handler = grpc.unary_unary_rpc_method_handler(
    get_rates, request_deserializer=classes["GetRatesRequest"].FromString
)
service = grpc.method_handlers_generic_handler(
    f"{PACKAGE}.ShippingRateService", {"GetRates": handler}
)
server.add_generic_rpc_handlers([service])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, behaviour.serve(), flush=True)
server.wait_for_termination()
