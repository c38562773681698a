//! Generates Prometheus' recording rules and alerts. It must never contain a number of its own: all come from the
//! model.

use super::GENERATED;
use super::model::{Burn, Indicator, Model, Slo, Symptom, quoted};
use super::span::Span;
use std::fmt::Write as _;

/// From this length on, a window need not be evaluated twice a minute.
const DAY_MS: u64 = 86_400_000;

/// One rules file per objective, and one for the symptoms: name and text.
pub(crate) fn files(model: &Model) -> Result<Vec<(String, String)>, String> {
    let mut files = Vec::new();
    for slo in &model.objectives.slo {
        files.push((file_of(slo), objective(model, slo)?));
    }
    files.push(("symptoms.yaml".to_owned(), symptoms(model)?));
    Ok(files)
}

/// The name of an objective's rules file.
pub(crate) fn file_of(slo: &Slo) -> String {
    format!("slo-{}.yaml", slo.name)
}

/// The names of its groups: the second one needs what the first one records.
pub(crate) fn groups_of(slo: &Slo) -> [String; 2] {
    [format!("slo-{}", slo.name), format!("slo-{}-days", slo.name)]
}

/// Two groups: windows of days are costlier and may be evaluated less often, but at least every five minutes: a
/// series becomes stale after that.
pub(crate) fn objective(model: &Model, slo: &Slo) -> Result<String, String> {
    let mut text = format!("# {GENERATED}\ngroups:\n");
    let (quick, slow): (Vec<_>, Vec<_>) =
        (model.windows().into_iter()).partition(|window| window.milliseconds() < DAY_MS);
    let [quickly, slowly] = groups_of(slo);
    group(&mut text, &quickly, model, "30s")?;
    record(
        &mut text,
        "slo:error_budget",
        slo,
        &format!("vector({})", slo.objective.budget),
    );
    if let Indicator::Freshness { age, within } = &slo.indicator {
        record(
            &mut text,
            "slo:stale",
            slo,
            &format!("max by (job) ({age}) > bool {within}"),
        );
    }
    for window in quick {
        record(
            &mut text,
            &recorded(window),
            slo,
            &error_ratio(model, slo, window)?,
        );
    }
    let (pages, tickets): (Vec<_>, Vec<_>) =
        (model.objectives.burn.iter()).partition(|burn| burn.long.milliseconds() < DAY_MS);
    for burn in pages {
        burning(&mut text, model, slo, burn);
    }
    group(&mut text, &slowly, model, "2m")?;
    for window in slow {
        record(
            &mut text,
            &recorded(window),
            slo,
            &error_ratio(model, slo, window)?,
        );
    }
    for burn in tickets {
        burning(&mut text, model, slo, burn);
    }
    Ok(text)
}

fn symptoms(model: &Model) -> Result<String, String> {
    let mut text = format!("# {GENERATED}\ngroups:\n");
    group(&mut text, "symptoms", model, "30s")?;
    for symptom in &model.symptoms.alert {
        let lasts = model.length(&symptom.lasts)?;
        let _ = writeln!(text, "      - alert: {}", symptom.name);
        expression(&mut text, &shrunk(model, symptom)?.expr());
        let _ = writeln!(text, "        for: {lasts}");
        let _ = writeln!(
            text,
            "        labels:\n          severity: {}",
            symptom.severity.name()
        );
        annotations(
            &mut text,
            model,
            &symptom.name,
            &symptom.summary,
            &symptom.description,
        );
    }
    Ok(text)
}

fn shrunk(model: &Model, symptom: &Symptom) -> Result<Symptom, String> {
    let mut symptom = symptom.clone();
    if let Some(window) = &symptom.window {
        symptom.window = Some(window.scaled(1, model.shrink)?);
    }
    Ok(symptom)
}

fn group(text: &mut String, name: &str, model: &Model, interval: &str) -> Result<(), String> {
    let interval = model.length(&Span::try_from(interval.to_owned())?)?;
    let _ = writeln!(text, "  - name: {name}\n    interval: {interval}\n    rules:");
    Ok(())
}

fn record(text: &mut String, name: &str, slo: &Slo, expr: &str) {
    let _ = writeln!(text, "      - record: {name}");
    expression(text, expr);
    let _ = writeln!(text, "        labels:\n          slo: {}", slo.name);
}

/// `slo:error_ratio:rate5m`.
fn recorded(window: &Span) -> String {
    format!("slo:error_ratio:rate{}", window.name())
}

/// The share of failures in a window; no value without any events.
fn error_ratio(model: &Model, slo: &Slo, window: &Span) -> Result<String, String> {
    let window = model.length(window)?;
    Ok(match &slo.indicator {
        // Before the first failure the series of failures may not exist.
        Indicator::Failures { total, bad } => format!(
            "(sum by (job) (rate({bad}[{window}]))\n  or 0 * sum by (job) (rate({total}[{window}])))\n\
             / sum by (job) (rate({total}[{window}]))"
        ),
        Indicator::Latency { requests, within } => {
            let name = "http_server_request_duration_seconds";
            format!(
                "1 - sum by (job) (rate({name}_bucket{{{requests}, le=\"{within}\"}}[{window}]))\n\
                 / sum by (job) (rate({name}_count{{{requests}}}[{window}]))"
            )
        }
        Indicator::Freshness { .. } => {
            format!("avg_over_time(slo:stale{{slo=\"{}\"}}[{window}])", slo.name)
        }
    })
}

fn burning(text: &mut String, model: &Model, slo: &Slo, burn: &Burn) {
    let condition = |window: &Span| {
        format!(
            "{}{{slo=\"{}\"}} > {} * {}",
            recorded(window),
            slo.name,
            burn.factor,
            slo.objective.budget
        )
    };
    let _ = writeln!(text, "      - alert: {}", slo.alert);
    expression(
        text,
        &format!("{}\nand {}", condition(&burn.long), condition(&burn.short)),
    );
    let _ = writeln!(
        text,
        "        labels:\n          severity: {}\n          window: {}",
        burn.severity.name(),
        burn.long.name()
    );
    let description = format!(
        "{{{{ $value | humanizePercentage }}}} went wrong in {}, more than {} times what an objective of {} % allows.",
        burn.long.name(),
        burn.factor,
        slo.objective.percent
    );
    annotations(text, model, &slo.alert, &slo.summary, &description);
}

fn expression(text: &mut String, expr: &str) {
    text.push_str("        expr: |-\n");
    for line in expr.lines() {
        let _ = writeln!(text, "          {line}");
    }
}

fn annotations(text: &mut String, model: &Model, alert: &str, summary: &str, description: &str) {
    let _ = writeln!(
        text,
        "        annotations:\n          summary: {}\n          description: {}\n          runbook_url: {}/{alert}.md",
        quoted(summary),
        quoted(description),
        model.objectives.runbooks
    );
}
