//! A report as JSON, in the form that `report.schema.json` describes. Members that do not apply are left out.

use serde_json::{Map, Value, json};

use super::evidence::Rules;
use super::finding::{Difference, Finding, FindingCode, NearMiss};
use super::report::{PcrReport, QuoteReport, Report};
use crate::measurement::{Rule, bank_name};

/// The version of the form.
const SCHEMA_VERSION: u32 = 1;

impl Report {
    /// The report as JSON on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let templates: Map<String, Value> = self
            .list
            .templates
            .iter()
            .map(|(name, entries)| (name.clone(), json!(entries)))
            .collect();
        json!({
            "schemaVersion": SCHEMA_VERSION,
            "verdict": self.verdict().name(),
            "rules": match self.rules {
                Rules::Strict => "strict",
                Rules::Keylime => "keylime",
            },
            "strictVerdict": self.strict_verdict.name(),
            "keylimeVerdict": self.keylime_verdict.name(),
            "differences": self.differences.iter().map(difference).collect::<Vec<_>>(),
            "list": {
                "format": if self.list.is_ascii { "ascii" } else { "binary" },
                "entries": self.list.entries,
                "templates": templates,
                "violations": self.list.violations,
            },
            "pcrs": self.pcrs.iter().map(pcr).collect::<Vec<_>>(),
            "quote": quote(&self.quote),
            "accepted": {
                "listed": self.accepted.listed,
                "excluded": self.accepted.excluded,
                "signed": self.accepted.signed,
            },
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "findingCount": self.finding_count,
            "unchecked": self.unchecked,
        })
        .to_string()
    }
}

fn difference(difference: &Difference) -> Value {
    let mut members = Map::new();
    put(&mut members, "entry", difference.entry.map(Value::from));
    put(&mut members, "path", difference.path.as_deref().map(Value::from));
    members.insert(
        "strict".to_owned(),
        json!(difference.strict.map(FindingCode::name)),
    );
    members.insert("keylime".to_owned(), json!(difference.keylime));
    members.insert("why".to_owned(), json!(difference.why));
    Value::Object(members)
}

fn pcr(pcr: &PcrReport) -> Value {
    json!({
        "bank": bank_name(pcr.bank),
        "index": pcr.index,
        "replayed": pcr.replayed.to_string(),
        "expected": pcr.expected.map(|value| value.to_string()),
        "matchedEntries": pcr.matched_entries,
        "extend": match pcr.rule {
            Rule::PerBank => "per-bank",
            Rule::PaddedSha1 => "padded-sha1",
        },
    })
}

fn quote(quote: &QuoteReport) -> Value {
    let Some(is_verified) = quote.is_verified else {
        return json!({"status": "not-given"});
    };
    let checks = quote.checks.iter().map(|check| {
        let mut members = Map::new();
        members.insert("name".to_owned(), json!(check.name));
        let status = match check.is_passed {
            Some(true) => "passed",
            Some(false) => "failed",
            None => "not-checked",
        };
        members.insert("status".to_owned(), json!(status));
        put(&mut members, "detail", check.detail.as_deref().map(Value::from));
        Value::Object(members)
    });
    json!({
        "status": if is_verified { "verified" } else { "failed" },
        "checks": checks.collect::<Vec<_>>(),
        "selection": quote.selection,
    })
}

fn finding(finding: &Finding) -> Value {
    let mut members = Map::new();
    put(&mut members, "entry", finding.entry.map(Value::from));
    members.insert("code".to_owned(), json!(finding.code.name()));
    put(&mut members, "path", finding.path.as_deref().map(Value::from));
    put(&mut members, "found", finding.found.as_deref().map(Value::from));
    members.insert("expected".to_owned(), json!(finding.expected));
    members.insert("problem".to_owned(), json!(finding.problem));
    members.insert("hint".to_owned(), json!(finding.hint));
    members.insert("near".to_owned(), finding.near.iter().map(near).collect());
    Value::Object(members)
}

fn near(near: &NearMiss) -> Value {
    let mut members = Map::new();
    members.insert("kind".to_owned(), json!(near.kind));
    members.insert("path".to_owned(), json!(near.path));
    put(&mut members, "digest", near.digest.as_deref().map(Value::from));
    put(&mut members, "origin", near.origin.as_deref().map(Value::from));
    Value::Object(members)
}

fn put(members: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value);
    }
}
