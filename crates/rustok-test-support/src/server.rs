//! The real binary, started beside a test: controlled over HTTP, by signals, and by its command line.
//!
//! It must never be influenced by this process's own `RUSTOK_*` variables or by a stray `rustok.toml`.

use crate::waiting::TIMEOUT;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const DATABASE_URL: &str = "RUSTOK_DATABASE_URL";

/// How to run the binary: its database, working folder, extra arguments and environment. All servers and commands
/// created from it share these.
#[derive(Debug, Clone)]
pub struct ServerCommand {
    binary: PathBuf,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    folder: Arc<TempDir>,
}

impl ServerCommand {
    /// `binary` is the caller's `env!("CARGO_BIN_EXE_rustok")`, `database_url` a `TestDatabase`'s.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>, database_url: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("rustok-server-")
            .tempdir()
            .unwrap();
        Self {
            binary: binary.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            folder: Arc::new(folder),
        }
        .env(DATABASE_URL, database_url)
        .env("RUSTOK_LISTEN", "127.0.0.1:0")
        .env("RUSTOK_MANAGEMENT_LISTEN", "127.0.0.1:0")
    }

    /// Adds an argument after `serve`.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Sets an environment variable, replacing an earlier value.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Removes an environment variable that was set here, for a start without a database URL.
    #[must_use]
    pub fn env_remove(mut self, name: &str) -> Self {
        self.env.remove(&OsString::from(name));
        self
    }

    /// The URL of its database; `None` when it was removed.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        self.env.get(OsStr::new(DATABASE_URL))?.to_str()
    }

    /// The working folder: initially empty, shared by all processes started from here.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a server and waits until it has printed both of its addresses.
    ///
    /// # Panics
    /// With all its output, when it exits instead or prints no addresses within [`TIMEOUT`].
    pub async fn start(&self) -> TestServer {
        match self.try_start().await {
            Ok(server) => server,
            Err(finished) => panic!("the server ended instead of starting: {finished:#?}"),
        }
    }

    /// As [`Self::start`] for a server that may refuse to start.
    ///
    /// # Errors
    /// How it exited.
    ///
    /// # Panics
    /// When it neither starts nor exits within [`TIMEOUT`].
    pub async fn try_start(&self) -> Result<TestServer, Finished> {
        let mut command = self.command();
        command.arg("serve").args(&self.args);
        let mut child = spawn(command);
        let (stdout, mut addresses) = Output::read(child.stdout.take().unwrap());
        let (stderr, _) = Output::read(child.stderr.take().unwrap());
        let reported = timeout(TIMEOUT, addresses.wait_for(Addresses::complete)).await;
        let reported = reported.map(|reported| reported.map(|addresses| addresses.clone()));
        let (url, management_url) = match reported {
            Ok(Ok(Addresses {
                public: Some(public),
                management: Some(management),
            })) => (public, management),
            Err(_) => panic!(
                "no addresses after {TIMEOUT:?}: {:?} {:?}",
                stdout.text(),
                stderr.text()
            ),
            // Its output ended before both addresses were printed.
            Ok(_) => {
                let status = wait(&mut child, "end").await;
                return Err(Finished::new(
                    status,
                    stdout.finish().await,
                    stderr.finish().await,
                ));
            }
        };
        Ok(TestServer {
            command: self.clone(),
            child,
            url,
            management_url,
            stdout,
            stderr,
        })
    }

    /// Runs a command, such as `["tenant", "create", "shop1", "--json"]`, until it exits.
    ///
    /// # Panics
    /// When it runs for more than [`TIMEOUT`].
    pub async fn run(&self, args: &[&str]) -> Finished {
        let mut command = self.command();
        command.args(args);
        let mut child = spawn(command);
        let (stdout, _) = Output::read(child.stdout.take().unwrap());
        let (stderr, _) = Output::read(child.stderr.take().unwrap());
        let status = wait(&mut child, "finish").await;
        Finished::new(status, stdout.finish().await, stderr.finish().await)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RUSTOK_") {
                command.env_remove(name);
            }
        }
        command.envs(&self.env).current_dir(self.folder.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

/// How a command or a server exited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Finished {
    fn new(status: ExitStatus, stdout: String, stderr: String) -> Self {
        Self {
            code: status.code(),
            stdout,
            stderr,
        }
    }

    /// The standard output of a command that must succeed.
    ///
    /// # Panics
    /// With all its output, when it failed.
    #[must_use]
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }
}

/// A running server. Killed on drop.
#[derive(Debug)]
pub struct TestServer {
    command: ServerCommand,
    child: Child,
    url: String,
    management_url: String,
    stdout: Output,
    stderr: Output,
}

impl TestServer {
    /// The URL of the public listener: `http://127.0.0.1:PORT`, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of the management listener.
    #[must_use]
    pub fn management_url(&self) -> &str {
        &self.management_url
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it has exited.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// The command it was started with; commands run from it use the same database.
    #[must_use]
    pub fn command(&self) -> &ServerCommand {
        &self.command
    }

    /// [`ServerCommand::run`] on the same database.
    ///
    /// # Panics
    /// When it runs for more than [`TIMEOUT`].
    pub async fn run(&self, args: &[&str]) -> Finished {
        self.command.run(args).await
    }

    /// Its standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Its standard error so far: its log.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Sends SIGKILL and waits for the exit. The server cannot run any cleanup.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub async fn kill(mut self) -> ServerCommand {
        self.child.kill().await.unwrap();
        self.command
    }

    /// Sends SIGTERM without waiting, to observe how it drains.
    ///
    /// # Panics
    /// When it has exited.
    pub async fn signal_terminate(&self) {
        self.signal("TERM").await;
    }

    /// Sends the signal with this name.
    ///
    /// # Panics
    /// When it has exited.
    pub async fn signal(&self, name: &str) {
        // Sends a signal without unsafe code or another crate: every shell has `kill` built in.
        let kill = format!("kill -{name} {}", self.pid());
        let status = Command::new("sh").args(["-c", &kill]).status().await.unwrap();
        assert!(status.success(), "{kill}");
    }

    /// Sends SIGTERM and waits for the exit.
    ///
    /// # Panics
    /// When it is still running after [`TIMEOUT`].
    pub async fn terminate(self) -> Finished {
        self.signal_terminate().await;
        self.finished().await
    }

    /// Waits for the exit.
    ///
    /// # Panics
    /// When it is still running after [`TIMEOUT`].
    pub async fn finished(mut self) -> Finished {
        let status = wait(&mut self.child, "end").await;
        Finished::new(status, self.stdout.finish().await, self.stderr.finish().await)
    }

    /// Sends SIGKILL, then starts a new server on the same database, on other ports.
    ///
    /// # Panics
    /// As [`ServerCommand::start`].
    pub async fn kill_and_restart(self) -> Self {
        self.kill().await.start().await
    }
}

fn spawn(mut command: Command) -> Child {
    command
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

async fn wait(child: &mut Child, doing: &str) -> ExitStatus {
    match timeout(TIMEOUT, child.wait()).await {
        Ok(status) => status.unwrap(),
        Err(_) => panic!("process {:?} did not {doing} within {TIMEOUT:?}", child.id()),
    }
}

/// The addresses that were printed so far.
#[derive(Debug, Clone, Default)]
struct Addresses {
    public: Option<String>,
    management: Option<String>,
}

impl Addresses {
    fn complete(&self) -> bool {
        self.public.is_some() && self.management.is_some()
    }

    /// Parses `listening on http://...` and `management on http://...`. Returns whether this line was one of them.
    fn read(&mut self, line: &str) -> bool {
        for (words, place) in [
            ("listening on ", &mut self.public),
            ("management on ", &mut self.management),
        ] {
            if let Some((_, rest)) = line.split_once(words)
                && rest.starts_with("http://")
            {
                let url = rest.split_whitespace().next().unwrap_or_default();
                *place = Some(url.trim_end_matches('/').to_owned());
                return true;
            }
        }
        false
    }
}

/// A pipe of a child, drained continuously, so that the child never blocks on a full pipe.
#[derive(Debug)]
struct Output {
    text: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Output {
    fn read(pipe: impl AsyncRead + Unpin + Send + 'static) -> (Self, watch::Receiver<Addresses>) {
        let (addresses, reported) = watch::channel(Addresses::default());
        let text = Arc::new(Mutex::new(String::new()));
        let filled = Arc::clone(&text);
        let reader = tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                let line = String::from_utf8_lossy(&line);
                let mut text = filled.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&line);
                text.push('\n');
                drop(text);
                addresses.send_if_modified(|addresses| addresses.read(&line));
            }
        });
        (Self { text, reader }, reported)
    }

    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The whole output, once the child has closed its end.
    async fn finish(self) -> String {
        let Self { text, reader } = self;
        timeout(TIMEOUT, reader).await.ok();
        text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `sh` as the server, with the file `serve` in its folder as its script.
    fn shell(serve: &str) -> ServerCommand {
        let command = ServerCommand::new("/bin/sh", "sqlite://x");
        std::fs::write(command.folder().join("serve"), serve).unwrap();
        command
    }

    const SERVES: &str = "trap 'echo draining; exit 3' TERM; echo starting; \
                          echo 'listening on http://127.0.0.1:1/'; echo 'management on http://127.0.0.1:2'; \
                          while :; do sleep 0.01; done";

    #[tokio::test]
    async fn a_server_is_started_killed_and_told_to_end() {
        let server = shell(SERVES).start().await;
        assert_eq!(
            (server.url(), server.management_url()),
            ("http://127.0.0.1:1", "http://127.0.0.1:2")
        );
        let killed = server.pid();
        let server = server.kill_and_restart().await;
        assert_ne!(server.pid(), killed);
        assert!(server.stdout().starts_with("starting\n"));
        let finished = server.terminate().await;
        assert_eq!(finished.code, Some(3));
        assert!(finished.stdout.ends_with("draining\n"), "{finished:?}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_start_tells_why() {
        let finished = shell("echo why >&2; exit 1").try_start().await.unwrap_err();
        assert_eq!((finished.code, &*finished.stderr), (Some(1), "why\n"));
    }

    #[tokio::test]
    async fn commands_see_only_what_they_are_given() {
        let command = shell("pwd; env | grep RUSTOK_ | sort; echo $*").env("RUSTOK_X", "1");
        assert_eq!(command.database_url(), Some("sqlite://x"));
        let printed = command.run(&["serve", "tenant", "list"]).await.success();
        let lines: Vec<_> = printed.lines().collect();
        assert_eq!(Path::new(lines[0]), command.folder().canonicalize().unwrap());
        let names: Vec<_> = lines[1..]
            .iter()
            .map(|line| line.split('=').next().unwrap())
            .collect();
        let expected = [
            "RUSTOK_DATABASE_URL",
            "RUSTOK_LISTEN",
            "RUSTOK_MANAGEMENT_LISTEN",
            "RUSTOK_X",
            "tenant list",
        ];
        assert_eq!(names, expected);
    }
}
