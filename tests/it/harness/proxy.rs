//! A TCP proxy that can be cut: what is behind it is then out of reach.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Forwards connections until it is cut.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    target: Arc<Mutex<String>>,
    open: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy before `target`, on a free port.
    pub(crate) async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = watch::Sender::new(true);
        let state = open.subscribe();
        let target = Arc::new(Mutex::new(target));
        let now = Arc::clone(&target);
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if *state.borrow() {
                    let target = now.lock().unwrap().clone();
                    tokio::spawn(forward(near, target, state.clone()));
                }
            }
        });
        Self {
            address,
            target,
            open,
            accepting,
        }
    }

    /// Forwards new connections to another target.
    pub(crate) fn point_at(&self, target: String) {
        *self.target.lock().unwrap() = target;
    }

    /// Ends all connections, and ends new ones at once.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Forwards again.
    pub(crate) fn mend(&self) {
        self.open.send_replace(true);
    }
}

async fn forward(mut near: TcpStream, target: String, mut state: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = state.wait_for(|open| !open) => {}
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
