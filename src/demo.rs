//! `cartwright demo`: a checkout from cart to paid order, walked by a client over TCP in a throw-away shop.

use std::{error::Error, io::Write, time::Duration};

use tonic::{
    Response, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use crate::{
    app,
    config::{Authentication, Config, Connections},
    rpc::pb::{
        AddBillingAddressRequest, AddConsignmentsRequest, AddLineItemsRequest, Address,
        ApplyCouponRequest, Cart, Checkout, CheckoutInclude, Consignment, ConsignmentDetails,
        ConsignmentLineItem, CreateCartRequest, CreateOrderRequest, GetCartRequest, LineItem,
        ListProductsRequest, Money, NewLineItem, NewOptionSelection, Order, PaymentState,
        RecordPaymentRequest, ShippingOption, TransitTimeUnits, UpdateConsignmentRequest,
        cart_service_client::CartServiceClient, catalog_service_client::CatalogServiceClient,
        checkout_service_client::CheckoutServiceClient,
        consignment_service_client::ConsignmentServiceClient,
        coupon_service_client::CouponServiceClient, order_service_client::OrderServiceClient,
        update_consignment_request::Update,
    },
};

/// Anything that ends the walk before its end.
type Failure = Box<dyn Error + Send + Sync>;
type Result<T> = std::result::Result<T, Failure>;

/// Starts a service of its own on a free port of this machine, with the sample shop in memory, walks through
/// a checkout, and prints what is called and what comes back. Of the options, those for the server's limits and
/// for telemetry count.
///
/// Fails when anything goes otherwise than it should, also when the receipt does not add up.
pub async fn run(config: Config, out: &mut (dyn Write + Send)) -> Result<()> {
    let config = Config {
        listen: "127.0.0.1:0".to_owned(),
        database_url: "sqlite::memory:".into(),
        redis_url: None,
        catalog_url: None,
        demo_store: true,
        drain_wait: Duration::ZERO,
        connections: Connections {
            authentication: Some(Authentication::Off),
            tls_certificate: None,
            ..config.connections
        },
        ..config
    };
    let running = app::start(&config).await?;
    let address = running.address();
    writeln!(
        out,
        "A sample shop is served at {address} as long as this takes.\n"
    )?;
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    let channel = endpoint.connect().await?;
    let walk = Walk {
        channel,
        out,
        step: 0,
    };
    let walked = walk.walk().await;
    running.stop().await;
    walked
}

/// The client.
struct Walk<'a> {
    channel: Channel,
    out: &'a mut (dyn Write + Send),
    step: u32,
}

impl Walk<'_> {
    async fn walk(mut self) -> Result<()> {
        self.browse().await?;
        let cart = self.fill_a_cart().await?;
        self.order_too_early(&cart).await?;
        self.give_billing_address(&cart).await?;
        let checkout = self.consign(&cart).await?;
        self.choose_shipping(&checkout).await?;
        self.enter_coupons(&cart).await?;
        let order = self.order_and_pay(&cart).await?;
        self.look_for_the_cart(&cart).await?;
        self.print_receipt(&order)
    }

    async fn browse(&mut self) -> Result<()> {
        self.begin("CatalogService.ListProducts, the first five")?;
        let request = ListProductsRequest {
            page_size: 5,
            ..ListProductsRequest::default()
        };
        let mut catalog = CatalogServiceClient::new(self.channel.clone());
        for product in catalog.list_products(request).await?.into_inner().products {
            self.row(&product.name, minor(product.price.as_ref()))?;
        }
        Ok(())
    }

    async fn fill_a_cart(&mut self) -> Result<Cart> {
        let mut carts = CartServiceClient::new(self.channel.clone());
        self.begin(
            "CartService.CreateCart: a variant, a product with a required modifier, a download",
        )?;
        let request = CreateCartRequest {
            line_items: vec![
                mugs(3),
                NewLineItem {
                    product_id: "engraved-compass".to_owned(),
                    quantity: 1,
                    option_selections: vec![NewOptionSelection {
                        option_id: "engraving".to_owned(),
                        value: "Fair winds".to_owned(),
                    }],
                    ..NewLineItem::default()
                },
                NewLineItem {
                    product_id: "harbor-cookbook-ebook".to_owned(),
                    quantity: 1,
                    ..NewLineItem::default()
                },
            ],
            ..CreateCartRequest::default()
        };
        let created = carts.create_cart(request).await?.into_inner();
        let cart = created.cart.ok_or("no cart came back")?;
        self.rows(&cart.line_items)?;

        self.begin("CartService.AddLineItems: one more mug joins the others")?;
        let request = AddLineItemsRequest {
            cart_id: cart.id,
            line_items: vec![mugs(1)],
            ..AddLineItemsRequest::default()
        };
        let added = carts.add_line_items(request).await?.into_inner();
        let cart = added.cart.ok_or("no cart came back")?;
        self.rows(cart.line_items.get(..1).unwrap_or_default())?;
        Ok(cart)
    }

    async fn order_too_early(&mut self, cart: &Cart) -> Result<()> {
        self.begin("OrderService.CreateOrder, too early: it tells all that is missing")?;
        let mut orders = OrderServiceClient::new(self.channel.clone());
        let answer = orders.create_order(create_order(cart)).await;
        self.refused(answer)
    }

    async fn give_billing_address(&mut self, cart: &Cart) -> Result<()> {
        self.begin("CheckoutService.AddBillingAddress")?;
        let request = AddBillingAddressRequest {
            checkout_id: cart.id.clone(),
            address: Some(austin()),
            ..AddBillingAddressRequest::default()
        };
        let mut checkouts = CheckoutServiceClient::new(self.channel.clone());
        let answer = checkouts.add_billing_address(request).await?.into_inner();
        let checkout = answer.checkout.ok_or("no checkout came back")?;
        let address = checkout.billing_address.ok_or("no address came back")?;
        self.line(&format!(
            "{} {}, {}",
            address.first_name,
            address.last_name,
            place(&address)
        ))
    }

    async fn consign(&mut self, cart: &Cart) -> Result<Checkout> {
        self.begin("ConsignmentService.AddConsignments: the mugs go to two countries")?;
        let [mugs, compass, ..] = cart.line_items.as_slice() else {
            return Err("lines are missing".into());
        };
        let units = |line: &LineItem, quantity| ConsignmentLineItem {
            line_item_id: line.id.clone(),
            quantity,
        };
        let request = AddConsignmentsRequest {
            checkout_id: cart.id.clone(),
            consignments: vec![
                ConsignmentDetails {
                    address: Some(austin()),
                    line_items: vec![units(mugs, 3), units(compass, 1)],
                },
                ConsignmentDetails {
                    address: Some(toronto()),
                    line_items: vec![units(mugs, 1)],
                },
            ],
            include: vec![CheckoutInclude::AvailableShippingOptions.into()],
            ..AddConsignmentsRequest::default()
        };
        let mut consignments = ConsignmentServiceClient::new(self.channel.clone());
        let answer = consignments.add_consignments(request).await?.into_inner();
        let checkout = answer.checkout.ok_or("no checkout came back")?;
        for consignment in &checkout.consignments {
            self.line(&format!("to {}, by", destination(consignment)))?;
            for option in &consignment.available_shipping_options {
                let text = format!("  {} ({})", option.description, transit_time(option));
                self.row(&text, minor(option.cost.as_ref()))?;
            }
        }
        Ok(checkout)
    }

    async fn choose_shipping(&mut self, checkout: &Checkout) -> Result<()> {
        self.begin("ConsignmentService.UpdateConsignment, twice: the recommended options")?;
        let mut consignments = ConsignmentServiceClient::new(self.channel.clone());
        for consignment in &checkout.consignments {
            let options = &consignment.available_shipping_options;
            let option = options.iter().find(|option| option.recommended);
            let option = option.ok_or("nothing is offered")?;
            let request = UpdateConsignmentRequest {
                checkout_id: checkout.id.clone(),
                consignment_id: consignment.id.clone(),
                update: Some(Update::ShippingOptionId(option.id.clone())),
                ..UpdateConsignmentRequest::default()
            };
            consignments.update_consignment(request).await?;
            self.line(&format!(
                "{} by {}",
                destination(consignment),
                option.description
            ))?;
        }
        Ok(())
    }

    async fn enter_coupons(&mut self, cart: &Cart) -> Result<()> {
        let mut coupons = CouponServiceClient::new(self.channel.clone());
        let apply = |code: &str| ApplyCouponRequest {
            checkout_id: cart.id.clone(),
            code: code.to_owned(),
            ..ApplyCouponRequest::default()
        };
        self.begin("CouponService.ApplyCoupon SUMMER24")?;
        let answer = coupons.apply_coupon(apply("SUMMER24")).await;
        self.refused(answer)?;

        self.begin("CouponService.ApplyCoupon SAVE10")?;
        let answer = coupons.apply_coupon(apply("SAVE10")).await?.into_inner();
        let checkout = answer.checkout.ok_or("no checkout came back")?;
        for coupon in &checkout.coupons {
            let amount = minor(coupon.discounted_amount.as_ref());
            self.row(&coupon.display_name, amount.saturating_neg())?;
        }
        Ok(())
    }

    async fn order_and_pay(&mut self, cart: &Cart) -> Result<Order> {
        let mut orders = OrderServiceClient::new(self.channel.clone());
        self.begin("OrderService.CreateOrder")?;
        let created = orders.create_order(create_order(cart)).await?.into_inner();
        let order = created.order.ok_or("no order came back")?;
        let totals = order.totals.clone().unwrap_or_default();
        let outstanding = totals.outstanding_balance;
        let text = format!("order {}, {}, to pay", order.number, status(&order));
        self.row(&text, minor(outstanding.as_ref()))?;

        self.begin("OrderService.RecordPayment")?;
        let request = RecordPaymentRequest {
            order_id: order.id,
            method: "card".to_owned(),
            reference: "demo-1".to_owned(),
            amount: outstanding,
            state: PaymentState::Completed.into(),
            ..RecordPaymentRequest::default()
        };
        let paid = orders.record_payment(request).await?.into_inner();
        let order = paid.order.ok_or("no order came back")?;
        self.line(&format!("order {}, {}", order.number, status(&order)))?;
        Ok(order)
    }

    async fn look_for_the_cart(&mut self, cart: &Cart) -> Result<()> {
        self.begin("CartService.GetCart")?;
        let cart_id = cart.id.clone();
        let mut carts = CartServiceClient::new(self.channel.clone());
        let answer = carts.get_cart(GetCartRequest { cart_id }).await;
        self.refused(answer)
    }

    fn print_receipt(&mut self, order: &Order) -> Result<()> {
        writeln!(self.out, "\nReceipt of order {}", order.number)?;
        let parts = receipt(order);
        for (text, amount) in &parts {
            self.row(text, *amount)?;
        }
        let totals = order.totals.as_ref().ok_or("the order has no totals")?;
        let total = minor(totals.grand_total.as_ref());
        self.row("Total", total)?;
        let sum: i64 = parts.iter().map(|(_, amount)| amount).sum();
        if sum != total {
            let told = format!(
                "the receipt does not add up: its lines come to {}",
                usd(sum)
            );
            return Err(told.into());
        }
        let next = "cartwright serve --demo-store, and grpcurl -plaintext localhost:50051 list";
        Ok(writeln!(self.out, "\nNext: {next}")?)
    }

    fn begin(&mut self, call: &str) -> Result<()> {
        self.step = self.step.saturating_add(1);
        Ok(writeln!(self.out, "{:2}. {call}", self.step)?)
    }

    fn line(&mut self, text: &str) -> Result<()> {
        Ok(writeln!(self.out, "    {text}")?)
    }

    fn row(&mut self, text: &str, amount: i64) -> Result<()> {
        self.line(&format!("{text:<58} {:>13}", usd(amount)))
    }

    fn rows(&mut self, lines: &[LineItem]) -> Result<()> {
        for line in lines {
            self.row(&name(line), minor(line.extended_list_price.as_ref()))?;
        }
        Ok(())
    }

    /// Shows a refusal by what a program would go by: code, reason, and the violations if there are several.
    fn refused<T>(&mut self, answer: std::result::Result<Response<T>, Status>) -> Result<()> {
        let Err(status) = answer else {
            return Err("it should have been refused".into());
        };
        let details = status.get_error_details();
        let info = details.error_info().ok_or(status.to_string())?;
        let told = format!("{:?}, {}", status.code(), info.reason);
        let failure = details.precondition_failure();
        match failure.map(|failure| failure.violations.as_slice()) {
            Some(violations @ [_, _, ..]) => {
                self.line(&told)?;
                for violation in violations {
                    let text = format!("  {}: {}", violation.r#type, violation.description);
                    self.line(&text)?;
                }
                Ok(())
            }
            _ => self.line(&format!("{told}: {}", status.message())),
        }
    }
}

/// What the order consists of, in minor units. The sample shop's prices are without tax.
fn receipt(order: &Order) -> Vec<(String, i64)> {
    let mut parts = Vec::new();
    let mut add = |text: String, amount: i64| parts.push((text, amount));
    for line in &order.line_items {
        add(name(line), minor(line.extended_list_price.as_ref()));
        for discount in &line.discounts {
            let amount = minor(discount.amount.as_ref());
            add(format!("  {}", discount.code), amount.saturating_neg());
        }
    }
    for consignment in &order.consignments {
        let option = consignment.selected_shipping_option.as_ref();
        let option = option.map_or("", |option| option.description.as_str());
        let cost = minor(consignment.shipping_cost_ex_tax.as_ref());
        add(format!("{option} to {}", destination(consignment)), cost);
        let handling = minor(consignment.handling_cost_ex_tax.as_ref());
        if handling != 0 {
            add("  handling".to_owned(), handling);
        }
    }
    for tax in &order.taxes {
        add(tax.name.clone(), minor(tax.amount.as_ref()));
    }
    parts
}

fn mugs(quantity: i32) -> NewLineItem {
    NewLineItem {
        product_id: "stoneware-mug".to_owned(),
        variant_id: "moss".to_owned(),
        quantity,
        ..NewLineItem::default()
    }
}

fn create_order(cart: &Cart) -> CreateOrderRequest {
    CreateOrderRequest {
        checkout_id: cart.id.clone(),
        ..CreateOrderRequest::default()
    }
}

fn austin() -> Address {
    Address {
        first_name: "Ada".to_owned(),
        last_name: "Byron".to_owned(),
        address1: "14 Cedar Street".to_owned(),
        city: "Austin".to_owned(),
        state_or_province_code: "TX".to_owned(),
        postal_code: "78702".to_owned(),
        country_code: "US".to_owned(),
        ..Address::default()
    }
}

fn toronto() -> Address {
    Address {
        first_name: "Charles".to_owned(),
        last_name: "Babbage".to_owned(),
        address1: "290 Bremner Boulevard".to_owned(),
        city: "Toronto".to_owned(),
        state_or_province_code: "ON".to_owned(),
        postal_code: "M5V 3L9".to_owned(),
        country_code: "CA".to_owned(),
        ..Address::default()
    }
}

fn place(address: &Address) -> String {
    let state = &address.state_or_province_code;
    format!("{}, {state}, {}", address.city, address.country_code)
}

fn destination(consignment: &Consignment) -> String {
    consignment.address.as_ref().map(place).unwrap_or_default()
}

fn name(line: &LineItem) -> String {
    let mut name = format!("{} × {}", line.quantity, line.name);
    for selection in &line.option_selections {
        name.push_str(", ");
        name.push_str(&selection.display_value);
    }
    name
}

fn status(order: &Order) -> &'static str {
    let name = order.status().as_str_name();
    name.trim_start_matches("ORDER_STATUS_")
}

fn transit_time(option: &ShippingOption) -> String {
    let time = option.transit_time.unwrap_or_default();
    let units = match time.units() {
        TransitTimeUnits::Hours => "hours",
        TransitTimeUnits::BusinessDays => "business days",
        TransitTimeUnits::Days | TransitTimeUnits::Unspecified => "days",
    };
    format!("{} {units}", time.duration)
}

/// Minor units of an amount, 0 if there is none: the receipt would not add up.
fn minor(money: Option<&Money>) -> i64 {
    money.map_or(0, |money| money.amount_minor)
}

/// The sample shop's currency.
fn usd(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let cents = minor.unsigned_abs();
    format!("{sign}{}.{:02} USD", cents / 100, cents % 100)
}
