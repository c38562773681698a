//! Mail over a real socket, to a server that a test scripts.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use rustok_app::mail::{MailPort as _, OutgoingMail};
use rustok_core::deadline::Deadline;
use rustok_core::error::ErrorKind;
use rustok_events::ids::MailId;
use rustok_outside::{Smtp, SmtpSettings};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A mail server that answers `RCPT` with `rcpt`. Returns its address and what it was sent, one session at a time.
async fn server(rcpt: &'static str) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (seen, sessions) = mpsc::unbounded_channel();
    drop(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let (mut session, mut in_data) = (String::new(), false);
            stream.write_all(b"220 test\r\n").await.unwrap();
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    break;
                }
                session.push_str(&line);
                let answer = match line.split(' ').next().unwrap_or_default().trim() {
                    "." if in_data => {
                        in_data = false;
                        "250 taken"
                    }
                    _ if in_data => continue,
                    "DATA" => {
                        in_data = true;
                        "354 go on"
                    }
                    "RCPT" => rcpt,
                    "QUIT" => "221 bye",
                    _ => "250 ok",
                };
                stream
                    .write_all(format!("{answer}\r\n").as_bytes())
                    .await
                    .unwrap();
            }
            if seen.send(session).is_err() {
                return;
            }
        }
    }));
    (address, sessions)
}

fn smtp(address: &str) -> Smtp {
    Smtp::new(&SmtpSettings {
        url: format!("smtp://{address}"),
        from: "Tea Shop <shop@example.com>".to_owned(),
    })
    .unwrap()
}

fn mail(to: &str) -> OutgoingMail {
    OutgoingMail {
        id: MailId::from_uuid("00000000-0000-7000-8000-000000000001".parse().unwrap()),
        to: to.to_owned(),
        subject: "Приглашение".to_owned(),
        text: "Hello\n.\nhttps://shop.example/x\n".to_owned(),
        html: "<p>Hello</p>".to_owned(),
        language: "ru",
    }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(5))
}

#[tokio::test]
async fn a_mail_arrives_as_text_and_html_with_an_id_of_its_own() {
    let (address, mut sessions) = server("250 ok").await;
    smtp(&address)
        .send(&mail("jane@example.com"), soon())
        .await
        .unwrap();
    let session = sessions.recv().await.unwrap();
    for part in [
        "MAIL FROM:<shop@example.com>",
        "RCPT TO:<jane@example.com>",
        "Message-ID: <00000000-0000-7000-8000-000000000001@example.com>",
        "Auto-Submitted: auto-generated",
        "Content-Language: ru",
        "Subject: =?utf-8?b?",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "https://shop.example/x",
        "<p>Hello</p>",
    ] {
        assert!(session.contains(part), "{part}: {session}");
    }
    // A line with a dot alone does not end the mail.
    assert!(session.contains("\r\n..\r\n"), "{session}");
}

#[tokio::test]
async fn what_is_refused_for_good_differs_from_what_may_be_taken_later() {
    let (address, _sessions) = server("550 no such mailbox").await;
    let refused = smtp(&address)
        .send(&mail("nobody@example.com"), soon())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Validation, "{refused:?}");
    let (address, mut sessions) = server("451 later").await;
    let later = smtp(&address)
        .send(&mail("jane@example.com"), soon())
        .await
        .unwrap_err();
    assert_eq!(later.kind(), ErrorKind::ExternalService, "{later:?}");
    assert!(
        sessions.recv().await.is_some() && sessions.recv().await.is_some(),
        "two attempts"
    );
    // What is about this server and not about the mail: another try may help, and the mail is kept until then.
    for refusal in ["530 log in first", "535 wrong login", "502 no such command"] {
        let (address, _sessions) = server(refusal).await;
        let waits = smtp(&address)
            .send(&mail("jane@example.com"), soon())
            .await
            .unwrap_err();
        assert_eq!(waits.kind(), ErrorKind::ExternalService, "{refusal}: {waits:?}");
    }
    // Nobody listens.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let away = smtp(&address)
        .send(&mail("jane@example.com"), soon())
        .await
        .unwrap_err();
    assert_eq!(away.kind(), ErrorKind::ExternalService, "{away:?}");
    let unusable = smtp(&address)
        .send(&mail("not an address"), soon())
        .await
        .unwrap_err();
    assert_eq!(unusable.kind(), ErrorKind::Validation, "{unusable:?}");
}

#[tokio::test]
async fn a_mail_server_that_is_away_is_left_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let smtp = smtp(&address);
    let mut codes = Vec::new();
    for _ in 0..20 {
        let error = smtp.send(&mail("jane@example.com"), soon()).await.unwrap_err();
        codes.push(error.code().to_owned());
    }
    assert!(codes.iter().any(|code| code == "circuit_open"), "{codes:?}");
}

#[tokio::test]
async fn a_mail_server_that_does_not_answer_costs_a_limited_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let deadline = Deadline::after(Duration::from_millis(300));
    let error = smtp(&address)
        .send(&mail("jane@example.com"), deadline)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    drop(listener);
}
