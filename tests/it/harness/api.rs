//! The service as its callers see it: typed clients over a real channel, a small shop, and words that make a
//! test a few lines.

use cartwright::rpc::pb::{
    self, LedgerEntryKind, cart_service_client::CartServiceClient,
    catalog_service_client::CatalogServiceClient, checkout_service_client::CheckoutServiceClient,
    consignment_service_client::ConsignmentServiceClient,
    coupon_service_client::CouponServiceClient,
    gift_certificate_service_client::GiftCertificateServiceClient,
    order_service_client::OrderServiceClient, promotion_service_client::PromotionServiceClient,
    store_service_client::StoreServiceClient,
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::{ErrorDetails, StatusExt};

use super::server::{Backend, TestServer};

/// A running service with one client of each kind and a shop set up.
pub(crate) struct Api {
    pub(crate) server: TestServer,
    pub(crate) carts: CartServiceClient<Channel>,
    pub(crate) checkouts: CheckoutServiceClient<Channel>,
    pub(crate) consignments: ConsignmentServiceClient<Channel>,
    pub(crate) coupons: CouponServiceClient<Channel>,
    pub(crate) gift_certificates: GiftCertificateServiceClient<Channel>,
    pub(crate) orders: OrderServiceClient<Channel>,
    pub(crate) catalog: CatalogServiceClient<Channel>,
    pub(crate) promotions: PromotionServiceClient<Channel>,
    pub(crate) store: StoreServiceClient<Channel>,
}

/// Makes a test of each function for every backend: SQLite with the cache in process, PostgreSQL with Redis. It is given
/// a running service or, after `start =>`, what `start` makes of the backend.
macro_rules! on_every_backend {
    ($start:path => $($name:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let started = $start($crate::harness::server::Backend::Embedded).await;
                Box::pin(super::$name(started)).await;
            })*
        }
        mod servers {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let started = $start($crate::harness::server::Backend::Servers).await;
                Box::pin(super::$name(started)).await;
            })*
        }
    };
    ($($name:ident),* $(,)?) => {
        $crate::harness::api::on_every_backend!($crate::harness::api::Api::start => $($name),*);
    };
}
pub(crate) use on_every_backend;

/// Calls an RPC and takes the message out of the answer.
macro_rules! call {
    ($client:expr, $method:ident, $request:expr) => {
        $client
            .clone()
            .$method($request)
            .await
            .map(tonic::Response::into_inner)
    };
}
pub(crate) use call;

impl Api {
    pub(crate) async fn start(backend: Backend) -> Self {
        Self::on(TestServer::start(backend).await).await
    }

    /// Sets the shop up on this service.
    pub(crate) async fn on(server: TestServer) -> Self {
        let api = Self::without_products(server).await;
        let request = pb::UpsertProductsRequest {
            products: products(),
            ..Default::default()
        };
        call!(api.catalog, upsert_products, request).unwrap();
        api
    }

    /// Sets the shop up on this service, but for the catalog.
    pub(crate) async fn without_products(server: TestServer) -> Self {
        let api = Self::of(server);
        call!(
            api.store,
            update_store,
            pb::UpdateStoreRequest {
                store: Some(store()),
                ..Default::default()
            }
        )
        .unwrap();
        api
    }

    /// The same shop on another service.
    pub(crate) async fn replica(&self) -> Self {
        Self::of(self.server.replica().await)
    }

    pub(crate) fn of(server: TestServer) -> Self {
        let channel = server.channel();
        Self {
            carts: CartServiceClient::new(channel.clone()),
            checkouts: CheckoutServiceClient::new(channel.clone()),
            consignments: ConsignmentServiceClient::new(channel.clone()),
            coupons: CouponServiceClient::new(channel.clone()),
            gift_certificates: GiftCertificateServiceClient::new(channel.clone()),
            orders: OrderServiceClient::new(channel.clone()),
            catalog: CatalogServiceClient::new(channel.clone()),
            promotions: PromotionServiceClient::new(channel.clone()),
            store: StoreServiceClient::new(channel),
            server,
        }
    }

    /// A new cart of these items.
    pub(crate) async fn cart(&self, line_items: Vec<pb::NewLineItem>) -> pb::Cart {
        let request = pb::CreateCartRequest {
            line_items,
            ..Default::default()
        };
        call!(self.carts, create_cart, request)
            .unwrap()
            .cart
            .unwrap()
    }

    /// A new cart of custom items with these list prices in cents.
    pub(crate) async fn custom_cart(&self, prices: &[i64]) -> pb::Cart {
        let custom_items = prices
            .iter()
            .map(|price| custom("Thing", 1, *price))
            .collect();
        let request = pb::CreateCartRequest {
            custom_items,
            ..Default::default()
        };
        call!(self.carts, create_cart, request)
            .unwrap()
            .cart
            .unwrap()
    }

    pub(crate) async fn get(&self, checkout_id: &str) -> pb::Checkout {
        let request = pb::GetCheckoutRequest {
            checkout_id: checkout_id.into(),
            include: vec![],
        };
        call!(self.checkouts, get_checkout, request)
            .unwrap()
            .checkout
            .unwrap()
    }

    pub(crate) async fn bill(&self, checkout_id: &str, address: pb::Address) -> pb::Checkout {
        let request = pb::AddBillingAddressRequest {
            checkout_id: checkout_id.into(),
            address: Some(address),
            ..Default::default()
        };
        call!(self.checkouts, add_billing_address, request)
            .unwrap()
            .checkout
            .unwrap()
    }

    /// Adds a consignment of (line, units), with its options.
    pub(crate) async fn consign(
        &self,
        checkout_id: &str,
        address: pb::Address,
        items: &[(&str, i32)],
    ) -> pb::Checkout {
        let request = pb::AddConsignmentsRequest {
            checkout_id: checkout_id.into(),
            consignments: vec![details(address, items)],
            include: vec![pb::CheckoutInclude::AvailableShippingOptions.into()],
            ..Default::default()
        };
        call!(self.consignments, add_consignments, request)
            .unwrap()
            .checkout
            .unwrap()
    }

    pub(crate) async fn select(
        &self,
        checkout_id: &str,
        consignment_id: &str,
        option_id: &str,
    ) -> Result<pb::Checkout, Status> {
        let request = pb::UpdateConsignmentRequest {
            checkout_id: checkout_id.into(),
            consignment_id: consignment_id.into(),
            update: Some(pb::update_consignment_request::Update::ShippingOptionId(
                option_id.into(),
            )),
            ..Default::default()
        };
        Ok(call!(self.consignments, update_consignment, request)?
            .checkout
            .unwrap())
    }

    pub(crate) async fn apply(
        &self,
        checkout_id: &str,
        code: &str,
    ) -> Result<pb::Checkout, Status> {
        let request = pb::ApplyCouponRequest {
            checkout_id: checkout_id.into(),
            code: code.into(),
            ..Default::default()
        };
        Ok(call!(self.coupons, apply_coupon, request)?
            .checkout
            .unwrap())
    }

    pub(crate) async fn coupon(
        &self,
        request: pb::CreateCouponRequest,
    ) -> pb::CreateCouponResponse {
        call!(self.promotions, create_coupon, request).unwrap()
    }

    /// A new gift certificate of so many cents.
    pub(crate) async fn certificate(&self, code: &str, amount: i64) -> pb::GiftCertificate {
        let request = pb::IssueGiftCertificateRequest {
            code: code.into(),
            amount: usd(amount),
            ..Default::default()
        };
        call!(self.gift_certificates, issue_gift_certificate, request)
            .unwrap()
            .gift_certificate
            .unwrap()
    }

    pub(crate) async fn apply_certificate(
        &self,
        checkout_id: &str,
        code: &str,
    ) -> Result<pb::Checkout, Status> {
        let request = pb::ApplyGiftCertificateRequest {
            checkout_id: checkout_id.into(),
            code: code.into(),
            ..Default::default()
        };
        let answer = call!(self.gift_certificates, apply_gift_certificate, request)?;
        Ok(answer.checkout.unwrap())
    }

    /// What is left of a gift certificate, and its ledger from the beginning.
    pub(crate) async fn certificate_ledger(
        &self,
        code: &str,
    ) -> (i64, Vec<(LedgerEntryKind, i64)>) {
        let request = pb::GetGiftCertificateRequest {
            by: Some(pb::get_gift_certificate_request::By::Code(code.into())),
            ..Default::default()
        };
        let answer = call!(self.gift_certificates, get_gift_certificate, request).unwrap();
        let balance = minor(&answer.gift_certificate.unwrap().balance);
        (balance, ledger(balance, answer.entries))
    }

    /// Sets what the customer has, in cents.
    pub(crate) async fn set_credit(&self, customer_id: &str, cents: i64) -> pb::StoreCredit {
        let request = pb::SetStoreCreditRequest {
            customer_id: customer_id.into(),
            balance: usd(cents),
            ..Default::default()
        };
        call!(self.store, set_store_credit, request)
            .unwrap()
            .store_credit
            .unwrap()
    }

    pub(crate) async fn apply_credit(&self, checkout_id: &str) -> Result<pb::Checkout, Status> {
        let request = pb::ApplyStoreCreditRequest {
            checkout_id: checkout_id.into(),
            ..Default::default()
        };
        let answer = call!(self.checkouts, apply_store_credit, request)?;
        Ok(answer.checkout.unwrap())
    }

    /// What the customer has, in cents, and its ledger from the beginning.
    pub(crate) async fn credit_ledger(
        &self,
        customer_id: &str,
    ) -> (i64, Vec<(LedgerEntryKind, i64)>) {
        let request = pb::GetStoreCreditRequest {
            customer_id: customer_id.into(),
            ..Default::default()
        };
        let answer = call!(self.store, get_store_credit, request).unwrap();
        let balance = minor(&answer.store_credit.unwrap().balance);
        (balance, ledger(balance, answer.entries))
    }

    /// A checkout of one poster that lacks nothing for an order: 31.95 + 8.00, 4 % tax on both: 41.55.
    pub(crate) async fn ready(&self) -> pb::Checkout {
        let cart = self.cart(vec![item("poster", 1)]).await;
        self.make_ready(&cart).await
    }

    /// Bills and ships everything to one place by ground.
    pub(crate) async fn make_ready(&self, cart: &pb::Cart) -> pb::Checkout {
        self.bill(&cart.id, address("US")).await;
        let items: Vec<_> = cart
            .line_items
            .iter()
            .filter(|line| line.requires_shipping)
            .map(|line| (line.id.as_str(), line.quantity))
            .collect();
        let checkout = self.consign(&cart.id, address("US"), &items).await;
        self.select(&cart.id, &checkout.consignments[0].id, "us/us-ground")
            .await
            .unwrap()
    }

    pub(crate) async fn order(&self, checkout_id: &str) -> Result<pb::Order, Status> {
        let request = pb::CreateOrderRequest {
            checkout_id: checkout_id.into(),
            ..Default::default()
        };
        Ok(call!(self.orders, create_order, request)?.order.unwrap())
    }

    pub(crate) async fn pay(
        &self,
        order: &pb::Order,
        reference: &str,
        amount: i64,
        state: pb::PaymentState,
    ) -> Result<pb::Order, Status> {
        let request = pb::RecordPaymentRequest {
            order_id: order.id.clone(),
            method: "card".into(),
            reference: reference.into(),
            amount: usd(amount),
            state: state.into(),
            ..Default::default()
        };
        Ok(call!(self.orders, record_payment, request)?.order.unwrap())
    }

    pub(crate) async fn update_status(
        &self,
        order: &pb::Order,
        status: pb::OrderStatus,
    ) -> Result<pb::Order, Status> {
        let request = pb::UpdateOrderStatusRequest {
            order_id: order.id.clone(),
            status: status.into(),
            ..Default::default()
        };
        let answer = call!(self.orders, update_order_status, request)?;
        Ok(answer.order.unwrap())
    }
}

/// The entries of a ledger from the beginning, after checking that they lead to the balance.
#[track_caller]
fn ledger(balance: i64, newest_first: Vec<pb::LedgerEntry>) -> Vec<(LedgerEntryKind, i64)> {
    let mut left = 0;
    let entries = newest_first.into_iter().rev().map(|entry| {
        left += minor(&entry.amount);
        assert_eq!(minor(&entry.balance), left);
        (entry.kind(), minor(&entry.amount))
    });
    let entries = entries.collect();
    assert_eq!(left, balance);
    entries
}

/// Checks code and reason of a refusal, and that the details a program needs are there; answers the details.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(
    result: Result<T, Status>,
    code: Code,
    reason: &str,
) -> ErrorDetails {
    let status = result.expect_err("should be refused");
    let details = status.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(
        (status.code(), info.reason.as_str()),
        (code, reason),
        "{}",
        status.message()
    );
    assert_eq!(info.domain, "cartwright");
    match code {
        Code::InvalidArgument => assert!(
            reason == "REQUEST_ID_REUSED"
                || details.bad_request().is_some()
                || reason == "AMOUNT_OVERFLOW"
                || reason == "MALFORMED_REQUEST"
        ),
        Code::NotFound => assert!(details.resource_info().is_some()),
        Code::FailedPrecondition => assert!(details.precondition_failure().is_some()),
        Code::Unavailable | Code::ResourceExhausted => assert!(details.retry_info().is_some()),
        _ => {}
    }
    details
}

/// The field paths of a refusal for its fields.
#[track_caller]
pub(crate) fn bad_fields<T: std::fmt::Debug>(result: Result<T, Status>) -> Vec<String> {
    let status = result.expect_err("should be refused");
    assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
    let details = status.get_error_details();
    let fields = details
        .bad_request()
        .unwrap_or_else(|| panic!("no BadRequest in {status:?}"));
    fields
        .field_violations
        .iter()
        .map(|violation| violation.field.clone())
        .collect()
}

pub(crate) fn usd(minor: i64) -> Option<pb::Money> {
    Some(pb::Money {
        currency_code: "USD".into(),
        amount_minor: minor,
    })
}

/// Minor units of an amount that must be there.
#[track_caller]
pub(crate) fn minor(money: &Option<pb::Money>) -> i64 {
    money.as_ref().expect("an amount").amount_minor
}

pub(crate) fn item(product_id: &str, quantity: i32) -> pb::NewLineItem {
    pb::NewLineItem {
        product_id: product_id.into(),
        quantity,
        ..Default::default()
    }
}

pub(crate) fn variant(product_id: &str, variant_id: &str, quantity: i32) -> pb::NewLineItem {
    pb::NewLineItem {
        variant_id: variant_id.into(),
        ..item(product_id, quantity)
    }
}

pub(crate) fn engraved(text: &str) -> pb::NewLineItem {
    let selection = pb::NewOptionSelection {
        option_id: "engraving".into(),
        value: text.into(),
    };
    pb::NewLineItem {
        option_selections: vec![selection],
        ..item("mug", 1)
    }
}

pub(crate) fn custom(name: &str, quantity: i32, price: i64) -> pb::NewCustomItem {
    pb::NewCustomItem {
        name: name.into(),
        sku: "CUSTOM".into(),
        quantity,
        list_price: usd(price),
        weight_grams: 100,
        gift_wrapping: None,
    }
}

/// A complete address.
pub(crate) fn address(country: &str) -> pb::Address {
    let state = match country {
        "US" => "TX",
        "CA" => "ON",
        _ => "",
    };
    pb::Address {
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        address1: "12 Main St".into(),
        city: "Springfield".into(),
        state_or_province_code: state.into(),
        postal_code: "73301".into(),
        country_code: country.into(),
        ..Default::default()
    }
}

pub(crate) fn details(address: pb::Address, items: &[(&str, i32)]) -> pb::ConsignmentDetails {
    let item = |(id, quantity): &(&str, i32)| pb::ConsignmentLineItem {
        line_item_id: (*id).into(),
        quantity: *quantity,
    };
    pb::ConsignmentDetails {
        address: Some(address),
        line_items: items.iter().map(item).collect(),
    }
}

pub(crate) fn percentage_coupon(code: &str, percentage: &str) -> pb::CreateCouponRequest {
    pb::CreateCouponRequest {
        code: code.into(),
        r#type: pb::CouponType::PercentageDiscount.into(),
        percentage: percentage.into(),
        ..Default::default()
    }
}

/// Ships to the US by ground (8.00), express (5.00 an item) or, from 100.00, for free, and to Canada (15.00 and
/// 2.00 handling). 4 % tax in the US, 5 % in Canada, also on shipping. EUR is half a dollar's worth twice.
pub(crate) fn store() -> pb::Store {
    use pb::shipping_method::Rate;
    let method = |id: &str, rate: Rate| pb::ShippingMethod {
        id: id.into(),
        name: id.to_uppercase(),
        rate: Some(rate),
        ..Default::default()
    };
    let country = |code: &str| pb::Location {
        country_code: code.into(),
        ..Default::default()
    };
    let tax_zone = |id: &str, code: &str, name: &str, rate: &str| pb::TaxZone {
        id: id.into(),
        name: id.into(),
        locations: vec![country(code)],
        rates: vec![pb::TaxRate {
            name: name.into(),
            priority: 1,
            class_rates: vec![pb::TaxClassRate {
                tax_class_id: "standard".into(),
                rate: rate.into(),
            }],
        }],
        ..Default::default()
    };
    pb::Store {
        name: "Test shop".into(),
        default_currency_code: "USD".into(),
        currencies: vec![
            pb::StoreCurrency {
                code: "EUR".into(),
                exchange_rate: "0.5".into(),
            },
            pb::StoreCurrency {
                code: "JPY".into(),
                exchange_rate: "150".into(),
            },
        ],
        tax_classes: vec![pb::TaxClass {
            id: "standard".into(),
            name: "Standard".into(),
        }],
        tax_zones: vec![
            tax_zone("us", "US", "Sales tax", "0.04"),
            tax_zone("ca", "CA", "GST", "0.05"),
        ],
        shipping_zones: vec![
            pb::ShippingZone {
                id: "us".into(),
                name: "United States".into(),
                locations: vec![country("US")],
                methods: vec![
                    method("us-ground", Rate::FlatPerOrder(usd(800).unwrap())),
                    method("us-express", Rate::FlatPerItem(usd(500).unwrap())),
                    method(
                        "us-free",
                        Rate::Free(pb::FreeShipping {
                            minimum_total: usd(10_000),
                        }),
                    ),
                ],
                ..Default::default()
            },
            pb::ShippingZone {
                id: "ca".into(),
                name: "Canada".into(),
                locations: vec![country("CA")],
                methods: vec![method("ca-post", Rate::FlatPerOrder(usd(1500).unwrap()))],
                handling_fee: Some(pb::HandlingFee {
                    fee: Some(pb::handling_fee::Fee::Fixed(usd(200).unwrap())),
                }),
                ..Default::default()
            },
        ],
        pickup_methods: vec![pb::PickupMethod {
            id: "downtown".into(),
            display_name: "Downtown".into(),
            address: Some(address("US")),
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub(crate) fn products() -> Vec<pb::Product> {
    let product = |id: &str, price: i64| pb::Product {
        id: id.into(),
        name: format!("The {id}"),
        r#type: pb::ProductType::Physical.into(),
        sku: id.to_uppercase(),
        price: usd(price),
        weight_grams: 300,
        ..Default::default()
    };
    let value = |id: &str| pb::OptionValue {
        id: id.into(),
        label: id.to_uppercase(),
        ..Default::default()
    };
    let tee_variant = |size: &str| pb::Variant {
        id: format!("tee-{size}"),
        sku: format!("TEE-{size}"),
        option_values: vec![pb::VariantOptionValue {
            option_id: "size".into(),
            value_id: size.into(),
        }],
        ..Default::default()
    };
    vec![
        product("poster", 3195),
        pb::Product {
            options: vec![pb::ProductOption {
                id: "size".into(),
                name: "Size".into(),
                values: vec![value("s"), value("m")],
            }],
            variants: vec![
                tee_variant("s"),
                pb::Variant {
                    price: usd(2200),
                    ..tee_variant("m")
                },
            ],
            category_ids: vec!["apparel".into()],
            ..product("tee", 2000)
        },
        pb::Product {
            modifiers: vec![
                pb::Modifier {
                    id: "engraving".into(),
                    name: "Engraving".into(),
                    r#type: pb::ModifierType::Text.into(),
                    required: true,
                    price_adjustment: usd(250),
                    ..Default::default()
                },
                pb::Modifier {
                    id: "box".into(),
                    name: "Gift box".into(),
                    r#type: pb::ModifierType::Checkbox.into(),
                    price_adjustment: usd(100),
                    ..Default::default()
                },
                pb::Modifier {
                    id: "glaze".into(),
                    name: "Glaze".into(),
                    r#type: pb::ModifierType::PickList.into(),
                    values: vec![
                        value("plain"),
                        pb::OptionValue {
                            price_adjustment: usd(300),
                            ..value("gold")
                        },
                    ],
                    ..Default::default()
                },
            ],
            ..product("mug", 1000)
        },
        pb::Product {
            r#type: pb::ProductType::Digital.into(),
            weight_grams: 0,
            ..product("ebook", 500)
        },
        pb::Product {
            sale_price: usd(1500),
            retail_price: usd(2500),
            ..product("lamp", 2000)
        },
        pb::Product {
            fixed_shipping_cost: usd(2500),
            ..product("anvil", 9000)
        },
        pb::Product {
            free_shipping: true,
            ..product("sticker", 200)
        },
        pb::Product {
            minimum_purchase_quantity: 5,
            maximum_purchase_quantity: 10,
            ..product("candle", 100)
        },
        pb::Product {
            not_purchasable: true,
            ..product("ghost", 100)
        },
    ]
}
