//! What gift certificates and store credit pay of a checkout.

use super::{
    checkout::Checkout,
    money::{Amount, Overflow},
};

/// What each gift certificate pays, in the order in which they were applied, and what store credit pays then. Gift
/// certificates never pay for those that the checkout buys, which come to `certificates_bought`; store credit does.
pub fn pay(
    checkout: &Checkout,
    certificates_bought: Amount,
    grand_total: Amount,
) -> Result<(Vec<Amount>, Amount), Overflow> {
    let mut left = grand_total;
    let mut paid = Vec::with_capacity(checkout.gift_certificates.len());
    for certificate in &checkout.gift_certificates {
        let payable = left.minus(certificates_bought)?.max(Amount::ZERO);
        let pays = match certificate.refusal {
            Some(_) => Amount::ZERO,
            None => certificate.balance.min(payable),
        };
        left = left.minus(pays)?;
        paid.push(pays);
    }
    let store_credit = checkout.store_credit.unwrap_or_default().min(left);
    Ok((paid, store_credit))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        gift_certificate::AppliedGiftCertificate,
        money::Currency,
        reason::{Reason, Refusal},
    };

    fn paid(
        balances: &[i64],
        credit: Option<i64>,
        bought: i64,
        grand_total: i64,
    ) -> (Vec<i64>, i64) {
        let mut checkout = Checkout::new(Uuid::nil(), Currency::USD, chrono::DateTime::UNIX_EPOCH);
        let certificate = |balance: &i64| AppliedGiftCertificate {
            id: Uuid::nil(),
            code: "CODE".into(),
            balance: Amount::new(*balance),
            refusal: (*balance == 13).then(|| Refusal::new(Reason::GiftCertificateDisabled, "off")),
        };
        checkout.gift_certificates = balances.iter().map(certificate).collect();
        checkout.store_credit = credit.map(Amount::new);
        let (bought, grand_total) = (Amount::new(bought), Amount::new(grand_total));
        let (paid, credit) = pay(&checkout, bought, grand_total).unwrap();
        (
            paid.into_iter().map(Amount::minor).collect(),
            credit.minor(),
        )
    }

    #[test]
    fn certificates_pay_in_order_and_store_credit_pays_the_rest() {
        assert_eq!(paid(&[30, 50, 40], Some(99), 0, 100), (vec![30, 50, 20], 0));
        assert_eq!(paid(&[30, 50], Some(99), 0, 100), (vec![30, 50], 20));
        assert_eq!(paid(&[30, 50], Some(5), 0, 100), (vec![30, 50], 5));
        assert_eq!(paid(&[30], None, 0, 100), (vec![30], 0));
        assert_eq!(paid(&[30], Some(5), 0, 0), (vec![0], 0));
    }

    #[test]
    fn one_with_a_refusal_pays_nothing() {
        assert_eq!(paid(&[13, 50], None, 0, 100), (vec![0, 50], 0));
    }

    #[test]
    fn certificates_do_not_pay_for_certificates_and_store_credit_does() {
        assert_eq!(paid(&[90, 50], Some(99), 60, 100), (vec![40, 0], 60));
        assert_eq!(paid(&[25, 50], None, 60, 100), (vec![25, 15], 0));
        // Everything but the certificate bought is free.
        assert_eq!(paid(&[25], Some(10), 60, 60), (vec![0], 10));
        assert_eq!(paid(&[25], None, 60, 50), (vec![0], 0));
    }
}
