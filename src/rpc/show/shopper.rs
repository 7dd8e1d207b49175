//! What shoppers are not shown of what is theirs: what the staff writes for each other, what the shop knows of its customers,
//! and codes that are worth money to whoever reads them over a shoulder.

use crate::{
    domain::{caller::Caller, gift_certificate::masked},
    rpc::pb,
};

/// A cart as its caller may see it.
pub(super) fn cart(mut cart: pb::Cart, caller: &Caller) -> pb::Cart {
    if caller.session().is_some() {
        cart.customer_context = None;
    }
    cart
}

/// A checkout as its caller may see it.
pub(super) fn checkout(mut checkout: pb::Checkout, caller: &Caller) -> pb::Checkout {
    if caller.session().is_some() {
        checkout.staff_note.clear();
        mask(&mut checkout.gift_certificates);
    }
    checkout
}

/// An order as its caller may see it.
pub(super) fn order(mut order: pb::Order, caller: &Caller) -> pb::Order {
    if caller.session().is_some() {
        order.staff_note.clear();
        order.status_reason.clear();
        order.history.clear();
        order.customer_context = None;
    }
    order
}

fn mask(certificates: &mut [pb::AppliedGiftCertificate]) {
    for certificate in certificates {
        certificate.code = masked(&certificate.code);
    }
}
