//! The key that seals records: from the settings, or from a file beside the SQLite database that is made once.
//!
//! A key never shows in an error.

use super::sources::read;
use super::{Config, ConfigError};
use rustok_app::secrets::{Keyring, SecretKey};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The name of the file beside the SQLite database.
const FILE: &str = "secret.key";

impl Config {
    /// The keys of sealed records for a database; `sqlite` is its file. A server makes a key beside that file when there is
    /// none; a command does not, since the file would belong to another user. A ring without keys seals nothing.
    ///
    /// # Errors
    /// A key that is no key, or a file that cannot be read or written.
    pub fn keyring(&self, sqlite: Option<&Path>, may_create: bool) -> Result<Keyring, ConfigError> {
        let key = self.secret_key.as_deref().filter(|key| !key.trim().is_empty());
        let file = self.secret_key_file.as_deref();
        let file = file.filter(|file| !file.as_os_str().is_empty());
        let current = match (key, file) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::Setting(
                    "secret_key and secret_key_file are both set: one of them is enough".to_owned(),
                ));
            }
            (Some(key), None) => Some(parsed("secret_key", key)?),
            (None, Some(file)) => Some(parsed("secret_key_file", &read(file)?)?),
            (None, None) => match sqlite.map(|database| database.with_file_name(FILE)) {
                Some(path) => beside(&path, may_create)?,
                None => None,
            },
        };
        let old = self.secret_key_old.as_deref().unwrap_or_default();
        let old = old.split(',').filter(|key| !key.trim().is_empty());
        let old: Vec<_> = old
            .map(|key| parsed("secret_key_old", key))
            .collect::<Result<_, _>>()?;
        match current {
            Some(current) => Ok(Keyring::new(current, old)),
            None if old.is_empty() => Ok(Keyring::default()),
            None => Err(ConfigError::Setting(
                "secret_key_old is set without secret_key: a new key is needed to seal with".to_owned(),
            )),
        }
    }
}

fn parsed(setting: &str, text: &str) -> Result<SecretKey, ConfigError> {
    SecretKey::parse(text).ok_or_else(|| {
        ConfigError::Setting(format!(
            "{setting} is not 32 bytes in base64: `openssl rand -base64 32` makes a key"
        ))
    })
}

/// The key in the file at `path`, which is made if it may be.
fn beside(path: &Path, may_create: bool) -> Result<Option<SecretKey>, ConfigError> {
    if !path.exists() {
        if !may_create {
            return Ok(None);
        }
        create(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
    }
    let key = SecretKey::parse(&read(path)?);
    let key = key.ok_or_else(|| ConfigError::Setting(format!("{} holds no key", path.display())))?;
    Ok(Some(key))
}

/// Writes a new key for its owner alone. A file that another process made meanwhile stays; none is ever seen half written.
fn create(path: &Path) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    writeln!(file, "{}", SecretKey::generate())?;
    file.sync_all()?;
    let linked = match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    fs::remove_file(&draft)?;
    linked?;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    fn key() -> Option<String> {
        Some(SecretKey::generate())
    }

    #[test]
    fn a_key_is_made_once_beside_the_sqlite_file_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (database, path) = (folder.path().join("x.db"), folder.path().join(FILE));
        let config = Config::default();
        let ring = |may_create| config.keyring(Some(&database), may_create).unwrap();
        assert!(ring(false).is_empty() && !path.exists());
        assert!(!ring(true).is_empty());
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!ring(true).is_empty() && !ring(false).is_empty());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        create(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "the first key stays");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::write(&path, "hunter2").unwrap();
        let message = config.keyring(Some(&database), true).unwrap_err().to_string();
        assert!(
            message.contains("holds no key") && !message.contains("hunter2"),
            "{message}"
        );
    }

    #[test]
    fn settings_come_before_the_file_and_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        let file = folder.path().join("key");
        fs::write(&file, SecretKey::generate()).unwrap();
        let config = |key: Option<String>, file: Option<PathBuf>, old: Option<String>| Config {
            secret_key: key,
            secret_key_file: file,
            secret_key_old: old,
            ..Config::default()
        };
        let both = Some(format!("{},{}", SecretKey::generate(), SecretKey::generate()));
        for config in [config(key(), None, both), config(None, Some(file.clone()), key())] {
            assert!(!config.keyring(Some(&database), true).unwrap().is_empty());
            assert!(!folder.path().join(FILE).exists());
        }
        assert!(Config::default().keyring(None, true).unwrap().is_empty());
        for (config, message) in [
            (config(key(), Some(file), None), "both set"),
            (
                config(Some("hunter2".to_owned()), None, None),
                "secret_key is not",
            ),
            (
                config(key(), None, Some("hunter2".to_owned())),
                "secret_key_old is not",
            ),
            (config(None, None, key()), "without secret_key"),
            (config(None, Some("/none".into()), None), "cannot read /none"),
        ] {
            let error = config.keyring(None, true).unwrap_err().to_string();
            assert!(error.contains(message) && !error.contains("hunter2"), "{error}");
        }
    }
}
