//! Events as others take them from a stream: `CloudEvents` 1.0 in structured mode, in JSON or Protocol Buffers.
//!
//! The official crate knows neither Protocol Buffers nor how our messages are written in JSON, which is all there is to it.

use std::collections::BTreeMap;

use prost::{Message, Oneof};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use prost_types::{Any, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::{FILE_DESCRIPTOR_SET, show};
use crate::{
    domain::event::{Event, PlacedEvent, Subject, cursor},
    publish::EventFormat,
};

const SPEC_VERSION: &str = "1.0";
/// Of all events. Together with its id it tells an event from all others.
const SOURCE: &str = "/cartwright";
/// The message in which the data is.
const DATA: &str = "cartwright.v1.Event";

/// What goes wrong only by a mistake of the build.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Writes events.
#[derive(Debug)]
pub struct Encoder {
    format: EventFormat,
    data: MessageDescriptor,
}

impl Encoder {
    /// Writes events in this format.
    pub fn new(format: EventFormat) -> Result<Self, Error> {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET)?;
        let data = pool.get_message_by_name(DATA);
        let data = data.ok_or_else(|| format!("there is no message {DATA}"))?;
        Ok(Self { format, data })
    }

    /// An event as bytes. Its `sequence` is its cursor for `StreamEvents`, and grows from event to event.
    pub fn encode(&self, placed: &PlacedEvent) -> Result<Vec<u8>, Error> {
        match self.format {
            EventFormat::Json => self.json(placed),
            EventFormat::Protobuf => Ok(protobuf(placed)),
        }
    }

    fn json(&self, placed: &PlacedEvent) -> Result<Vec<u8>, Error> {
        let event = &placed.event;
        let mut data = DynamicMessage::new(self.data.clone());
        data.transcode_from(&show::event(event))?;
        let written = serde_json::to_vec(&JsonEvent {
            specversion: SPEC_VERSION,
            id: event.id,
            source: SOURCE,
            kind: event.kind.name(),
            subject: subject(event),
            time: event
                .time
                .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
            datacontenttype: "application/json",
            sequence: cursor(placed.position),
            traceparent: &event.traceparent,
            data,
        })?;
        Ok(written)
    }
}

/// The JSON format, with the extensions for sequences and traces.
#[derive(Serialize)]
struct JsonEvent<'a> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: String,
    time: String,
    datacontenttype: &'static str,
    sequence: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    traceparent: &'a str,
    data: DynamicMessage,
}

fn protobuf(placed: &PlacedEvent) -> Vec<u8> {
    let event = &placed.event;
    let mut attributes = BTreeMap::new();
    let mut add = |name: &str, value| {
        attributes.insert(name.to_owned(), AttributeValue { value: Some(value) });
    };
    add("subject", Value::String(subject(event)));
    if let Some(time) = show::time(event.time) {
        add("time", Value::Timestamp(time));
    }
    let content_type = "application/protobuf".to_owned();
    add("datacontenttype", Value::String(content_type));
    add("sequence", Value::String(cursor(placed.position)));
    if !event.traceparent.is_empty() {
        add("traceparent", Value::String(event.traceparent.clone()));
    }
    let message = CloudEvent {
        id: event.id.to_string(),
        source: SOURCE.to_owned(),
        spec_version: SPEC_VERSION.to_owned(),
        kind: event.kind.name().to_owned(),
        attributes,
        data: Some(Any {
            type_url: format!("type.googleapis.com/{DATA}"),
            value: show::event(event).encode_to_vec(),
        }),
    };
    message.encode_to_vec()
}

/// `io.cloudevents.v1.CloudEvent`, as far as it is used.
#[derive(Clone, PartialEq, Message)]
struct CloudEvent {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    source: String,
    #[prost(string, tag = "3")]
    spec_version: String,
    #[prost(string, tag = "4")]
    kind: String,
    #[prost(btree_map = "string, message", tag = "5")]
    attributes: BTreeMap<String, AttributeValue>,
    #[prost(message, optional, tag = "8")]
    data: Option<Any>,
}

/// `io.cloudevents.v1.CloudEvent.CloudEventAttributeValue`, as far as it is used.
#[derive(Clone, PartialEq, Message)]
struct AttributeValue {
    #[prost(oneof = "Value", tags = "3, 7")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Value {
    #[prost(string, tag = "3")]
    String(String),
    #[prost(message, tag = "7")]
    Timestamp(Timestamp),
}

/// The id of what it happened to.
fn subject(event: &Event) -> String {
    let id = match &event.subject {
        Subject::Checkout(change) => change.checkout_id,
        Subject::Order(change) => change.order_id,
        Subject::Promotion { promotion_id, .. } => *promotion_id,
        Subject::CouponCodes {
            promotion_id,
            code_id,
            batch_id,
            ..
        } => code_id.or(*batch_id).unwrap_or(*promotion_id),
    };
    id.to_string()
}
