//! Changes every number of every alert by a factor of two, up and down, and expects a failing `promtool` case each
//! time.
//!
//! It must never change a file of the repository: mutants are written to a temporary folder.

use super::model::{Indicator, Model, Slo, Symptom};
use super::span::Span;
use super::{Sources, rules, tell, write};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;

/// Rules with one number changed, and the case files of which one must fail.
#[derive(Debug)]
struct Mutant {
    what: String,
    rules: (String, String),
    cases: Vec<(String, String)>,
}

/// Half or double a number.
#[derive(Debug, Clone, Copy)]
enum Change {
    Half,
    Twice,
}

impl Change {
    const BOTH: [Self; 2] = [Self::Half, Self::Twice];

    /// PromQL.
    fn number(self, number: &str) -> String {
        match self {
            Self::Half => format!("({number} / 2)"),
            Self::Twice => format!("(2 * {number})"),
        }
    }

    fn span(self, span: &Span) -> Result<Span, String> {
        match self {
            Self::Half => span.scaled(1, 2),
            Self::Twice => span.scaled(2, 1),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Half => "half",
            Self::Twice => "twice",
        }
    }
}

/// Runs all mutants; returns whether each one was detected.
pub(super) fn run(sources: &Sources, out: &mut impl Write) -> Result<bool, String> {
    let mutants = all(sources)?;
    let folder = std::env::temp_dir().join(format!("rustok-mutants-{}", std::process::id()));
    let judged = judge(sources, &mutants, &folder);
    let _ = fs::remove_dir_all(&folder); // a leftover temporary folder is harmless
    let mut survivors = 0;
    for (mutant, seen) in mutants.iter().zip(judged?) {
        if !seen {
            survivors += 1;
            tell(out, &format!("no case falls for {}", mutant.what))?;
        }
    }
    tell(
        out,
        &format!("{} numbers changed, {survivors} of them unseen", mutants.len()),
    )?;
    Ok(survivors == 0)
}

/// For each mutant, whether a case failed; an error if one fails already without a change.
fn judge(sources: &Sources, mutants: &[Mutant], folder: &Path) -> Result<Vec<bool>, String> {
    let whole = Mutant {
        what: "nothing".to_owned(),
        rules: (String::new(), String::new()),
        cases: sources.cases.files(&sources.model),
    };
    let unchanged = folder.join("unchanged");
    write(&unchanged.join("rules"), &rules::files(&sources.model)?)?;
    if falls(&whole, &unchanged)? {
        return Err("a case falls without any change".to_owned());
    }
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let indexed: Vec<_> = mutants.iter().enumerate().collect();
    let part = indexed.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> = (indexed.chunks(part))
            .map(|part| {
                scope.spawn(move || {
                    let judged = part
                        .iter()
                        .map(|(i, mutant)| falls(mutant, &folder.join(i.to_string())));
                    judged.collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        let mut judged = Vec::new();
        for thread in threads {
            judged.extend(thread.join().map_err(|_| "a thread died".to_owned())??);
        }
        Ok(judged)
    })
}

fn falls(mutant: &Mutant, folder: &Path) -> Result<bool, String> {
    if !mutant.rules.0.is_empty() {
        write(&folder.join("rules"), std::slice::from_ref(&mutant.rules))?;
    }
    write(&folder.join("tests"), &mutant.cases)?;
    let mut command = Command::new("promtool");
    command.args(["test", "rules"]);
    command.args(
        mutant
            .cases
            .iter()
            .map(|(name, _)| folder.join("tests").join(name)),
    );
    let done = command.output().map_err(|error| format!("promtool: {error}"))?;
    let message = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    match (done.status.success(), message.contains("exp:")) {
        (true, _) => Ok(false),
        (false, true) => Ok(true),
        // Rules that cannot be loaded prove nothing about the cases.
        (false, false) => Err(format!("{}: {message}", mutant.what)),
    }
}

fn all(sources: &Sources) -> Result<Vec<Mutant>, String> {
    let mut mutants = Vec::new();
    for slo in &sources.model.objectives.slo {
        for change in Change::BOTH {
            of_objective(sources, slo, change, &mut mutants)?;
        }
    }
    for (at, symptom) in sources.model.symptoms.alert.iter().enumerate() {
        for (what, changed) in of_symptom(symptom)? {
            let mut model = sources.model.clone();
            model.symptoms.alert = vec![changed];
            let rules = rules::files(&model)?.pop().ok_or("no rules")?;
            let name = &sources.model.symptoms.alert[at].name;
            mutants.push(Mutant {
                what,
                rules,
                cases: cases_of(sources, name),
            });
        }
    }
    Ok(mutants)
}

/// The case files whose name begins with a prefix.
fn cases_of(sources: &Sources, beginning: &str) -> Vec<(String, String)> {
    let files = sources.cases.files(&sources.model);
    files
        .into_iter()
        .filter(|(name, _)| name.starts_with(beginning))
        .collect()
}

fn of_objective(
    sources: &Sources,
    slo: &Slo,
    change: Change,
    mutants: &mut Vec<Mutant>,
) -> Result<(), String> {
    let mut add = |what: &str, model: &Model, slo: &Slo, cases: &str| -> Result<(), String> {
        mutants.push(Mutant {
            what: format!("{}: {} {what}", slo.alert, change.name()),
            rules: (rules::file_of(slo), rules::objective(model, slo)?),
            cases: cases_of(sources, cases),
        });
        Ok(())
    };
    let mut other = slo.clone();
    other.objective.budget = change.number(&slo.objective.budget);
    add("the budget", &sources.model, &other, &slo.alert)?;
    let mut other = slo.clone();
    match &mut other.indicator {
        Indicator::Failures { .. } => {}
        Indicator::Latency { within, .. } => {
            *within = neighbour(within, change)?.to_owned();
            add("the latency", &sources.model, &other, &slo.alert)?;
        }
        Indicator::Freshness { within, .. } => {
            *within = change.number(within);
            add("the age", &sources.model, &other, &slo.alert)?;
        }
    }
    for at in 0..sources.model.objectives.burn.len() {
        let cases = format!("{}-{}", slo.alert, sources.model.objectives.burn[at].long.name());
        let mut of_burn = |what: &str, burn: &dyn Fn(&mut super::model::Burn) -> Result<(), String>| {
            let mut model = sources.model.clone();
            // A model with only this burn rate: a window is recorded once for all burn rates that use it.
            model.objectives.burn = vec![model.objectives.burn.swap_remove(at)];
            burn(&mut model.objectives.burn[0])?;
            let what = format!("{what} of {}", model.objectives.burn[0].long.name());
            add(&what, &model, slo, &cases)
        };
        of_burn("the factor", &|burn| {
            burn.factor = change.number(&burn.factor);
            Ok(())
        })?;
        of_burn("the long window", &|burn| {
            burn.long = change.span(&burn.long)?;
            Ok(())
        })?;
        of_burn("the short window", &|burn| {
            burn.short = change.span(&burn.short)?;
            Ok(())
        })?;
    }
    Ok(())
}

/// The bucket nearest to half or double of a bucket.
fn neighbour(within: &str, change: Change) -> Result<&'static str, String> {
    match (within, change) {
        ("0.1", Change::Half) => Ok("0.05"),
        ("0.1", Change::Twice) | ("0.5", Change::Half) => Ok("0.25"),
        ("0.5", Change::Twice) => Ok("1.0"),
        _ => Err(format!("{within}: its neighbours are not known to {}", file!())),
    }
}

fn of_symptom(symptom: &Symptom) -> Result<Vec<(String, Symptom)>, String> {
    let mut changed = Vec::new();
    for change in Change::BOTH {
        let mut add = |what: &str, other: Symptom| {
            changed.push((format!("{}: {} {what}", symptom.name, change.name()), other));
        };
        if let Some(threshold) = &symptom.threshold {
            let mut other = symptom.clone();
            other.threshold = Some(change.number(threshold));
            add("the threshold", other);
        }
        if let Some(window) = &symptom.window {
            let mut other = symptom.clone();
            other.window = Some(change.span(window)?);
            add("the window", other);
        }
        let mut other = symptom.clone();
        other.lasts = change.span(&symptom.lasts)?;
        add("how long it lasts", other);
    }
    Ok(changed)
}
