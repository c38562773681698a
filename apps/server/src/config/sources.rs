//! The sources of settings: flags, the environment, a configuration file, and the file that contains the database
//! URL.
//!
//! The file is the one named by a flag, or the one in the working directory; parent directories are not searched.
//! Errors about a setting never contain a value that may be secret.

use super::mask::has_password;
use super::{Config, Flags};
use figment::error::Kind;
use figment::providers::{Env, Serialized};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Serialize;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The file that is loaded from the working directory.
const FILE: &str = "rustok.toml";
/// The maximum size of a settings or URL file, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Settings whose values never appear in an error.
const SECRET: [&str; 8] = [
    "smtp_url",
    "secret_key",
    "secret_key_file",
    "secret_key_old",
    "database_url",
    "database_url_file",
    "otlp_endpoint",
    "otlp_headers",
];

/// Why the settings cannot be loaded.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The file in the working directory is owned by another user or world-writable.
    #[error("{} is not obeyed: {why}; name it with --config if it is meant", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why it is not trusted.
        why: &'static str,
    },
    /// A file is not valid TOML.
    #[error("{}, line {line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The error, without the content of the line.
        message: String,
    },
    /// The file that should contain the database URL contains none.
    #[error("{} holds no URL", .0.display())]
    NoUrl(PathBuf),
    /// One source sets both `database_url` and `database_url_file`.
    #[error("database_url and database_url_file are both set: one of them is enough")]
    TwoUrls,
    /// A setting is invalid.
    #[error("{0}")]
    Setting(String),
}

impl From<figment::Error> for ConfigError {
    fn from(errors: figment::Error) -> Self {
        let messages = errors.into_iter().map(|mut error| {
            if error
                .path
                .first()
                .is_some_and(|key| SECRET.contains(&key.as_str()))
            {
                error.kind = Kind::Message("a value of the wrong sort".to_owned());
            }
            error.to_string()
        });
        Self::Setting(messages.collect::<Vec<_>>().join("\n"))
    }
}

/// Merges all sources; `extra` holds the flags of one command.
pub(super) fn gather(flags: &Flags, extra: impl Serialize) -> Result<Config, ConfigError> {
    let file = settings_file(flags)?;
    let known = Figment::from(Serialized::defaults(Config::default()));
    let (environment, unknown) = environment(&known)?;
    let mut all = known;
    if let Some(file) = &file {
        all = all.merge(file);
    }
    let mut config: Config = all
        .merge(Serialized::defaults(super::otel_environment()))
        .merge(&environment)
        .merge(Serialized::defaults(flags))
        .merge(Serialized::defaults(extra))
        .extract()?;
    let open = file.as_ref().and_then(|file| open_to_others(&file.path));
    let file = file.map(Figment::from).unwrap_or_default();
    let url = Url::of_flags(flags)
        .or_else(|| Url::of_layer(&environment))
        .or_else(|| Url::of_layer(&file));
    url.unwrap_or_default().put_into(&mut config)?;
    config.otlp_endpoint = config.otlp_endpoint.filter(|url| !url.is_empty());
    if flags.database_url.as_deref().is_some_and(has_password) {
        config.remarks.push(
            "the password in --database-url shows in the list of processes: give a file with --database-url-file".to_owned(),
        );
    }
    config.remarks.extend(open);
    config.remarks.extend(unknown);
    Ok(config)
}

/// The server's environment variables, and a warning for each that is not a setting: another version may know it.
fn environment(known: &Figment) -> Result<(Figment, Vec<String>), ConfigError> {
    let known = known.extract::<Dict>()?;
    let (mut ours, mut unknown) = (Dict::new(), Vec::new());
    let all = Env::prefixed("RUSTOK_").filter(|key| !key.starts_with("test_") && key != "config");
    for (key, text) in all.iter() {
        let key = key.as_str().to_lowercase();
        match known.get(&key) {
            // A number, a boolean or a list is parsed as such; everything else is a string, whatever it looks like.
            Some(Value::Num(..) | Value::Bool(..) | Value::Array(..)) => {
                let value = text.parse().unwrap_or_else(|never: Infallible| match never {});
                ours.insert(key, value);
            }
            Some(_) => drop(ours.insert(key, Value::from(text))),
            None if is_of_kubernetes(&key) => {}
            None => unknown.push(remark(&key, known.keys())),
        }
    }
    Ok((Figment::from(Variables(ours)), unknown))
}

/// Whether Kubernetes set the variable: it describes each Service to every container, and for a Service named
/// `rustok` the variables have this server's prefix.
fn is_of_kubernetes(key: &str) -> bool {
    let is_port = |rest: &str| {
        let mut parts = rest.split('_');
        let number = parts.next().is_some_and(|number| number.parse::<u16>().is_ok());
        number
            && parts
                .next()
                .is_some_and(|protocol| ["tcp", "udp", "sctp"].contains(&protocol))
    };
    key == "port"
        || key == "service_host"
        || key == "service_port"
        || key.starts_with("service_port_")
        || key.strip_prefix("port_").is_some_and(is_port)
}

/// The warning for a variable that is not a setting.
fn remark<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> String {
    let name = |key: &str| format!("RUSTOK_{}", key.to_uppercase());
    let near = known
        .map(|known| (strsim::damerau_levenshtein(key, known), known))
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .min();
    let meant = near.map_or_else(String::new, |(_, near)| format!("; is {} meant?", name(near)));
    format!(
        "{} is no setting of this server and changes nothing{meant}",
        name(key)
    )
}

/// The server's environment variables, as a figment provider.
struct Variables(Dict);

impl Provider for Variables {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment variable")
            .interpolater(|_, keys| format!("RUSTOK_{}", keys.join(".").to_uppercase()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

/// Loads the file named by a flag, or else the one in the working directory if it exists.
fn settings_file(flags: &Flags) -> Result<Option<Settings>, ConfigError> {
    let named = flags.config.clone().or_else(|| {
        let named = Env::var("RUSTOK_CONFIG").filter(|path| !path.is_empty());
        named.map(PathBuf::from)
    });
    match named {
        Some(path) => read(&path)
            .and_then(|text| Settings::parse(path, &text))
            .map(Some),
        None => beside(Path::new(FILE)),
    }
}

/// Loads a file that no flag named: its owner must be this user or root, and it must not be world-writable.
fn beside(path: &Path) -> Result<Option<Settings>, ConfigError> {
    let unreadable = |error| ConfigError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(unreadable)?,
    };
    let found = file.metadata().map_err(unreadable)?;
    let foreign = |why| ConfigError::Foreign {
        path: path.to_owned(),
        why,
    };
    if ![rustix::process::geteuid().as_raw(), 0].contains(&found.uid()) {
        return Err(foreign("it belongs to another user"));
    }
    if found.mode() & 0o002 != 0 {
        return Err(foreign("anybody may write it"));
    }
    let text = text_of(file).map_err(unreadable)?;
    Settings::parse(path.to_owned(), &text).map(Some)
}

/// The warning for a file that others may write, whether its group or everybody: one that a flag named is obeyed all the
/// same.
fn open_to_others(path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.mode();
    (mode & 0o022 != 0).then(|| {
        format!(
            "{} may be written by others, who so decide what this server does: take their rights away (chmod go-w)",
            path.display()
        )
    })
}

pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    File::open(path)
        .and_then(text_of)
        .map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            error,
        })
}

fn text_of(file: File) -> io::Result<String> {
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// The content of a configuration file.
struct Settings {
    path: PathBuf,
    table: toml::Table,
}

impl Settings {
    fn parse(path: PathBuf, text: &str) -> Result<Self, ConfigError> {
        match text.parse::<toml::Table>() {
            Ok(table) => Ok(Self { path, table }),
            // The parser's own message would quote the line and any secret in it.
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start));
                Err(ConfigError::Syntax {
                    path,
                    line: before.unwrap_or_default().matches('\n').count() + 1,
                    message: error.message().to_owned(),
                })
            }
        }
    }
}

impl Provider for Settings {
    fn metadata(&self) -> Metadata {
        Metadata::from("TOML file", self.path.as_path())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Serialized::defaults(&self.table).data()
    }
}

/// The database URL settings of one source.
#[derive(Debug, Default)]
struct Url {
    url: Option<String>,
    file: Option<PathBuf>,
}

impl Url {
    /// `None` if neither setting is present.
    fn of(url: Option<String>, file: Option<PathBuf>) -> Option<Self> {
        let file = file.filter(|file| !file.as_os_str().is_empty());
        (url.is_some() || file.is_some()).then_some(Self { url, file })
    }

    fn of_flags(flags: &Flags) -> Option<Self> {
        Self::of(flags.database_url.clone(), flags.database_url_file.clone())
    }

    fn of_layer(layer: &Figment) -> Option<Self> {
        Self::of(
            layer.extract_inner("database_url").ok(),
            layer.extract_inner("database_url_file").ok(),
        )
    }

    /// An empty URL means the default.
    fn put_into(self, config: &mut Config) -> Result<(), ConfigError> {
        let url = self.url.filter(|url| !url.is_empty());
        (config.database_url, config.database_url_file) = match (url, self.file) {
            (Some(_), Some(_)) => return Err(ConfigError::TwoUrls),
            (None, Some(file)) => {
                let text = read(&file)?;
                let url = text.trim();
                if url.is_empty() {
                    return Err(ConfigError::NoUrl(file));
                }
                (Some(url.to_owned()), Some(file))
            }
            (url, None) => (url, None),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    fn syntax(text: &str) -> String {
        match Settings::parse(PathBuf::from(FILE), text) {
            Err(error) => error.to_string(),
            Ok(settings) => Figment::from(Serialized::defaults(Config::default()))
                .merge(&settings)
                .extract::<Config>()
                .map_err(ConfigError::from)
                .unwrap_err()
                .to_string(),
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_what_may_be_secret() {
        for (text, message) in [
            (
                "listen = 1\n",
                "for key \"default.listen\" in rustok.toml TOML file",
            ),
            (
                "log = \"info\"\ndatabase_url = \"postgres://a:hunter2@b/c\n",
                "rustok.toml, line 2: ",
            ),
            ("database_url = postgres://a:hunter2@b/c", "line 1: "),
            ("database_url = \"a:hunter2\" x", "line 1: "),
            ("otlp_headers = 4711", "a value of the wrong sort"),
            ("database_url = [\"hunter2\"]", "a value of the wrong sort"),
            ("databse_url = \"hunter2\"", "databse_url"),
        ] {
            let seen = syntax(text);
            assert!(seen.contains(message), "{text}: {seen}");
            assert!(
                !seen.contains("hunter2") && !seen.contains("4711"),
                "{text}: {seen}"
            );
        }
    }

    #[test]
    fn a_file_that_nobody_named_is_this_users_or_the_systems() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert!(beside(&path).unwrap().is_none());
        std::fs::write(&path, "log = \"debug\"").unwrap();
        for (mode, is_obeyed) in [(0o600, true), (0o644, true), (0o664, true), (0o666, false)] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(beside(&path).is_ok(), is_obeyed, "{mode:o}");
            // A file that is obeyed is warned of when others than its owner may write it.
            assert_eq!(open_to_others(&path).is_some(), mode & 0o022 != 0, "{mode:o}");
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        // Only root can change the owner of a file.
        if std::os::unix::fs::chown(&path, Some(12_345), None).is_ok() {
            let message = beside(&path).err().unwrap().to_string();
            assert!(
                message.contains("another user") && message.contains("--config"),
                "{message}"
            );
        }
    }

    #[test]
    fn what_kubernetes_says_of_a_service_is_passed_over() {
        for key in [
            "port",
            "port_80_tcp",
            "port_80_tcp_addr",
            "port_443_udp_proto",
            "service_host",
            "service_port",
            "service_port_http",
        ] {
            assert!(is_of_kubernetes(key), "{key}");
        }
        for key in [
            "ports",
            "port_http",
            "service_name",
            "service",
            "listen_port",
            "port_80",
        ] {
            assert!(!is_of_kubernetes(key), "{key}");
        }
    }

    #[test]
    fn a_variable_that_is_nearly_a_setting_is_told_which() {
        let known = ["listen", "base_domain", "max_body_bytes"].map(str::to_owned);
        for (key, near) in [
            ("lisen", Some("RUSTOK_LISTEN")),
            ("base_domian", Some("RUSTOK_BASE_DOMAIN")),
            ("max_body", None),
            ("colour", None),
        ] {
            let message = remark(key, known.iter());
            assert!(
                message.starts_with(&format!("RUSTOK_{} is no setting", key.to_uppercase())),
                "{message}"
            );
            assert_eq!(
                message
                    .split("; is ")
                    .nth(1)
                    .map(|rest| rest.trim_end_matches(" meant?")),
                near,
                "{message}"
            );
        }
    }

    #[test]
    fn the_url_may_stand_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("url");
        std::fs::write(&path, "postgres://a:b@c/d\n").unwrap();
        let read = |url: Option<&str>, file: Option<&Path>| {
            let mut config = Config::default();
            let url = Url::of(url.map(str::to_owned), file.map(Path::to_owned)).unwrap_or_default();
            url.put_into(&mut config).map(|()| config)
        };
        let config = read(Some(""), Some(&path)).unwrap();
        assert_eq!(config.database_url.as_deref(), Some("postgres://a:b@c/d"));
        let printed = config.printed().unwrap();
        assert!(
            printed.contains("database_url_file") && !printed.contains("database_url ="),
            "{printed}"
        );
        assert!(read(None, Some(Path::new(""))).unwrap().is_default_database());
        assert!(matches!(
            read(Some("sqlite://x"), Some(&path)),
            Err(ConfigError::TwoUrls)
        ));
        std::fs::write(&path, " \n").unwrap();
        assert!(matches!(read(None, Some(&path)), Err(ConfigError::NoUrl(_))));
        let missing = folder.path().join("missing");
        assert!(matches!(
            read(None, Some(&missing)),
            Err(ConfigError::Unreadable { .. })
        ));
    }
}
