//! `cartwright erase-customer`: nothing that a customer wrote is left anywhere, and the accounts are as they were.

use cartwright::rpc::pb::{self, OrderStatus, PaymentState};
use tonic::Code;

use crate::harness::{
    api::{Api, call, engraved, item, minor, on_every_backend, refused, usd},
    server::run,
    tax::TaxService,
};

on_every_backend!(
    nothing_that_is_personal_is_left,
    orders_go_on_and_the_accounts_stay,
    other_customers_keep_everything,
    an_erased_customer_is_erased_again,
    orders_are_paid_meanwhile,
);

const CUSTOMER: &str = "planted-customer-id";

/// Erases the customer beside the service; answers what the command says.
fn erase(api: &Api, customer_id: &str) -> String {
    let url = api.server.database_url();
    let output = run(&["erase-customer", customer_id, "--database-url", url], &[]);
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(!log.contains(customer_id), "{log}");
    String::from_utf8(output.stdout).unwrap()
}

/// With texts that are found again in every field that a customer can fill, but for those that taxes depend on.
pub(crate) fn planted_address() -> pb::Address {
    pb::Address {
        first_name: "planted-first-name".into(),
        last_name: "planted-last-name".into(),
        company: "planted-company".into(),
        email: "planted@address.example".into(),
        phone: "planted-phone".into(),
        address1: "planted-street".into(),
        address2: "planted-floor".into(),
        city: "planted-city".into(),
        custom_fields: vec![pb::CustomField {
            field_id: "door".into(),
            field_value: "planted-door".into(),
        }],
        ..crate::harness::api::address("US")
    }
}

pub(crate) fn party(name: &str) -> Option<pb::GiftCertificateParty> {
    Some(pb::GiftCertificateParty {
        name: name.into(),
        email: format!("{name}@party.example"),
    })
}

/// What [`planted`] writes.
const PLANTED: [&str; 22] = [
    CUSTOMER,
    "planted@cart.example",
    "planted-first-name",
    "planted-last-name",
    "planted-company",
    "planted@address.example",
    "planted-phone",
    "planted-street",
    "planted-floor",
    "planted-city",
    "planted-door",
    "planted-engraving",
    "planted-wrapping",
    "planted-sender",
    "planted-recipient",
    "planted-theme",
    "planted-card",
    "planted-line-name",
    "planted-message",
    "planted-staff-note",
    "planted-credit-note",
    "planted-reason",
];

/// What the shop wraps gifts in.
pub(crate) fn kraft() -> pb::GiftWrappingOption {
    pb::GiftWrappingOption {
        id: "kraft".into(),
        name: "Kraft".into(),
        price: usd(250),
        allow_message: true,
        ..Default::default()
    }
}

/// The shop wraps gifts and asks a tax provider.
async fn set_up(api: &Api) -> TaxService {
    let provider = TaxService::start();
    let store = pb::Store {
        gift_wrapping_options: vec![kraft()],
        ..provider.store()
    };
    api.set_up(store).await;
    provider
}

/// A cart with something of the customer in every field.
pub(crate) fn planted_cart() -> pb::CreateCartRequest {
    let mut mug = engraved("planted-engraving");
    mug.gift_wrapping = Some(pb::NewGiftWrapping {
        option_id: "kraft".into(),
        message: "planted-wrapping".into(),
        ..Default::default()
    });
    pb::CreateCartRequest {
        customer_id: CUSTOMER.into(),
        email: "planted@cart.example".into(),
        line_items: vec![mug, item("poster", 1)],
        gift_certificates: vec![pb::NewGiftCertificateItem {
            amount: usd(2_500),
            sender: party("planted-sender"),
            recipient: party("planted-recipient"),
            theme: "planted-theme".into(),
            message: "planted-card".into(),
            name: "planted-line-name".into(),
        }],
        ..Default::default()
    }
}

/// A checkout that lacks nothing for an order, with something of the customer in every field.
async fn planted(api: &Api) -> pb::Checkout {
    let cart = call!(api.carts, create_cart, planted_cart())
        .unwrap()
        .cart
        .unwrap();
    api.bill(&cart.id, planted_address()).await;
    let goods = cart.line_items.iter().filter(|it| it.requires_shipping);
    let items: Vec<_> = goods.map(|it| (it.id.as_str(), it.quantity)).collect();
    let checkout = api.consign(&cart.id, planted_address(), &items).await;
    let consignment = &checkout.consignments[0].id;
    api.select(&cart.id, consignment, "us/us-ground")
        .await
        .unwrap();
    let request = pb::UpdateCheckoutRequest {
        checkout_id: cart.id.clone(),
        customer_message: "planted-message".into(),
        staff_note: "planted-staff-note".into(),
        ..Default::default()
    };
    let answer = call!(api.checkouts, update_checkout, request).unwrap();
    answer.checkout.unwrap()
}

async fn give_credit(api: &Api, customer_id: &str, cents: i64, note: &str) {
    let request = pb::SetStoreCreditRequest {
        customer_id: customer_id.into(),
        balance: usd(cents),
        note: note.into(),
        ..Default::default()
    };
    call!(api.store, set_store_credit, request).unwrap();
}

async fn planted_order(api: &Api) -> pb::Order {
    let checkout = planted(api).await;
    api.order(&checkout.id).await.unwrap()
}

async fn record(api: &Api, order: &pb::Order, state: PaymentState) -> pb::Order {
    let outstanding = minor(&order.totals.as_ref().unwrap().outstanding_balance);
    api.pay(order, "card-1", outstanding, state).await.unwrap()
}

async fn get(api: &Api, order: &pb::Order) -> pb::Order {
    let request = pb::GetOrderRequest {
        by: Some(pb::get_order_request::By::OrderId(order.id.clone())),
    };
    call!(api.orders, get_order, request)
        .unwrap()
        .order
        .unwrap()
}

async fn cancel(api: &Api, order: &pb::Order) -> OrderStatus {
    let request = pb::CancelOrderRequest {
        order_id: order.id.clone(),
        ..Default::default()
    };
    let answer = call!(api.orders, cancel_order, request).unwrap();
    answer.order.unwrap().status()
}

async fn nothing_that_is_personal_is_left(api: Api) {
    let _provider = set_up(&api).await;
    give_credit(&api, CUSTOMER, 5_000, "planted-credit-note").await;
    let live = planted(&api).await;
    let expired = planted(&api).await;
    api.server.expire(&expired.id).await;
    let waiting = planted_order(&api).await;
    let pending = planted_order(&api).await;
    record(&api, &pending, PaymentState::Pending).await;
    let paid = planted_order(&api).await;
    record(&api, &paid, PaymentState::Completed).await;
    let request = pb::UpdateOrderStatusRequest {
        order_id: paid.id.clone(),
        status: OrderStatus::ManualVerificationRequired.into(),
        actor: CUSTOMER.into(),
        reason: "planted-reason".into(),
        ..Default::default()
    };
    call!(api.orders, update_order_status, request).unwrap();
    let cancelled = planted_order(&api).await;
    cancel(&api, &cancelled).await;
    // Logged out after the order.
    let request = pb::UpdateCartRequest {
        cart_id: planted_order(&api).await.checkout_id,
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["customer_id".into()],
        }),
        ..Default::default()
    };
    call!(api.carts, update_cart, request).unwrap();
    let received = pb::IssueGiftCertificateRequest {
        amount: usd(1_000),
        sender: party("grandma"),
        recipient: Some(pb::GiftCertificateParty {
            name: "planted-recipient".into(),
            email: "planted@cart.example".into(),
        }),
        message: "planted-message".into(),
        ..Default::default()
    };
    call!(api.gift_certificates, issue_gift_certificate, received).unwrap();

    let before = api.server.texts().await;
    for text in PLANTED {
        assert!(before.contains(text), "{text} was not planted");
    }
    assert_eq!(
        erase(&api, CUSTOMER),
        "erased 7 carts, 5 orders, 2 gift certificates and 1 balances of store credit\n"
    );
    let after = api.server.texts().await.to_lowercase();
    let left = after.lines().find(|line| line.contains("planted"));
    assert_eq!(left, None);
    assert!(after.contains("grandma"), "who gave it is somebody else");

    refused(api.order(&live.id).await, Code::NotFound, "CART_DELETED");
    let kept = get(&api, &waiting).await;
    let address = kept.billing_address.unwrap();
    assert_eq!(
        (
            address.country_code.as_str(),
            address.state_or_province_code.as_str(),
            address.postal_code.as_str()
        ),
        ("US", "TX", "73301")
    );
    // One and the same, whom nobody knows.
    let pseudonym = kept.customer_id;
    assert!(pseudonym.starts_with("erased-"), "{pseudonym}");
    for order in [&pending, &paid, &cancelled] {
        assert_eq!(get(&api, order).await.customer_id, pseudonym);
    }
    let history = get(&api, &paid).await.history;
    assert_eq!(history.last().unwrap().actor, pseudonym);
    assert_eq!(api.credit_ledger(CUSTOMER).await, (0, vec![]));
    assert_eq!(api.credit_ledger(&pseudonym).await.0, 5_000);
}

/// What may not change of an order.
fn accounts(order: &pb::Order) -> (i64, String, Option<pb::Totals>, Vec<pb::Tax>, OrderStatus) {
    (
        order.number,
        order.currency_code.clone(),
        order.totals.clone(),
        order.taxes.clone(),
        order.status(),
    )
}

async fn orders_go_on_and_the_accounts_stay(api: Api) {
    let provider = set_up(&api).await;
    give_credit(&api, CUSTOMER, 9_000, "").await;
    let mut once = crate::harness::api::percentage_coupon("ONCE", "10");
    once.max_uses_per_customer = 1;
    api.coupon(once).await;
    let with_coupon = planted(&api).await;
    api.apply(&with_coupon.id, "ONCE").await.unwrap();
    let with_coupon = api.order(&with_coupon.id).await.unwrap();
    record(&api, &with_coupon, PaymentState::Completed).await;
    let (waiting, cancelled) = (planted_order(&api).await, planted_order(&api).await);
    let with_credit = planted(&api).await;
    api.apply_credit(&with_credit.id).await.unwrap();
    let with_credit = api.order(&with_credit.id).await.unwrap();
    record(&api, &with_credit, PaymentState::Pending).await;
    let orders = [&with_coupon, &waiting, &cancelled, &with_credit];

    let mut before = Vec::new();
    for order in orders {
        before.push(accounts(&get(&api, order).await));
    }
    let (credit, entries) = api.credit_ledger(CUSTOMER).await;
    erase(&api, CUSTOMER);
    for (order, before) in orders.into_iter().zip(before) {
        assert_eq!(accounts(&get(&api, order).await), before);
    }
    let pseudonym = get(&api, &waiting).await.customer_id;
    assert_eq!(api.credit_ledger(&pseudonym).await, (credit, entries));

    // The money has moved.
    let done = record(&api, &with_credit, PaymentState::Completed).await;
    assert_eq!(done.status(), OrderStatus::AwaitingFulfillment);
    assert_eq!(api.credit_ledger(&pseudonym).await.0, credit);
    assert_eq!(cancel(&api, &cancelled).await, OrderStatus::Cancelled);
    let done = record(&api, &waiting, PaymentState::Completed).await;
    assert_eq!(done.status(), OrderStatus::AwaitingFulfillment);
    drop(provider);
}

async fn other_customers_keep_everything(api: Api) {
    let _provider = set_up(&api).await;
    let others = async |customer_id: &str| {
        let cart = planted(&api).await;
        let request = pb::UpdateCartRequest {
            cart_id: cart.id.clone(),
            customer_id: customer_id.into(),
            ..Default::default()
        };
        call!(api.carts, update_cart, request).unwrap();
        let consignment = &cart.consignments[0].id;
        api.select(&cart.id, consignment, "us/us-ground")
            .await
            .unwrap();
        let order = api.order(&cart.id).await.unwrap();
        (api.get(&cart.id).await, order)
    };
    let kept = [others("bob").await, others(&format!("{CUSTOMER}-2")).await];
    give_credit(&api, "bob", 700, "for bob").await;
    // Ordered by the customer, and then taken over by somebody else.
    let shared = planted_order(&api).await;
    let request = pb::UpdateCartRequest {
        cart_id: shared.checkout_id.clone(),
        customer_id: "bob".into(),
        ..Default::default()
    };
    call!(api.carts, update_cart, request).unwrap();
    let taken_over = api.get(&shared.checkout_id).await;

    let told = erase(&api, CUSTOMER);
    assert!(told.starts_with("erased 0 carts, 1 orders,"), "{told}");
    for (checkout, order) in kept {
        assert_eq!(api.get(&checkout.id).await, checkout);
        assert_eq!(get(&api, &order).await, order);
    }
    assert_eq!(api.get(&taken_over.id).await, taken_over);
    assert_eq!(api.credit_ledger("bob").await.0, 700);
    assert!(api.server.texts().await.contains("for bob"));
}

async fn an_erased_customer_is_erased_again(api: Api) {
    let nothing = "erased 0 carts, 0 orders, 0 gift certificates and 0 balances of store credit\n";
    assert_eq!(erase(&api, CUSTOMER), nothing);
    let _provider = set_up(&api).await;
    let order = planted_order(&api).await;
    assert_ne!(erase(&api, CUSTOMER), nothing);
    let erased = get(&api, &order).await;
    assert_eq!(erase(&api, CUSTOMER), nothing);
    assert_eq!(get(&api, &order).await, erased);
}

async fn orders_are_paid_meanwhile(api: Api) {
    let _provider = set_up(&api).await;
    let mut orders = Vec::new();
    for _ in 0..6 {
        orders.push(planted_order(&api).await);
    }
    let url = format!("--database-url={}", api.server.database_url());
    let erasing = [(); 2].map(|()| {
        let url = url.clone();
        tokio::task::spawn_blocking(move || run(&["erase-customer", CUSTOMER, &url], &[]))
    });
    for order in &orders {
        record(&api, order, PaymentState::Pending).await;
        let paid = record(&api, order, PaymentState::Completed).await;
        assert_eq!(paid.status(), OrderStatus::AwaitingFulfillment);
    }
    for erased in erasing {
        assert_eq!(erased.await.unwrap().status.code(), Some(0));
    }
    let left = api.server.texts().await;
    assert_eq!(left.lines().find(|line| line.contains("planted")), None);
    for order in &orders {
        let paid = get(&api, order).await;
        assert_eq!(
            (paid.totals, paid.taxes),
            (order.totals.clone(), order.taxes.clone())
        );
    }
}
