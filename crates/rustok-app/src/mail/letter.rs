//! The texts of all mails, in English and Russian.
//!
//! What a person typed, such as the name of a shop, is one line here, and is escaped in HTML.

use rustok_events::MailKind;
use rustok_text::plain::one_line;

/// A mail in values.
#[derive(Clone)]
pub enum Letter<'a> {
    /// A person is invited to become a member.
    Invitation {
        /// The shop or site.
        shop: &'a str,
        /// The URL that accepts the invitation; it works for seven days, once.
        link: &'a str,
    },
    /// A person wants to set a new password.
    PasswordReset {
        /// The shop or site.
        shop: &'a str,
        /// The URL that sets it; it works for an hour, once.
        link: &'a str,
    },
    /// A person wants to sign in with a code.
    SignInCode {
        /// The shop or site.
        shop: &'a str,
        /// The six digits; they work for ten minutes, once.
        code: &'a str,
    },
    /// A session was opened on a device that was not seen before.
    NewDevice {
        /// The shop or site.
        shop: &'a str,
        /// What the browser calls itself.
        device: &'a str,
        /// The address of the client, if known.
        address: Option<&'a str>,
        /// When, in UTC.
        at: &'a str,
    },
    /// The second factor of the account changed.
    SecondFactor {
        /// The shop or site where that was done.
        shop: &'a str,
        /// What was done.
        change: SecondFactorChange,
        /// When, in UTC.
        at: &'a str,
    },
}

/// What was done with the second factor of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactorChange {
    /// It was turned on.
    On,
    /// It was turned off.
    Off,
    /// A recovery code was used; so many are left.
    Recovered(usize),
}

/// Subject and text of a mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Words {
    /// One line.
    pub subject: String,
    /// Lines and paragraphs; a URL stands on a line of its own.
    pub text: String,
}

/// Without what may be secret.
impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").finish_non_exhaustive()
    }
}

const ENGLISH: &str = "en";
const RUSSIAN: &str = "ru";

/// The language of mails for a locale: that of its first part if there are texts in it, else English.
pub(super) fn language(locale: &str) -> &'static str {
    match locale.split('-').next() {
        Some(RUSSIAN) => RUSSIAN,
        _ => ENGLISH,
    }
}

impl Letter<'_> {
    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> MailKind {
        match self {
            Self::Invitation { .. } => MailKind::Invitation,
            Self::PasswordReset { .. } => MailKind::PasswordReset,
            Self::SignInCode { .. } => MailKind::SignInCode,
            Self::NewDevice { .. } => MailKind::NewDevice,
            Self::SecondFactor { .. } => MailKind::SecondFactor,
        }
    }

    /// Its text.
    pub(super) fn words(&self, language: &str) -> Words {
        let (subject, text) = if language == RUSSIAN {
            self.russian()
        } else {
            self.english()
        };
        Words {
            subject: one_line(&subject),
            text,
        }
    }

    fn english(&self) -> (String, String) {
        match self {
            Self::Invitation { shop, link } => {
                let shop = one_line(shop);
                (
                    format!("Invitation to {shop}"),
                    format!(
                        "You are invited to work on {shop}.\n\nAccept the invitation within seven days:\n{link}\n\n\
                         If you do not know {shop}, ignore this mail.\n"
                    ),
                )
            }
            Self::PasswordReset { shop, link } => {
                let shop = one_line(shop);
                (
                    format!("New password for {shop}"),
                    format!(
                        "A new password was asked for your account at {shop}.\n\nSet it within one hour:\n{link}\n\n\
                         If that was not you, ignore this mail: your password stays as it is.\n"
                    ),
                )
            }
            Self::SignInCode { shop, code } => {
                let shop = one_line(shop);
                (
                    format!("Your code for {shop}"),
                    format!(
                        "Your code to sign in to {shop}:\n\n{code}\n\nIt works for ten minutes, in the browser that asked for \
                         it. Give it to nobody. If you did not ask for it, ignore this mail.\n"
                    ),
                )
            }
            Self::NewDevice {
                shop,
                device,
                address,
                at,
            } => {
                let (shop, device) = (one_line(shop), one_line(device));
                let address = address.unwrap_or("unknown");
                (
                    format!("New sign-in to {shop}"),
                    format!(
                        "Your account was used to sign in to {shop} from a device that was not seen before.\n\n\
                         Time: {at}\nDevice: {device}\nAddress: {address}\n\n\
                         If that was not you, set a new password and end all sessions.\n"
                    ),
                )
            }
            Self::SecondFactor { shop, change, at } => {
                let shop = one_line(shop);
                let (subject, done) = match change {
                    SecondFactorChange::On => (
                        "Second factor turned on",
                        "The second factor of your account was turned on".to_owned(),
                    ),
                    SecondFactorChange::Off => (
                        "Second factor turned off",
                        "The second factor of your account was turned off".to_owned(),
                    ),
                    SecondFactorChange::Recovered(left) => (
                        "Recovery code used",
                        format!("A recovery code of your account was used, and {left} are left"),
                    ),
                };
                (
                    format!("{subject}: {shop}"),
                    format!(
                        "{done}.\n\nShop: {shop}\nTime: {at}\n\n\
                         If that was not you, set a new password, end all sessions and tell the operator.\n"
                    ),
                )
            }
        }
    }

    fn russian(&self) -> (String, String) {
        match self {
            Self::Invitation { shop, link } => {
                let shop = one_line(shop);
                (
                    format!("Приглашение в «{shop}»"),
                    format!(
                        "Вас приглашают к работе над «{shop}».\n\nПримите приглашение в течение семи дней:\n{link}\n\n\
                         Если вы не знаете «{shop}», не обращайте внимания на это письмо.\n"
                    ),
                )
            }
            Self::PasswordReset { shop, link } => {
                let shop = one_line(shop);
                (
                    format!("Новый пароль для «{shop}»"),
                    format!(
                        "Для вашей учётной записи в «{shop}» запрошен новый пароль.\n\nЗадайте его в течение часа:\n{link}\n\n\
                         Если это были не вы, не обращайте внимания на это письмо: пароль останется прежним.\n"
                    ),
                )
            }
            Self::SignInCode { shop, code } => {
                let shop = one_line(shop);
                (
                    format!("Ваш код для «{shop}»"),
                    format!(
                        "Ваш код для входа в «{shop}»:\n\n{code}\n\nОн действует десять минут в том браузере, из которого был \
                         запрошен. Никому его не сообщайте. Если вы его не запрашивали, не обращайте внимания на это письмо.\n"
                    ),
                )
            }
            Self::NewDevice {
                shop,
                device,
                address,
                at,
            } => {
                let (shop, device) = (one_line(shop), one_line(device));
                let address = address.unwrap_or("неизвестен");
                (
                    format!("Новый вход в «{shop}»"),
                    format!(
                        "В вашу учётную запись в «{shop}» вошли с нового устройства.\n\n\
                         Время: {at}\nУстройство: {device}\nАдрес: {address}\n\n\
                         Если это были не вы, задайте новый пароль и завершите все сеансы.\n"
                    ),
                )
            }
            Self::SecondFactor { shop, change, at } => {
                let shop = one_line(shop);
                let (subject, done) = match change {
                    SecondFactorChange::On => (
                        "Двухэтапный вход включён",
                        "Для вашей учётной записи включён двухэтапный вход".to_owned(),
                    ),
                    SecondFactorChange::Off => (
                        "Двухэтапный вход отключён",
                        "Для вашей учётной записи отключён двухэтапный вход".to_owned(),
                    ),
                    SecondFactorChange::Recovered(left) => (
                        "Использован резервный код",
                        format!("Использован резервный код вашей учётной записи. Осталось кодов: {left}"),
                    ),
                };
                (
                    format!("{subject}: «{shop}»"),
                    format!(
                        "{done}.\n\nМагазин: «{shop}»\nВремя: {at}\n\n\
                         Если это были не вы, задайте новый пароль, завершите все сеансы и сообщите оператору сервера.\n"
                    ),
                )
            }
        }
    }
}

/// The text as HTML: paragraphs, and a link for each line that is a URL.
pub(super) fn html(text: &str, language: &str) -> String {
    let mut body = format!("<!doctype html><html lang=\"{language}\"><meta charset=\"utf-8\"><body>");
    for paragraph in text.trim().split("\n\n") {
        let lines: Vec<_> = paragraph
            .lines()
            .map(|line| {
                let shown = escaped(line);
                if line.starts_with("http://") || line.starts_with("https://") {
                    format!("<a href=\"{shown}\">{shown}</a>")
                } else {
                    shown
                }
            })
            .collect();
        body.push_str("<p>");
        body.push_str(&lines.join("<br>"));
        body.push_str("</p>");
    }
    body + "</body></html>"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "Tea & <b>\nX: y";
    const LINK: &str = "https://shop.example/admin/password?reset=rtr_1&x=2";

    fn letters() -> [Letter<'static>; 5] {
        [
            Letter::Invitation {
                shop: SHOP,
                link: LINK,
            },
            Letter::PasswordReset {
                shop: SHOP,
                link: LINK,
            },
            Letter::SignInCode {
                shop: SHOP,
                code: "012345",
            },
            Letter::NewDevice {
                shop: SHOP,
                device: "<i>",
                address: None,
                at: "2026-01-02",
            },
            Letter::SecondFactor {
                shop: SHOP,
                change: SecondFactorChange::Recovered(9),
                at: "2026-01-02",
            },
        ]
    }

    #[test]
    fn every_mail_has_a_text_in_both_languages() {
        for (letter, kind) in letters().iter().zip(MailKind::ALL) {
            assert_eq!(letter.kind(), *kind);
            let (english, russian) = (letter.words("en"), letter.words("ru"));
            assert_ne!(english, russian);
            for words in [&english, &russian] {
                assert!(words.subject.contains("Tea & <b> X: y") && !words.subject.contains('\n'));
                assert!(words.text.contains("Tea & <b> X: y"), "{}", words.text);
            }
            // A Russian mail holds no English sentence.
            let is_english =
                |line: &&str| line.bytes().any(|b| b.is_ascii_lowercase()) && !line.contains(['«', '<', '/']);
            assert_eq!(russian.text.lines().find(is_english), None);
        }
        assert_eq!(
            ["ru", "ru-RU", "en-GB", "de"].map(language),
            ["ru", "ru", "en", "en"]
        );
    }

    #[test]
    fn html_escapes_what_was_typed_and_links_urls() {
        let shown = html(&letters()[1].words("en").text, "en");
        assert!(shown.contains("Tea &amp; &lt;b&gt; X: y"), "{shown}");
        let link = "https://shop.example/admin/password?reset=rtr_1&amp;x=2";
        assert!(
            shown.contains(&format!("<br><a href=\"{link}\">{link}</a></p>")),
            "{shown}"
        );
        assert!(shown.starts_with("<!doctype html><html lang=\"en\">"));
    }
}
