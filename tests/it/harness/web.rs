//! gRPC-Web by hand, over HTTP/1.1 as a browser speaks it. Byte by byte, it can also hold a call up.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

/// An empty message as it travels.
const EMPTY: &[u8] = &[0; 5];

/// A call that waits for the rest of its message.
pub(crate) struct Call(TcpStream);

impl Call {
    /// Begins a call whose message is empty, with a line of headers or none, and sends the first of its bytes.
    /// The server holds it to be in flight from then on.
    pub(crate) fn begin(address: SocketAddr, method: &str, header: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /{method} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/grpc-web+proto\r\n\
            Content-Length: {}\r\nConnection: close\r\n{header}\r\n",
            EMPTY.len()
        );
        stream
            .write_all(&[head.as_bytes(), &EMPTY[..1]].concat())
            .unwrap();
        Self(stream)
    }

    /// Sends the rest, and answers head and body of the answer.
    pub(crate) fn end(mut self) -> String {
        self.0.write_all(&EMPTY[1..]).unwrap();
        self.answer()
    }

    /// Waits for an answer to what was sent.
    pub(crate) fn answer(mut self) -> String {
        let mut answer = Vec::new();
        self.0.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}
