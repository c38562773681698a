//! A listener on a thread of its own, so that monitoring gets a response however busy the worker threads are.

use super::{Shutdown, serve};
use crate::state::HttpState;
use axum::Router;
use std::io;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Serves `router` as [`serve`] does, on a thread of its own. The returned receiver completes when that has ended.
///
/// # Errors
/// When the system provides no thread, or no I/O event queue for it.
pub fn serve_on_own_thread(
    name: &str,
    listener: TcpListener,
    router: Router,
    state: &HttpState,
    most: usize,
    shutdown: &Shutdown,
) -> io::Result<oneshot::Receiver<()>> {
    let listener = listener.into_std()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (state, shutdown) = (state.clone(), shutdown.clone());
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        runtime.block_on(async {
            match TcpListener::from_std(listener) {
                Ok(listener) => drop(serve(listener, router, &state, most, &shutdown).await),
                Err(error) => tracing::error!(%error, "a listener has no place on its own thread"),
            }
        });
        // The receiver is gone if the server has ended first.
        let _ = done.send(());
    })?;
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::HttpSettings;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::sync::mpsc;
    use std::time::Duration;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn it_answers_while_all_workers_are_held() {
        let (state, _database) = HttpState::for_test(HttpSettings::default()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/livez", axum::routing::get(async || "alive"));
        let shutdown = Shutdown::default();
        let ended = serve_on_own_thread("test", listener, router, &state, 4, &shutdown).unwrap();

        let (held, is_held) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let worker = tokio::spawn(async move {
            held.send(()).unwrap();
            let _ = released.recv();
        });
        is_held.recv().unwrap();
        let mut asking = TcpStream::connect(address).unwrap();
        asking.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        asking
            .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        asking.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("alive"), "{answer}");

        drop(release);
        worker.await.unwrap();
        shutdown.closing.cancel();
        ended.await.unwrap();
    }
}
