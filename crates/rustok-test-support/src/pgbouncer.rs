//! A real PgBouncer in front of a test's database, if one is installed.

use crate::waiting::{TIMEOUT, eventually};
use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio_postgres::config::Host;
use tokio_postgres::{Config, NoTls};

/// A PgBouncer on its own socket. Killed on drop.
#[derive(Debug)]
pub struct PgBouncer {
    child: Child,
    folder: TempDir,
    user: String,
}

impl PgBouncer {
    /// Starts one in front of the server of a `postgres://` URL and waits until it is ready. `settings` are lines of
    /// its configuration file, such as `pool_mode = session`. `None`, with a note on standard error, if PgBouncer is
    /// not installed.
    ///
    /// # Panics
    /// When it does not start, with its output.
    pub async fn start(url: &str, settings: &[&str]) -> Option<Self> {
        let Some(binary) = find() else {
            eprintln!("pgbouncer is not installed: not checked");
            return None;
        };
        let config: Config = url.parse().unwrap();
        let Host::Tcp(host) = &config.get_hosts()[0] else {
            panic!("the tests' PostgreSQL listens on TCP")
        };
        let user = config.get_user().unwrap().to_owned();
        let folder = tempfile::Builder::new()
            .prefix("rustok-pgbouncer-")
            .tempdir()
            .unwrap();
        let path = folder.path();
        // It refuses to run as root, so another user must be able to create its socket here.
        std::fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
        let password = String::from_utf8_lossy(config.get_password().unwrap_or_default());
        std::fs::write(path.join("users"), format!("\"{user}\" \"{password}\"\n")).unwrap();
        let file = format!(
            "[databases]\n* = host={host} port={}\n[pgbouncer]\nunix_socket_dir = {folder}\nlisten_port = 6432\n\
             auth_type = trust\nauth_file = {folder}/users\n{}\n",
            config.get_ports()[0],
            settings.join("\n"),
            folder = path.display(),
        );
        std::fs::write(path.join("pgbouncer.ini"), file).unwrap();
        let mut command = Command::new(binary);
        if path.metadata().unwrap().uid() == 0 {
            command.args(["-u", "nobody"]);
        }
        let log = File::create(path.join("log")).unwrap();
        let child = command
            .arg(path.join("pgbouncer.ini"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let pooler = Self { child, folder, user };
        let through = pooler.database_url(url);
        eventually(TIMEOUT, async || {
            tokio_postgres::connect(&through, NoTls)
                .await
                .map(drop)
                .map_err(|error| format!("{error:?} {}", pooler.log()))
        })
        .await;
        Some(pooler)
    }

    /// The URL of the same database through this PgBouncer.
    ///
    /// # Panics
    /// When the URL has another user than the one it was started with.
    #[must_use]
    pub fn database_url(&self, url: &str) -> String {
        let config: Config = url.parse().unwrap();
        assert_eq!(config.get_user(), Some(self.user.as_str()));
        let folder = self.folder.path().display();
        let name = config.get_dbname().unwrap();
        format!("postgres://{}@/{name}?host={folder}&port=6432", self.user)
    }

    /// Its log output so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Debian installs it where only root's `PATH` looks.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"].map(PathBuf::from));
    folders
        .map(|folder| folder.join("pgbouncer"))
        .find(|file| file.is_file())
}
