//! Generates Grafana dashboards from `ops/grafana/dashboards.toml`. It must never name a data source: it is chosen
//! when a dashboard is imported.

use serde::Deserialize;
use serde_json::{Value, json};

const COLUMNS: u64 = 24;
const HEIGHT: u64 = 8;
const STAT_HEIGHT: u64 = 4;

/// `grafana/dashboards.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dashboards {
    dashboard: Vec<Dashboard>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dashboard {
    uid: String,
    title: String,
    panel: Vec<Panel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Panel {
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    kind: Kind,
    #[serde(default = "half")]
    width: u64,
    #[serde(default = "short")]
    unit: String,
    decimals: Option<u8>,
    /// What a stat shows: `auto` (the value, and the legend if there are several), or `name` for the legend alone.
    #[serde(default = "auto")]
    text: String,
    #[serde(default)]
    thresholds: Vec<String>,
    #[serde(default)]
    exemplars: bool,
    traces: Option<String>,
    /// PromQL and legend.
    query: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Timeseries,
    Stat,
}

fn half() -> u64 {
    COLUMNS / 2
}

fn short() -> String {
    "short".to_owned()
}

fn auto() -> String {
    "auto".to_owned()
}

impl Dashboards {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| format!("dashboards.toml: {error}"))
    }

    /// Name and text of each dashboard.
    pub(crate) fn files(&self) -> Result<Vec<(String, String)>, String> {
        let file = |dashboard: &Dashboard| {
            let text = serde_json::to_string_pretty(&dashboard.json()).map_err(|error| error.to_string())?;
            Ok((format!("{}.json", dashboard.uid), format!("{text}\n")))
        };
        self.dashboard.iter().map(file).collect()
    }

    /// Every query and its location.
    pub(crate) fn queries(&self) -> impl Iterator<Item = (String, &str)> {
        self.dashboard.iter().flat_map(|dashboard| {
            (dashboard.panel.iter()).flat_map(|panel| {
                let place = format!("{}, {}", dashboard.uid, panel.title);
                panel
                    .query
                    .iter()
                    .map(move |(expr, _)| (place.clone(), expr.as_str()))
            })
        })
    }
}

impl Dashboard {
    fn json(&self) -> Value {
        let (mut x, mut y, mut row) = (0, 0, 0);
        let mut panels = Vec::new();
        for (id, panel) in (1..).zip(&self.panel) {
            if x + panel.width > COLUMNS {
                (x, y, row) = (0, y + row, 0);
            }
            panels.push(panel.json(id, (x, y)));
            x += panel.width;
            row = row.max(panel.height());
        }
        json!({
            "uid": self.uid,
            "title": self.title,
            "tags": ["rustok"],
            "editable": false,
            "graphTooltip": 1,
            "refresh": "30s",
            "schemaVersion": 39,
            "time": { "from": "now-3h", "to": "now" },
            "templating": { "list": variables() },
            "links": [{
                "title": "RusToK", "type": "dashboards", "tags": ["rustok"], "asDropdown": true,
                "includeVars": true, "keepTime": true,
            }],
            "panels": panels,
        })
    }
}

fn variables() -> Value {
    let source = |name: &str, label: &str, kind: &str| json!({ "name": name, "label": label, "type": "datasource", "query": kind });
    json!([
        source("metrics", "Metrics", "prometheus"),
        source("traces", "Traces", "tempo"),
        {
            "name": "job", "label": "Job", "type": "query", "datasource": metrics(),
            "query": { "query": "label_values(rustok_build_info, job)", "refId": "job" },
            "refresh": 2, "includeAll": true, "allValue": ".+", "multi": true,
            "current": { "text": "All", "value": "$__all" },
        },
    ])
}

fn metrics() -> Value {
    json!({ "type": "prometheus", "uid": "${metrics}" })
}

impl Panel {
    fn height(&self) -> u64 {
        match self.kind {
            Kind::Timeseries => HEIGHT,
            Kind::Stat => STAT_HEIGHT,
        }
    }

    fn json(&self, id: u64, (x, y): (u64, u64)) -> Value {
        let targets: Vec<_> = (self.query.iter().zip('A'..='Z'))
            .map(|((expr, legend), name)| {
                json!({
                    "refId": name.to_string(), "datasource": metrics(), "editorMode": "code",
                    "expr": expr, "legendFormat": legend, "range": true, "exemplar": self.exemplars,
                })
            })
            .collect();
        let (kind, options) = match self.kind {
            Kind::Timeseries => (
                "timeseries",
                json!({ "legend": { "displayMode": "list", "placement": "bottom" }, "tooltip": { "mode": "multi" } }),
            ),
            Kind::Stat => (
                "stat",
                json!({ "reduceOptions": { "calcs": ["lastNotNull"] }, "textMode": self.text, "graphMode": "none" }),
            ),
        };
        json!({
            "id": id,
            "title": self.title,
            "description": self.description,
            "type": kind,
            "datasource": metrics(),
            "gridPos": { "x": x, "y": y, "w": self.width, "h": self.height() },
            "fieldConfig": { "defaults": self.field(), "overrides": [] },
            "options": options,
            "links": self.links(),
            "targets": targets,
        })
    }

    fn field(&self) -> Value {
        const COLOURS: [&str; 3] = ["yellow", "orange", "red"];
        let mut steps = vec![json!({ "color": "green", "value": null })];
        for (at, colour) in self.thresholds.iter().zip(COLOURS) {
            // Parsed from its source text: nothing here computes with fractions.
            let at: Value = serde_json::from_str(at).unwrap_or(Value::Null);
            steps.push(json!({ "color": colour, "value": at }));
        }
        let mut field = json!({ "unit": self.unit, "thresholds": { "mode": "absolute", "steps": steps } });
        if let Some(decimals) = self.decimals {
            field["decimals"] = json!(decimals);
        }
        if self.kind == Kind::Timeseries {
            let style = if self.thresholds.is_empty() { "off" } else { "line" };
            field["custom"] =
                json!({ "fillOpacity": 10, "showPoints": "never", "thresholdsStyle": { "mode": style } });
        }
        field
    }

    /// Links to the traces that match the panel, in its time range.
    fn links(&self) -> Value {
        let Some(query) = &self.traces else {
            return json!([]);
        };
        let panes = json!({ "traces": {
            "datasource": "${traces}",
            "queries": [{ "refId": "A", "datasource": { "type": "tempo", "uid": "${traces}" }, "queryType": "traceql", "query": query }],
            "range": { "from": "${__from}", "to": "${__to}" },
        } });
        json!([{
            "title": "Traces", "targetBlank": true,
            "url": format!("/explore?schemaVersion=1&orgId=1&panes={}", in_url(&panes.to_string())),
        }])
    }
}

/// Percent-encodes (`%XX`) all characters that are not allowed in a query string, except in Grafana's variables.
fn in_url(text: &str) -> String {
    let mut url = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'$' | b'{' | b'}' => {
                url.push(char::from(byte))
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_fill_rows_and_do_not_overlap() {
        let panel = |width: u64, kind: &str| {
            format!("{{ title = 't', width = {width}, kind = '{kind}', query = [['x', 'y']] }}")
        };
        let panels = [
            panel(4, "stat"),
            panel(20, "timeseries"),
            panel(12, "stat"),
            panel(24, "stat"),
        ]
        .join(",");
        let text = format!("[[dashboard]]\nuid = 'u'\ntitle = 't'\npanel = [{panels}]");
        let (_, text) = Dashboards::read(&text).unwrap().files().unwrap().remove(0);
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        let at = |i: usize| {
            let at = &dashboard["panels"][i]["gridPos"];
            (at["x"].as_u64().unwrap(), at["y"].as_u64().unwrap())
        };
        assert_eq!([at(0), at(1), at(2), at(3)], [(0, 0), (4, 0), (0, 8), (0, 12)]);
    }

    #[test]
    fn a_link_keeps_grafanas_variables() {
        assert_eq!(in_url(r#"{"a":"${traces}"}"#), "{%22a%22%3A%22${traces}%22}");
    }
}
