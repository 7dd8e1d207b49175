//! HTTP/2 by hand, frame by frame, as no client library would speak it.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// The setting of how many bytes of an answer the server may send unasked.
const INITIAL_WINDOW_SIZE: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that sends what it is told, whatever comes back.
pub(crate) struct Frames(TcpStream);

impl Frames {
    /// Begins, and lets the server send so many bytes of each answer.
    pub(crate) fn connect(address: SocketAddr, window: u32) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        // A server that reads no more is not to hold up the test.
        stream
            .set_write_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        let mut settings = vec![0, INITIAL_WINDOW_SIZE];
        settings.extend(window.to_be_bytes());
        stream.write_all(PREFACE).unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &settings)).unwrap();
        Self(stream)
    }

    /// Fails when the server has closed, or reads no more.
    pub(crate) fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.0.write_all(frames)
    }

    /// The next frame: its type, its stream and what is in it; none when the server has closed.
    pub(crate) fn receive(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[3], stream, payload))
    }

    /// Reads until the server tells to go, and answers why; none when it closes without a word.
    pub(crate) fn farewell(&mut self) -> Option<u32> {
        while let Some((kind, _, payload)) = self.receive() {
            if kind == GOAWAY {
                return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
            }
        }
        None
    }

    /// Whether the server closes, once all that it has sent is read.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = [0; 4096];
        loop {
            match self.0.read(&mut rest) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The headers of a call, with others behind them.
pub(crate) fn call(method: &str, others: &[(&str, &str)]) -> Vec<u8> {
    let path = format!("/{method}");
    let own = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", &path),
        (":authority", "shop"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    own.iter().chain(others).flat_map(header).collect()
}

/// A header that is not remembered, in HPACK.
pub(crate) fn header((name, value): &(&str, &str)) -> Vec<u8> {
    let mut block = vec![0];
    for text in [name, value] {
        integer(text.len(), &mut block);
        block.extend(text.bytes());
    }
    block
}

/// A length in seven bits and as many bytes more as it takes.
fn integer(mut number: usize, block: &mut Vec<u8>) {
    if number < 127 {
        block.push(u8::try_from(number).unwrap());
        return;
    }
    block.push(127);
    number -= 127;
    while number >= 128 {
        block.push(u8::try_from(number % 128).unwrap() | 128);
        number /= 128;
    }
    block.push(u8::try_from(number).unwrap());
}
