//! Selects the response format by the `Accept` header (RFC 9110, 12.5.1). It must never refuse: a client that accepts
//! no supported format gets plain text, as from other exporters.

use super::Form;

impl Form {
    /// OpenMetrics if the client lists it with at least the quality of plain text, else plain text.
    #[must_use]
    pub fn accepted(accept: Option<&str>) -> Self {
        let ranges: Vec<Range<'_>> = accept.unwrap_or_default().split(',').map(Range::parse).collect();
        let open_metrics = ranges
            .iter()
            .filter(|range| range.is_open_metrics)
            .map(|range| range.quality)
            .max();
        // The most specific range takes precedence.
        let plain = ["text/plain", "text/*", "*/*"]
            .into_iter()
            .find_map(|name| ranges.iter().find(|range| range.name.eq_ignore_ascii_case(name)))
            .map_or(0, |range| range.quality);
        match open_metrics {
            Some(quality) if quality > 0 && quality >= plain => Self::OpenMetrics,
            _ => Self::Plain,
        }
    }
}

/// One media range.
struct Range<'a> {
    name: &'a str,
    /// Quality in thousandths.
    quality: u16,
    /// OpenMetrics in the supported version.
    is_open_metrics: bool,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let (mut quality, mut version) = (1_000, "1.0.0");
        for part in parts {
            match part.split_once('=') {
                Some((key, value)) if key.eq_ignore_ascii_case("q") => quality = thousandths(value),
                Some((key, value)) if key.eq_ignore_ascii_case("version") => {
                    version = value.trim_matches('"')
                }
                _ => {}
            }
        }
        Self {
            name,
            quality,
            is_open_metrics: name.eq_ignore_ascii_case("application/openmetrics-text") && version == "1.0.0",
        }
    }
}

/// `0`, `1`, or either with up to three decimals; anything else counts as quality 0.
fn thousandths(value: &str) -> u16 {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" if digits => 1_000,
        "0" if digits => format!("{decimals:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_who_names_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for accept in [
            prometheus,
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=1.0.0; Q=0.2",
            "application/openmetrics-text;version=\"1.0.0\";charset=utf-8",
            "text/plain;q=0.3, application/openmetrics-text;q=0.3",
            "text/plain;q=0, */*;q=1, application/openmetrics-text;q=0.001",
            "*/*;q=0.1,text/*;q=0.2,application/openmetrics-text;q=0.25",
        ] {
            assert_eq!(Form::accepted(Some(accept)), Form::OpenMetrics, "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/plain",
            "application/*",
            "application/json",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.0",
            "application/openmetrics-text;q=2",
            "application/openmetrics-text;q=x",
            "application/openmetrics-text;q=0.1234",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0.4, text/plain;q=0.5",
            "application/openmetrics-text;q=0.4, */*",
            ";;;,,,=q",
        ] {
            assert_eq!(Form::accepted(Some(accept)), Form::Plain, "{accept}");
        }
        assert_eq!(Form::accepted(None), Form::Plain);
    }
}
