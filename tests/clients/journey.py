"""From cart to paid order, by a client that knows the service only by reflection.

Usage: journey.py HOST:PORT. Exits non-zero with what is wrong when anything is not as it should be.
"""

import sys
import uuid

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

channel = grpc.insecure_channel(sys.argv[1])
database = ProtoReflectionDescriptorDatabase(channel)
pool = descriptor_pool.DescriptorPool(database)


def call(method, /, **request):
    """Calls SERVICE/RPC with a request as JSON; answers the response as JSON."""
    service_name, rpc_name = method.split("/")
    service = pool.FindServiceByName(f"cartwright.v1.{service_name}")
    rpc = service.FindMethodByName(rpc_name)
    request_class = message_factory.GetMessageClass(rpc.input_type)
    response_class = message_factory.GetMessageClass(rpc.output_type)
    stub = channel.unary_unary(
        f"/cartwright.v1.{method}",
        request_serializer=request_class.SerializeToString,
        response_deserializer=response_class.FromString,
    )
    answer = stub(json_format.ParseDict(request, request_class()), timeout=20)
    return json_format.MessageToDict(answer, preserving_proto_field_name=True)


def refusal(method, /, **request):
    """Calls what has to be refused; answers the code and the details by type."""
    try:
        answer = call(method, **request)
    except grpc.RpcError as error:
        details = {}
        for detail in rpc_status.from_call(error).details:
            name = detail.TypeName().rsplit(".", 1)[1]
            message = getattr(error_details_pb2, name)()
            assert detail.Unpack(message), name
            details[name] = message
        assert details["ErrorInfo"].domain == "cartwright", details
        return error.code(), details
    raise AssertionError(f"{method} was not refused: {answer}")


def minor(money):
    return int(money.get("amount_minor", 0))


services = database.get_services()
assert "cartwright.v1.CartService" in services and "grpc.health.v1.Health" in services, services

products = call("CatalogService/ListProducts", page_size=200)["products"]
simple = next(
    p
    for p in products
    if p["type"] == "PRODUCT_TYPE_PHYSICAL"
    and not any(p.get(k) for k in ("variants", "modifiers", "not_purchasable", "minimum_purchase_quantity"))
)
varied = next(p for p in products if p.get("variants") and not p.get("modifiers"))

cart = call(
    "CartService/CreateCart",
    line_items=[
        {"product_id": simple["id"], "quantity": 2},
        {"product_id": varied["id"], "variant_id": varied["variants"][0]["id"], "quantity": 1},
    ],
    custom_items=[{"name": "Gift card, handwritten", "quantity": 1, "list_price": {"currency_code": "USD", "amount_minor": 350}}],
    request_id=str(uuid.uuid4()),
)["cart"]
checkout_id = cart["id"]
address = {
    "first_name": "Grace",
    "last_name": "Hopper",
    "address1": "1 Navy Way",
    "city": "Austin",
    "state_or_province_code": "TX",
    "postal_code": "78701",
    "country_code": "US",
}

code, details = refusal("OrderService/CreateOrder", checkout_id=checkout_id)
assert code == grpc.StatusCode.FAILED_PRECONDITION, code
assert details["ErrorInfo"].reason == "CHECKOUT_INCOMPLETE"
missing = {violation.type for violation in details["PreconditionFailure"].violations}
assert missing == {"BILLING_ADDRESS_MISSING", "LINE_ITEM_NOT_CONSIGNED"}, missing

code, details = refusal("CartService/AddLineItems", cart_id="nonsense", line_items=[{"product_id": "", "quantity": 0}])
assert code == grpc.StatusCode.INVALID_ARGUMENT, code
fields = {violation.field for violation in details["BadRequest"].field_violations}
assert fields == {"cart_id", "line_items[0].product_id", "line_items[0].quantity"}, fields

code, details = refusal("CartService/GetCart", cart_id=str(uuid.uuid4()))
assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.NOT_FOUND, "CART_NOT_FOUND")
assert details["ResourceInfo"].resource_name, details

call("CheckoutService/AddBillingAddress", checkout_id=checkout_id, address=address)
lines = [{"line_item_id": line["id"], "quantity": line["quantity"]} for line in cart["line_items"]]
checkout = call(
    "ConsignmentService/AddConsignments",
    checkout_id=checkout_id,
    consignments=[{"address": address, "line_items": lines}],
    include=["CHECKOUT_INCLUDE_AVAILABLE_SHIPPING_OPTIONS"],
)["checkout"]
consignment = checkout["consignments"][0]
option = consignment["available_shipping_options"][-1]
call(
    "ConsignmentService/UpdateConsignment",
    checkout_id=checkout_id,
    consignment_id=consignment["id"],
    shipping_option_id=option["id"],
)
code, details = refusal("CouponService/ApplyCoupon", checkout_id=checkout_id, code="SUMMER24")
assert details["ErrorInfo"].reason == "COUPON_EXPIRED", details
checkout = call("CouponService/ApplyCoupon", checkout_id=checkout_id, code="save10")["checkout"]

totals = {name: minor(money) for name, money in checkout["totals"].items()}
goods = sum(minor(line["extended_sale_price"]) for line in checkout["cart"]["line_items"])
assert totals["coupon_amount"] > 0 and totals["tax_total"] > 0, totals
assert totals["grand_total"] == goods + totals["shipping_cost_ex_tax"] - totals["shipping_discount_amount"] + totals[
    "handling_cost_ex_tax"
] + totals["tax_total"], totals

code, details = refusal(
    "CartService/DeleteCart", cart_id=checkout_id, expected_version=int(checkout["version"]) - 1
)
assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.ABORTED, "VERSION_MISMATCH")
assert details["ErrorInfo"].metadata["current_version"] == checkout["version"]

order = call("OrderService/CreateOrder", checkout_id=checkout_id, request_id=str(uuid.uuid4()))["order"]
paid = call(
    "OrderService/RecordPayment",
    order_id=order["id"],
    method="card",
    reference="python-1",
    amount=order["totals"]["outstanding_balance"],
)["order"]
assert paid["status"] == "ORDER_STATUS_AWAITING_FULFILLMENT", paid["status"]
code, details = refusal("CartService/GetCart", cart_id=checkout_id)
assert (code, details["ErrorInfo"].reason) == (grpc.StatusCode.NOT_FOUND, "CART_PAID")
print(f"order {paid['number']} is paid: {minor(paid['totals']['grand_total'])} cents")
