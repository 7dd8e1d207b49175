//! One of many shoppers: does something at random, and remembers what was told.

use std::{future::Future, sync::Arc, time::Duration};

use cartwright::rpc::pb::PaymentState;
use tonic::{Response, Status, transport::Channel};
use uuid::Uuid;

use super::{
    post::{Post, Sent, Way},
    register::{Effect, Operation},
    shop::{Placed, Shop, Visit},
};
use crate::harness::dice::Dice;

/// A call, as often as it takes.
macro_rules! call {
    ($Client:ident, $method:ident, $request:expr) => {{
        let request = $request;
        move |channel: Channel| {
            let request = request.clone();
            async move { $Client::new(channel).$method(request).await }
        }
    }};
}

mod cart;
mod order;
mod scarce;

/// Whether something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Yes,
    Perhaps,
    No,
}

/// A line that nobody else has.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) cart_id: String,
    pub(crate) text: String,
    pub(crate) there: Done,
    /// Where it is; none if it is not to be deleted.
    line_id: Option<String>,
}

/// A payment with the states that it can be in.
#[derive(Debug)]
pub(crate) struct Paid {
    pub(crate) order_id: String,
    pub(crate) reference: String,
    pub(crate) amount: i64,
    /// The last one that was acknowledged.
    pub(crate) state: Option<PaymentState>,
    /// One that it may have got instead.
    pub(crate) perhaps: Option<PaymentState>,
}

/// What a shopper was told.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) operations: Vec<(String, Operation)>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) payments: Vec<Paid>,
    pub(crate) orders: Vec<Placed>,
    /// The carts of which there may be one more order, once for each.
    pub(crate) perhaps_orders: Vec<String>,
    pub(crate) carts: Vec<String>,
}

pub(crate) struct Client {
    number: u64,
    dice: Dice,
    post: Post,
    shop: Arc<Shop>,
    made: u64,
    notes: Notes,
}

/// How a request goes out.
struct Manner {
    way: Way,
    /// Empty if it is sent once.
    request_id: String,
}

impl Client {
    pub(crate) fn new(number: u64, dice: Dice, post: Post, shop: Arc<Shop>) -> Self {
        Self {
            number,
            dice,
            post,
            shop,
            made: 0,
            notes: Notes::default(),
        }
    }

    /// Shops until the shop closes.
    pub(crate) async fn run(mut self) -> Notes {
        while self.shop.is_open() {
            match self.shop.visit(&mut self.dice) {
                Visit::Cart(index, cart_id, orders) => self.step(index, &cart_id, &orders).await,
                Visit::Vacancy(index) => self.make_cart(index).await,
                Visit::Nothing => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        self.notes
    }

    async fn step(&mut self, index: usize, cart_id: &str, orders: &[Placed]) {
        match self.dice.below(40) {
            0..6 => drop(self.read(cart_id).await),
            6..14 => self.add(index, cart_id).await,
            14..16 => self.delete_line(cart_id).await,
            16..19 => self.write(cart_id).await,
            19..23 => self.apply_code(cart_id).await,
            23 => self.remove_code(cart_id).await,
            24..27 => self.apply_certificate(cart_id).await,
            27..29 => self.apply_credit(cart_id).await,
            29..33 => self.order(index, cart_id).await,
            33..36 => {
                if !orders.is_empty() {
                    let order = self.dice.pick(orders);
                    self.pay(&order).await;
                }
            }
            36 => {
                if let Some(order) = self.shop.past_order(&mut self.dice) {
                    self.pay(&order).await;
                }
            }
            37 => {
                if !orders.is_empty() {
                    let order = self.dice.pick(orders);
                    self.cancel(&order).await;
                }
            }
            38 => {
                if let Some(order) = self.shop.past_order(&mut self.dice) {
                    self.move_on(&order).await;
                }
            }
            _ => match self.dice.below(6) {
                0 => self.delete_cart(index, cart_id).await,
                1 => self.promote().await,
                _ => {}
            },
        }
    }

    /// A text, and an id, that nobody else has.
    fn unique(&mut self) -> (String, String) {
        self.made += 1;
        let id = (u128::from(self.number + 1) << 64) + u128::from(self.made);
        let name = format!("N{}-{}", self.number, self.made);
        (name, Uuid::from_u128(id).to_string())
    }

    /// By an id, so that it is known what came of it.
    fn certain(&mut self) -> Manner {
        let (_, request_id) = self.unique();
        let way = self
            .dice
            .pick(&[Way::Stubbornly, Way::Stubbornly, Way::Twice]);
        Manner { way, request_id }
    }

    fn manner(&mut self) -> Manner {
        if self.dice.once_in(4) {
            return Manner {
                way: Way::Once,
                request_id: String::new(),
            };
        }
        self.certain()
    }

    async fn send<T, F>(
        &mut self,
        what: &'static str,
        way: Way,
        call: impl Fn(Channel) -> F,
    ) -> Sent<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let replica = self.dice.index(2);
        let sent = self.post.send(way, replica, call).await;
        let outcomes = &self.shop.outcomes;
        outcomes.tally(what, sent.outcome());
        let violations = sent.refusal.iter().flat_map(|it| &it.violations);
        for violation in violations {
            outcomes.tally(what, violation);
        }
        if sent.sends > 1 {
            outcomes.tally(what, "sent again");
        }
        sent
    }

    /// Changes a cart. Once in a while what was done is asked for again, and has to be answered again.
    async fn change<T, F>(
        &mut self,
        what: &'static str,
        cart_id: &str,
        manner: Manner,
        version: fn(&T) -> Option<i64>,
        call: impl Fn(Channel) -> F,
    ) -> Sent<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let sent = self.send(what, manner.way, &call).await;
        self.note(cart_id, &sent, version);
        if !manner.request_id.is_empty() && !sent.answers.is_empty() && self.dice.once_in(8) {
            let again = self.send(what, Way::Stubbornly, &call).await;
            assert!(!again.answers.is_empty(), "{what}: {}", again.outcome());
            self.shop.outcomes.tally(what, "answered again");
            for answer in &again.answers {
                if let Some(version) = version(&answer.message) {
                    self.saw(cart_id, answer.invoked, answer.returned, version);
                }
            }
        }
        sent
    }

    /// Notes what a change says of the version of the cart.
    fn note<T>(&mut self, cart_id: &str, sent: &Sent<T>, version: fn(&T) -> Option<i64>) {
        if let Some(refusal) = &sent.refusal
            && let Some(current) = refusal.current_version
        {
            self.saw(cart_id, refusal.invoked, refusal.returned, current);
        }
        if sent.is_open() {
            self.remember(cart_id, sent.invoked, None, Effect::Perhaps);
            return;
        }
        let only = sent.only_answer().and_then(|it| version(&it.message));
        if let Some(returned) = sent.answers.iter().map(|answer| answer.returned).min() {
            let effect = only.map_or(Effect::Changed, Effect::Wrote);
            self.remember(cart_id, sent.invoked, Some(returned), effect);
        }
        for answer in sent.answers.iter().filter(|_| only.is_none()) {
            if let Some(version) = version(&answer.message) {
                self.saw(cart_id, answer.invoked, answer.returned, version);
            }
        }
    }

    fn saw(&mut self, cart_id: &str, invoked: u64, returned: u64, version: i64) {
        self.remember(cart_id, invoked, Some(returned), Effect::Saw(version));
    }

    fn remember(&mut self, cart_id: &str, invoked: u64, returned: Option<u64>, effect: Effect) {
        let operation = Operation {
            invoked,
            returned,
            effect,
        };
        self.notes.operations.push((cart_id.to_owned(), operation));
    }
}

fn ended<T>(sent: &Sent<T>) -> bool {
    ["CART_PAID", "CART_DELETED"].contains(&sent.outcome())
}

const fn done<T>(sent: &Sent<T>) -> Done {
    if !sent.answers.is_empty() {
        Done::Yes
    } else if sent.is_open() {
        Done::Perhaps
    } else {
        Done::No
    }
}
