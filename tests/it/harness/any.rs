//! Calls of any RPC, by its descriptor.

use cartwright::rpc::FILE_DESCRIPTOR_SET;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, prost::Message as _};
use serde_json::Value;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{BufferSettings, Codec, EncodeBuf, Encoder},
    transport::Channel,
};
use tonic_prost::{ProstCodec, ProstDecoder};

/// Every RPC of `cartwright.v1`.
pub(crate) fn methods() -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let services = pool.services();
    let services = services.filter(|service| service.package_name() == "cartwright.v1");
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    methods.collect()
}

/// `Service.Method`.
pub(crate) fn name(method: &MethodDescriptor) -> String {
    format!("{}.{}", method.parent_service().name(), method.name())
}

/// Calls a method with a request in JSON, in the name of whoever has the token. Answers only how it begins.
pub(crate) async fn call_any(
    channel: &Channel,
    method: &MethodDescriptor,
    message: &Value,
    token: Option<&str>,
) -> Result<(), Status> {
    let message = DynamicMessage::deserialize(method.input(), message).unwrap();
    let mut request = Request::new(message.encode_to_vec());
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let service = method.parent_service();
    let path = format!("/{}/{}", service.full_name(), method.name());
    let path = path.parse().unwrap();
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    if method.is_server_streaming() {
        client
            .server_streaming(request, path, Encoded)
            .await
            .map(drop)
    } else {
        client.unary(request, path, Encoded).await.map(drop)
    }
}

/// Messages that are encoded already; what is answered is not looked at.
struct Encoded;

impl Codec for Encoded {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = ProstDecoder<()>;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<(), ()>::raw_decoder(BufferSettings::default())
    }
}

impl Encoder for Encoded {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        use prost_reflect::prost::bytes::BufMut as _;
        buffer.put_slice(&message);
        Ok(())
    }
}
