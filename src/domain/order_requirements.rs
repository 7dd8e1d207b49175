//! What a checkout needs before an order can be created from it.

use super::{
    address::Address,
    checkout::Checkout,
    reason::{Reason, Violation},
};

/// Everything that the checkout itself lacks for an order, at once.
#[must_use]
pub fn missing(checkout: &Checkout) -> Vec<Violation> {
    let mut missing = Vec::new();
    match &checkout.billing_address {
        Some(address) => missing.extend(lacking(
            address,
            "billing_address",
            Reason::BillingAddressIncomplete,
        )),
        None => missing.push(Violation::new(
            "billing_address",
            Reason::BillingAddressMissing,
            "add a billing address",
        )),
    }
    for (line, unassigned) in checkout.lines.iter().zip(checkout.unassigned()) {
        if line.requires_shipping() && unassigned > 0 {
            let text = format!(
                "{unassigned} of \"{}\" in no consignment: add them to one",
                line.facts.name
            );
            missing.push(Violation::new(
                line.id.to_string(),
                Reason::LineItemNotConsigned,
                text,
            ));
        }
    }
    for consignment in &checkout.consignments {
        let id = consignment.id;
        let subject = format!("consignments.{id}.address");
        missing.extend(lacking(
            &consignment.address,
            &subject,
            Reason::ShippingAddressIncomplete,
        ));
        if consignment.fulfilment.is_none() {
            let text = "select a shipping option or a pickup method for the consignment";
            missing.push(Violation::new(
                id.to_string(),
                Reason::ShippingOptionNotSelected,
                text,
            ));
        }
    }
    missing
}

/// A violation for each field that an order needs and the address lacks.
fn lacking(address: &Address, subject: &str, reason: Reason) -> Vec<Violation> {
    let fields = address.missing_fields().into_iter();
    fields
        .map(|field| {
            Violation::new(
                format!("{subject}.{field}"),
                reason,
                format!("{subject} needs {field}"),
            )
        })
        .collect()
}
