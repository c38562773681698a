//! Where mails go.

use super::{Config, ConfigError};
use rustok_app::mail::MailRoute;
use rustok_app::secrets::Keyring;
use rustok_outside::{Smtp, SmtpSettings};
use std::sync::Arc;

impl Config {
    /// Where mails go. Those of the default database are kept, for owners and admins to read: nobody else's.
    ///
    /// # Errors
    /// A setting that is wrong or missing.
    pub fn mail(&self, secrets: &Keyring) -> Result<MailRoute, ConfigError> {
        let wrong = |message: String| ConfigError::Setting(message);
        let url = self.smtp_url.as_deref().filter(|url| !url.is_empty());
        let Some(url) = url else {
            return Ok(if self.is_default_database() && !secrets.is_empty() {
                MailRoute::Mailbox
            } else {
                MailRoute::Off
            });
        };
        let from = self.mail_from.as_deref().filter(|from| !from.is_empty());
        let from = from.ok_or_else(|| wrong("smtp_url needs mail_from: the sender of mails".to_owned()))?;
        if secrets.is_empty() {
            return Err(wrong(
                "smtp_url needs secret_key: mails that wait are sealed (`openssl rand -base64 32` makes a key)".to_owned(),
            ));
        }
        let settings = SmtpSettings {
            url: url.to_owned(),
            from: from.to_owned(),
        };
        let smtp = Smtp::new(&settings).map_err(|error| wrong(error.to_string()))?;
        Ok(MailRoute::Port(Arc::new(smtp)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_app::secrets::SecretKey;

    #[test]
    fn mails_are_kept_on_a_demo_sent_by_a_server_and_else_not_written() {
        let ring = Keyring::new(SecretKey::new([1; 32]), []);
        let route = |database: Option<&str>, smtp: Option<&str>, from: Option<&str>, ring: &Keyring| {
            let config = Config {
                database_url: database.map(str::to_owned),
                smtp_url: smtp.map(str::to_owned),
                mail_from: from.map(str::to_owned),
                ..Config::default()
            };
            config.mail(ring).map_err(|error| error.to_string())
        };
        let (other, from) = (Some("postgres://a@b/c"), Some("Shop <shop@example.com>"));
        assert!(matches!(
            route(None, Some(""), None, &ring),
            Ok(MailRoute::Mailbox)
        ));
        assert!(matches!(route(other, None, None, &ring), Ok(MailRoute::Off)));
        for url in [
            "smtp://localhost:25",
            "smtps://a:hunter2@mail.example",
            "smtp://a:hunter2@mail.example:587?tls=required",
        ] {
            let port = route(other, Some(url), from, &ring).unwrap();
            assert!(matches!(port, MailRoute::Port(_)), "{url}");
            assert!(!format!("{port:?}").contains("hunter2"));
        }
        let smtp = Some("smtp://localhost");
        for (smtp, from, ring, message) in [
            (smtp, None, &ring, "needs mail_from"),
            (smtp, Some("shop"), &ring, "mail_from is no address"),
            (Some("http://a:hunter2@x"), from, &ring, "smtp_url is no URL"),
            (smtp, from, &Keyring::default(), "needs secret_key"),
        ] {
            let error = route(other, smtp, from, ring).unwrap_err();
            assert!(error.contains(message) && !error.contains("hunter2"), "{error}");
        }
    }
}
