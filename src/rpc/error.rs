//! The one place where an error becomes a gRPC status.
//!
//! A status travels in the headers of the answer, and some clients take no more than 8 KiB of them. So
//! texts are clipped and lists cut: what is left fits whatever a caller sent.

use std::{collections::HashMap, fmt::Write as _, time::Duration};

use opentelemetry::trace::TraceContextExt as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt as _};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::pb::ErrorReason;
use crate::{
    domain::{
        caller::{Access, Scope},
        reason::{Class, Reason, Refusal, Violation},
    },
    flow::{self, Dependency},
    limits,
};

/// Domain of every `google.rpc.ErrorInfo`.
const DOMAIN: &str = "cartwright";
/// Most bytes of a message, of a metadata value, and of a single violation's texts.
const MAX_MESSAGE: usize = 800;
const MAX_METADATA_VALUE: usize = 300;
const MAX_VIOLATION_TEXT: usize = 300;
/// Most bytes of all violations together.
const MAX_VIOLATIONS: usize = 2_000;

/// When to try again after a conflict, and when something is out of reach or overloaded.
const RETRY_CONFLICT: Duration = Duration::from_millis(100);
const RETRY_OUTAGE: Duration = Duration::from_secs(1);

/// The status of an error of the flow.
#[must_use]
pub fn status(error: flow::Error) -> Status {
    match error {
        flow::Error::Refused(refusal) => refused(&refusal),
        flow::Error::Unavailable(what) => unavailable(&what),
        flow::Error::TooMany(what) => too_many(what),
        flow::Error::Limited { limit, retry } => rate_limited(&limit, retry),
        flow::Error::Draining => draining(),
        flow::Error::Internal(error) => {
            tracing::error!(error = causes(&*error), "internal error");
            internal()
        }
    }
}

impl From<flow::Error> for Status {
    fn from(error: flow::Error) -> Self {
        status(error)
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        refused(&refusal)
    }
}

/// The service has as many calls as it can take.
#[must_use]
pub fn overloaded() -> Status {
    too_many("calls in flight")
}

/// The request took longer to arrive than others, and they need the room.
#[must_use]
pub fn gave_way() -> Status {
    too_many("requests on their way")
}

/// The service has as many of these as it can take.
fn too_many(what: &'static str) -> Status {
    let message = format!("more {what} than the service takes at a time: try again later");
    let mut details = info(name(ErrorReason::Overloaded), &[]);
    details.set_retry_info(Some(RETRY_OUTAGE));
    details.add_quota_failure_violation(what, &message);
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// The caller has done this too often.
#[must_use]
pub fn rate_limited(limit: &str, retry: Duration) -> Status {
    let message = format!("the limit of {limit} is reached: try again later");
    let mut details = info(name(ErrorReason::RateLimited), &[]);
    details.set_retry_info(Some(retry));
    details.add_quota_failure_violation("caller", &message);
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

impl From<limits::Refused> for Status {
    fn from(refused: limits::Refused) -> Self {
        rate_limited(&refused.limit, refused.retry)
    }
}

/// The call says of nobody who it is from.
#[must_use]
pub fn credentials_missing() -> Status {
    let message =
        "who calls? send an API token or a session token as metadata \"authorization: Bearer …\"";
    let details = info(name(ErrorReason::CredentialsMissing), &[]);
    Status::with_error_details(Code::Unauthenticated, message, details)
}

/// The connection shows no certificate, without which nothing is told but health.
#[must_use]
pub fn certificate_missing() -> Status {
    let message = "the connection shows no client certificate: connect with one";
    let details = info(name(ErrorReason::CredentialsMissing), &[]);
    Status::with_error_details(Code::Unauthenticated, message, details)
}

/// The call's credentials are not good, for a reason that tells nobody how to make better ones.
#[must_use]
pub fn credentials_invalid(why: &str) -> Status {
    let message = format!("the credentials are not valid: {why}");
    let details = info(name(ErrorReason::CredentialsInvalid), &[]);
    Status::with_error_details(Code::Unauthenticated, message, details)
}

/// The caller is known, and may not call this.
#[must_use]
pub fn scope_missing(method: &str, scope: Scope, access: Access) -> Status {
    let scope = format!("{}:{}", scope.name(), access.name());
    let message = format!("{method} needs the scope {scope}, which these credentials do not have");
    let metadata = [
        ("method".to_owned(), method.to_owned()),
        ("scope".to_owned(), scope),
    ];
    let details = info(name(ErrorReason::ScopeMissing), &metadata);
    Status::with_error_details(Code::PermissionDenied, message, details)
}

/// The method is not for shoppers.
#[must_use]
pub fn not_for_shoppers(method: &str) -> Status {
    let message =
        format!("{method} is not for storefront sessions: call it from a service of the shop");
    let refusal = Refusal::new(Reason::StorefrontNotAllowed, message);
    refused(&refusal.with("method", method))
}

fn draining() -> Status {
    let message = "the server is about to stop: go on elsewhere";
    let mut details = info(name(ErrorReason::Draining), &[]);
    details.set_retry_info(Some(RETRY_OUTAGE));
    Status::with_error_details(Code::Unavailable, message, details)
}

/// The request cannot be read at all.
#[must_use]
pub fn malformed(message: impl Into<String>) -> Status {
    let details = info(name(ErrorReason::MalformedRequest), &[]);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// The call's deadline passed before it was answered.
#[must_use]
pub fn deadline_exceeded() -> Status {
    let message = "the deadline passed: repeat the call with the same request_id to find out whether it was done";
    let details = info(name(ErrorReason::DeadlineExceeded), &[]);
    Status::with_error_details(Code::DeadlineExceeded, message, details)
}

/// A panic was caught.
#[must_use]
pub fn internal_panic() -> Status {
    internal()
}

/// Says nothing of what went wrong but where to look it up.
fn internal() -> Status {
    let mut details = info(name(ErrorReason::Internal), &[]);
    let context = tracing::Span::current().context();
    let span = context.span();
    let trace = span.span_context();
    if trace.is_valid() {
        details.set_request_info(trace.trace_id().to_string(), "");
    }
    let message = "internal error: report it with the trace id";
    Status::with_error_details(Code::Internal, message, details)
}

fn unavailable(what: &Dependency) -> Status {
    let (reason, metadata) = match what {
        Dependency::Database => (ErrorReason::DatabaseUnavailable, Vec::new()),
        Dependency::Catalog => (ErrorReason::CatalogUnavailable, Vec::new()),
        Dependency::Carrier(id) => {
            let metadata = vec![("carrier_id".to_owned(), id.clone())];
            (ErrorReason::CarrierUnavailable, metadata)
        }
    };
    let mut details = info(name(reason), &metadata);
    details.set_retry_info(Some(RETRY_OUTAGE));
    let message = match what {
        // It may have done the last statement, and been gone before it could say so.
        Dependency::Database => {
            format!("{what} is out of reach: try again, with the same request_id")
        }
        _ => format!("{what} is out of reach and nothing was done: try again"),
    };
    Status::with_error_details(Code::Unavailable, message, details)
}

/// The name on the wire of a reason that is not the domain's.
fn name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

fn info(reason: &str, metadata: &[(String, String)]) -> ErrorDetails {
    let clipped = metadata
        .iter()
        .map(|(key, value)| (key.clone(), clip(value, MAX_METADATA_VALUE)));
    ErrorDetails::with_error_info(reason, DOMAIN, clipped.collect::<HashMap<_, _>>())
}

fn refused(refusal: &Refusal) -> Status {
    let mut details = info(refusal.reason.name(), &refusal.metadata);
    let (violations, cut) = cut(&refusal.violations);
    let code = match refusal.reason.class() {
        Class::Invalid => {
            if !violations.is_empty() {
                details.set_bad_request(violations.iter().map(field_violation).collect::<Vec<_>>());
            }
            Code::InvalidArgument
        }
        Class::NotFound => {
            add_resource(&mut details, refusal);
            Code::NotFound
        }
        Class::AlreadyExists => Code::AlreadyExists,
        Class::Denied => {
            if !violations.is_empty() {
                details.set_bad_request(violations.iter().map(field_violation).collect::<Vec<_>>());
            }
            Code::PermissionDenied
        }
        Class::Aborted => {
            // After a stale version the caller has to decide again, not only to try again.
            if refusal.reason == Reason::ConcurrentChange {
                details.set_retry_info(Some(RETRY_CONFLICT));
            }
            Code::Aborted
        }
        Class::Precondition => {
            let failures = if violations.is_empty() {
                vec![precondition_violation(&itself(refusal))]
            } else {
                violations.iter().map(precondition_violation).collect()
            };
            details.set_precondition_failure(failures);
            Code::FailedPrecondition
        }
    };
    let mut message = clip(&refusal.message, MAX_MESSAGE);
    if cut > 0 {
        // Writing to a string cannot fail.
        let _ = write!(message, " (the details leave out {cut} more)");
    }
    Status::with_error_details(code, message, details)
}

/// As many violations as fit, clipped, and how many do not.
fn cut(violations: &[Violation]) -> (Vec<Violation>, usize) {
    let mut left = MAX_VIOLATIONS;
    let mut kept = Vec::new();
    for violation in violations {
        let clipped = Violation::new(
            clip(&violation.subject, MAX_VIOLATION_TEXT),
            violation.reason,
            clip(&violation.description, MAX_VIOLATION_TEXT),
        );
        let name = clipped.reason.name();
        let size = clipped.subject.len() + clipped.description.len() + name.len();
        let Some(rest) = left.checked_sub(size) else {
            break;
        };
        left = rest;
        kept.push(clipped);
    }
    let cut = violations.len().saturating_sub(kept.len());
    (kept, cut)
}

/// The first bytes of a text, without breaking a character.
fn clip(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most);
    format!("{}…", text.get(..end).unwrap_or_default())
}

fn field_violation(violation: &Violation) -> FieldViolation {
    FieldViolation {
        reason: violation.reason.name().to_owned(),
        ..FieldViolation::new(&violation.subject, &violation.description)
    }
}

fn precondition_violation(violation: &Violation) -> PreconditionViolation {
    PreconditionViolation::new(
        violation.reason.name(),
        &violation.subject,
        &violation.description,
    )
}

/// A refusal as its only violation: what it is about comes first in its metadata.
fn itself(refusal: &Refusal) -> Violation {
    let subject = refusal
        .metadata
        .first()
        .map_or("", |(_, value)| value.as_str());
    Violation::new(
        clip(subject, MAX_VIOLATION_TEXT),
        refusal.reason,
        clip(&refusal.message, MAX_VIOLATION_TEXT),
    )
}

fn add_resource(details: &mut ErrorDetails, refusal: &Refusal) {
    let (kind, key) = match refusal.reason {
        Reason::LineItemNotFound => ("LineItem", "line_item_id"),
        Reason::ConsignmentNotFound => ("Consignment", "consignment_id"),
        Reason::BillingAddressNotFound => ("Address", "address_id"),
        Reason::CouponNotFound => ("CouponCode", "code"),
        Reason::ProductNotFound => ("Product", "product_id"),
        Reason::VariantNotFound => ("Variant", "variant_id"),
        Reason::OrderNotFound => ("Order", "order_id"),
        Reason::PromotionNotFound => ("Promotion", "promotion_id"),
        Reason::FeeNotFound => ("Fee", "fee_id"),
        Reason::GiftCertificateNotFound => ("GiftCertificate", named_by(refusal)),
        // Also expired, deleted and paid ones.
        _ => ("Cart", "cart_id"),
    };
    let id = refusal.metadata.iter().find(|(name, _)| name == key);
    let id = id.map_or("", |(_, value)| value.as_str());
    let description = clip(&refusal.message, MAX_VIOLATION_TEXT);
    details.set_resource_info(
        format!("cartwright.v1.{kind}"),
        clip(id, MAX_METADATA_VALUE),
        "",
        description,
    );
}

/// The name of the metadata that comes first: what the thing was asked for by, where there are several ways.
fn named_by(refusal: &Refusal) -> &str {
    let first = refusal.metadata.first();
    first.map_or("", |(name, _)| name.as_str())
}

/// An error with everything that caused it.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reasons that are not of the domain: the service gives them itself.
    const OWN: [ErrorReason; 12] = [
        ErrorReason::MalformedRequest,
        ErrorReason::Overloaded,
        ErrorReason::CredentialsMissing,
        ErrorReason::CredentialsInvalid,
        ErrorReason::ScopeMissing,
        ErrorReason::RateLimited,
        ErrorReason::DatabaseUnavailable,
        ErrorReason::CatalogUnavailable,
        ErrorReason::CarrierUnavailable,
        ErrorReason::DeadlineExceeded,
        ErrorReason::Draining,
        ErrorReason::Internal,
    ];

    #[test]
    fn the_proto_documents_every_reason_and_no_other() {
        let proto = include_str!("../../proto/cartwright/v1/error_reason.proto");
        let lines: Vec<_> = proto.lines().map(str::trim).collect();
        let mut documented: Vec<_> = lines
            .windows(2)
            .filter(|pair| pair[0].starts_with("//"))
            .filter_map(|pair| pair[1].strip_prefix("ERROR_REASON_")?.split(' ').next())
            .filter(|name| *name != "UNSPECIFIED")
            .collect();
        let mut known: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        known.extend(OWN.map(name));
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(documented, known);
        for name in known {
            assert!(ErrorReason::from_str_name(&format!("ERROR_REASON_{name}")).is_some());
        }
    }

    #[test]
    fn each_class_is_a_code_with_its_detail() {
        let refuse = |reason, key: &str| {
            Status::from(Refusal::new(reason, "no").with(key, "x").with("more", 7))
        };

        let invalid = Status::from(Refusal::field("cart_id", "must be a UUID"));
        assert_eq!(invalid.code(), Code::InvalidArgument);
        assert_eq!(invalid.message(), "cart_id: must be a UUID");
        let violation = &invalid.get_details_bad_request().unwrap().field_violations[0];
        assert_eq!(violation.field, "cart_id");
        assert_eq!(violation.description, "must be a UUID");
        assert_eq!(violation.reason, "INVALID_FIELDS");

        let missing = refuse(Reason::CartExpired, "cart_id");
        assert_eq!(missing.code(), Code::NotFound);
        let resource = missing.get_details_resource_info().unwrap();
        assert_eq!(resource.resource_type, "cartwright.v1.Cart");
        assert_eq!(resource.resource_name, "x");
        let info = missing.get_details_error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("CART_EXPIRED", "cartwright")
        );
        assert_eq!(info.metadata["more"], "7");

        let there = refuse(Reason::CouponAlreadyApplied, "code");
        assert_eq!(there.code(), Code::AlreadyExists);

        let stale = refuse(Reason::VersionMismatch, "current_version");
        assert_eq!(stale.code(), Code::Aborted);
        assert!(stale.get_details_retry_info().is_none());
        let raced = refuse(Reason::ConcurrentChange, "");
        assert_eq!(raced.code(), Code::Aborted);
        let retry = raced.get_details_retry_info().unwrap();
        assert_eq!(retry.retry_delay, Some(RETRY_CONFLICT));

        let early = refuse(Reason::CouponNotStarted, "code");
        assert_eq!(early.code(), Code::FailedPrecondition);
        let failure = &early.get_details_precondition_failure().unwrap().violations[0];
        assert_eq!(failure.r#type, "COUPON_NOT_STARTED");
        assert_eq!(
            (failure.subject.as_str(), failure.description.as_str()),
            ("x", "no")
        );
    }

    #[test]
    fn several_preconditions_are_told_one_by_one() {
        let mut refusal = Refusal::new(Reason::CheckoutIncomplete, "two things are missing");
        for (subject, reason) in [
            ("billing_address", Reason::BillingAddressMissing),
            ("0193", Reason::LineItemNotConsigned),
        ] {
            refusal
                .violations
                .push(Violation::new(subject, reason, "do it"));
        }
        let failure = Status::from(refusal)
            .get_details_precondition_failure()
            .unwrap();
        let types: Vec<_> = failure
            .violations
            .iter()
            .map(|v| v.r#type.as_str())
            .collect();
        assert_eq!(
            types,
            ["BILLING_ADDRESS_MISSING", "LINE_ITEM_NOT_CONSIGNED"]
        );
    }

    #[test]
    fn what_is_out_of_reach_can_be_tried_again_and_a_bug_is_opaque() {
        let outage = status(flow::Error::Unavailable(Dependency::Database));
        assert_eq!(outage.code(), Code::Unavailable);
        assert!(outage.message().starts_with("the database is out of reach"));
        assert_eq!(
            outage.get_details_error_info().unwrap().reason,
            "DATABASE_UNAVAILABLE"
        );
        assert!(outage.get_details_retry_info().is_some());
        let carrier = status(flow::Error::Unavailable(Dependency::Carrier("ups".into())));
        let info = carrier.get_details_error_info().unwrap();
        assert_eq!(carrier.code(), Code::Unavailable);
        assert_eq!(
            (info.reason.as_str(), info.metadata["carrier_id"].as_str()),
            ("CARRIER_UNAVAILABLE", "ups")
        );

        let bug = status(flow::Error::Internal("column \"secret\" is gone".into()));
        assert_eq!(bug.code(), Code::Internal);
        assert!(!bug.message().contains("secret"));
        assert_eq!(bug.get_details_error_info().unwrap().reason, "INTERNAL");

        assert_eq!(overloaded().code(), Code::ResourceExhausted);
        assert_eq!(deadline_exceeded().code(), Code::DeadlineExceeded);
        assert_eq!(malformed("not protobuf").code(), Code::InvalidArgument);
        assert_eq!(internal_panic().code(), Code::Internal);
    }

    #[test]
    fn an_answer_fits_into_headers_whatever_was_sent() {
        let long = "é".repeat(100_000);
        for class in [
            Reason::InvalidFields,
            Reason::CheckoutIncomplete,
            Reason::CouponNotFound,
        ] {
            let mut refusal = Refusal::new(class, &long)
                .with("code", &long)
                .with("more", &long);
            let violation = Violation::new(&long, Reason::InvalidFields, &long);
            refusal.violations = vec![violation; 90];
            let status = Status::from(refusal);
            let headers = status.into_http::<()>().into_parts().0.headers;
            let size: usize = headers
                .iter()
                .map(|(k, v)| k.as_str().len() + v.len())
                .sum();
            assert!(size < 8_000, "{size}");
        }

        let many =
            (0..90).map(|i| Violation::new(format!("items[{i}]"), Reason::InvalidFields, "bad"));
        let status = Status::from(Refusal::fields(many.collect()));
        let kept = status
            .get_details_bad_request()
            .unwrap()
            .field_violations
            .len();
        assert!(status.details().len() * 4 / 3 < 6 * 1024);
        let told = format!("(the details leave out {} more)", 90 - kept);
        assert!(status.message().ends_with(&told), "{}", status.message());
    }
}
