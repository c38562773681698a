//! Bars for days, drawn by the server: the days of now as bars, those before as a dashed line.
//!
//! Positions are in a box of 600 × 120, which the page stretches; names of days are outside of it, so that text never scales.

/// Width of the box, and what one bar of it takes at most.
const WIDTH: i64 = 600;
const HEIGHT: i64 = 120;

/// One bar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    /// The left edge.
    pub(crate) x: i64,
    /// The upper edge, in tenths.
    y: i64,
    /// The width.
    pub(crate) width: i64,
    /// What it says when it is pointed at.
    pub(crate) title: String,
}

impl Bar {
    /// The upper edge.
    pub(crate) fn y(&self) -> String {
        tenths(self.y)
    }

    /// The height.
    pub(crate) fn height(&self) -> String {
        tenths(HEIGHT * 10 - self.y)
    }
}

/// A drawn chart.
#[derive(Debug)]
pub(crate) struct Chart {
    /// One for each day.
    pub(crate) bars: Vec<Bar>,
    /// The points of the line.
    pub(crate) before: String,
}

impl Chart {
    /// Draws `now`, an amount and what to say of it for each day, and `before`, as many amounts.
    pub(crate) fn of(now: Vec<(i64, String)>, before: &[i64]) -> Self {
        let amounts = now
            .iter()
            .map(|(amount, _)| *amount)
            .chain(before.iter().copied());
        let most = amounts.max().unwrap_or(0).max(1);
        let count = i64::try_from(now.len().max(1)).unwrap_or(WIDTH);
        let step = (WIDTH / count).max(1);
        let width = (step * 3 / 5).max(1);
        let bars = now.into_iter().zip(0..).map(|((amount, title), index)| Bar {
            x: step * index + (step - width) / 2,
            y: height_of(amount, most),
            width,
            title,
        });
        let points = before.iter().zip(0..).map(|(amount, index)| {
            format!("{},{}", step * index + step / 2, tenths(height_of(*amount, most)))
        });
        Self {
            bars: bars.collect(),
            before: points.collect::<Vec<_>>().join(" "),
        }
    }
}

/// The upper edge of an amount, in tenths; the largest stays a little below the upper edge of the box.
fn height_of(amount: i64, most: i64) -> i64 {
    let room = i128::from(HEIGHT) * 10 * 24 / 25;
    let height = i128::from(amount.max(0)) * room / i128::from(most);
    HEIGHT * 10 - i64::try_from(height).unwrap_or(0)
}

fn tenths(tenths: i64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_amount_is_the_highest_bar_and_nothing_is_no_bar() {
        let now = vec![(0, "a".to_owned()), (500, "b".to_owned()), (1000, "c".to_owned())];
        let chart = Chart::of(now, &[1000, 0, 0]);
        let heights: Vec<_> = chart.bars.iter().map(Bar::height).collect();
        assert_eq!(heights, ["0.0", "57.6", "115.2"]);
        assert_eq!(chart.before, "100,4.8 300,120.0 500,120.0");
        assert!(
            chart
                .bars
                .iter()
                .all(|bar| bar.x >= 0 && bar.x + bar.width <= WIDTH)
        );
        let empty = Chart::of(Vec::new(), &[]);
        assert!(empty.bars.is_empty() && empty.before.is_empty());
        let huge = Chart::of(vec![(i64::MAX, String::new())], &[i64::MIN]);
        assert_eq!(huge.bars[0].height(), "115.2");
    }
}
