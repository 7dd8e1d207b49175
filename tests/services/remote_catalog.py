"""A remote catalog, which serves BatchGetVariants of cartwright.v1.CatalogService. It knows the protos only.

Usage: remote_catalog.py PORT, 0 for a free one. Prints its port and the port of its control, see control.py.
To what is said there of behaviour it adds:

    {"products": [...]}   what it has from now on, in JSON; it has nothing at first
    {"mode": CODE}        fails with this gRPC status, such as "PERMISSION_DENIED"
    {"mode": "twice"}     answers each product two times
    {"mode": "more"}      answers a product too many

and to the report, {"asked": [the product ids of each call]}. Of the modes there it knows "hang", "huge" and "die".
"""

import os
import sys
from concurrent import futures

import grpc
from google.protobuf import json_format

from control import Behaviour
from protos import messages

PACKAGE = "cartwright.v1"

classes = messages(PACKAGE)
Product, Response = classes["Product"], classes["BatchGetVariantsResponse"]


class CatalogBehaviour(Behaviour):
    def __init__(self):
        super().__init__()
        self.products = {}
        self.asked = []

    def behave(self, wish):
        if "products" in wish:
            products = [json_format.ParseDict(product, Product()) for product in wish.pop("products")]
            self.products = {product.id: product for product in products}
        super().behave(wish)

    def report(self):
        return super().report() | {"asked": self.asked}


behaviour = CatalogBehaviour()


def batch_get_variants(request, context):
    ids = [reference.product_id for reference in request.variants]
    behaviour.asked.append(ids)
    with behaviour.call(ids, dict(context.invocation_metadata())) as wish:
        found = [behaviour.products[one] for one in ids if one in behaviour.products]
        match wish.get("mode", "ok"):
            case "ok":
                pass
            case "twice":
                found *= 2
            case "more":
                found.append(Product(id="uninvited"))
            case "huge":
                found = [Product(id=product.id, name="x" * 20_000_000) for product in found]
            case "die":
                os._exit(1)
            case code:
                context.abort(grpc.StatusCode[code], "something broke at 10.1.2.3")
        return Response(products=found)


handler = grpc.unary_unary_rpc_method_handler(
    batch_get_variants,
    request_deserializer=classes["BatchGetVariantsRequest"].FromString,
    response_serializer=Response.SerializeToString,
)
service = grpc.method_handlers_generic_handler(
    f"{PACKAGE}.CatalogService", {"BatchGetVariants": handler}
)
server = grpc.server(futures.ThreadPoolExecutor(max_workers=64))
server.add_generic_rpc_handlers([service])
port = server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
print(port, behaviour.serve(), flush=True)
server.wait_for_termination()
