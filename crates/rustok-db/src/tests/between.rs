//! Something between the server and PostgreSQL that speaks for itself, as poolers do: it changes words on their way, and
//! what a session begins with.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::watch;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    /// Words of the client, and what of the same length arrives for them.
    pub(super) words: Vec<(&'static str, &'static str)>,
    /// Sessions begin read-only, as on a standby.
    pub(super) read_only: bool,
}

pub(super) struct Between {
    address: SocketAddr,
    rules: Arc<Mutex<Rules>>,
    cut: watch::Sender<()>,
}

impl Between {
    pub(super) async fn of(url: &str) -> Self {
        let config: Config = url.parse().unwrap();
        let Host::Tcp(host) = &config.get_hosts()[0] else {
            panic!("the tests' PostgreSQL listens on TCP")
        };
        let target = format!("{host}:{}", config.get_ports()[0]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (rules, cut) = (Arc::new(Mutex::new(Rules::default())), watch::Sender::new(()));
        let (followed, cuts) = (Arc::clone(&rules), cut.clone());
        drop(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&target).await.unwrap();
                let (rules, mut cut) = (Arc::clone(&followed), cuts.subscribe());
                drop(tokio::spawn(async move {
                    tokio::select! {
                        _ = pass(client, server, &rules) => {}
                        _ = cut.changed() => {}
                    }
                }));
            }
        }));
        Self { address, rules, cut }
    }

    pub(super) fn set(&self, rules: Rules) {
        *self.rules.lock().unwrap() = rules;
    }

    /// Ends all connections.
    pub(super) fn cut(&self) {
        self.cut.send_replace(());
    }

    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }
}

/// `url` with these for its host.
pub(super) fn through(url: &str, places: &[&Between]) -> String {
    let config: Config = url.parse().unwrap();
    let (user, name) = (config.get_user().unwrap(), config.get_dbname().unwrap());
    let password = String::from_utf8(config.get_password().unwrap_or_default().to_vec()).unwrap();
    let hosts: Vec<_> = places.iter().map(|place| place.address()).collect();
    // In clear: what is between reads along.
    format!(
        "postgres://{user}:{password}@{}/{name}?sslmode=disable",
        hosts.join(",")
    )
}

async fn pass(client: TcpStream, server: TcpStream, rules: &Mutex<Rules>) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((mut from, mut to_client), (mut back, mut to)) = (client.into_split(), server.into_split());
    greet(&mut from, &mut to, rules).await?;
    let there = async {
        let mut bytes = vec![0; 1 << 16];
        loop {
            let length = from.read(&mut bytes).await?;
            if length == 0 {
                return to.shutdown().await;
            }
            let words = rules.lock().unwrap().words.clone();
            let sent = &mut bytes[..length];
            for (said, heard) in words {
                assert_eq!(said.len(), heard.len());
                for place in 0..length.saturating_sub(said.len() - 1) {
                    if sent[place..].starts_with(said.as_bytes()) {
                        sent[place..place + said.len()].copy_from_slice(heard.as_bytes());
                    }
                }
            }
            to.write_all(sent).await?;
        }
    };
    let (there, _) = tokio::join!(there, tokio::io::copy(&mut back, &mut to_client));
    there
}

/// The first message: its length, a version, and settings that end with an empty one. Also a wish to cancel, as it is.
async fn greet(
    from: &mut tcp::OwnedReadHalf,
    to: &mut tcp::OwnedWriteHalf,
    rules: &Mutex<Rules>,
) -> std::io::Result<()> {
    let length = from.read_u32().await?;
    let mut body = vec![0; length as usize - 4];
    from.read_exact(&mut body).await?;
    let begins_session = body.len() > 4 && body[..2] == [0, 3];
    if begins_session && rules.lock().unwrap().read_only {
        body.pop();
        body.extend_from_slice(b"options\0-c default_transaction_read_only=on\0\0");
    }
    to.write_u32(u32::try_from(body.len()).unwrap() + 4).await?;
    to.write_all(&body).await
}
