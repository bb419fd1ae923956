//! Bar charts as SVG: groups of bars side by side, a colour for each peer, and a thin line over each bar from the
//! least to the most that was measured. They bring their own background, so that they can be read on a light page and
//! on a dark one.

use crate::figures::number;
use std::fmt::{self, Display, Formatter};

pub(crate) struct Chart {
    pub(crate) title: String,
    /// What the axis of values counts.
    pub(crate) unit: String,
    /// Below the chart, line by line.
    pub(crate) caption: Vec<String>,
    pub(crate) series: Vec<Series>,
    pub(crate) groups: Vec<Group>,
    /// A value that is marked by a line across.
    pub(crate) mark: Option<f64>,
}

pub(crate) struct Series {
    pub(crate) name: String,
    /// As SVG writes it.
    pub(crate) colour: &'static str,
}

pub(crate) struct Group {
    pub(crate) name: String,
    /// Below the name.
    pub(crate) unit: String,
    /// In the order of the series.
    pub(crate) bars: Vec<Option<Bar>>,
}

#[derive(Clone, Copy)]
pub(crate) struct Bar {
    pub(crate) value: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// In pixels.
const WIDTH: f64 = 960.0;
const PLOT_TOP: f64 = 92.0;
const PLOT_HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const LINE: f64 = 17.0;
/// A name in the legend takes so much, and so much for each letter.
const LEGEND: f64 = 32.0;
const LETTER: f64 = 6.6;
/// How much wider than the narrowest a range of values is that is shown on a logarithmic scale.
const WIDE: f64 = 12.0;
/// Room for the figures above the bars.
const HEADROOM: f64 = 1.12;
const HEADROOM_LOGARITHMIC: f64 = 1.9;

impl Display for Chart {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bottom = PLOT_TOP + PLOT_HEIGHT;
        let caption = bottom + 56.0;
        let height = caption + LINE * self.caption.len() as f64;
        writeln!(
            f,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">
<title>{}</title>
<style>
.paper {{ fill: #ffffff }} .ink {{ fill: #1f2328 }} .line {{ stroke: #8b949e; stroke-opacity: 0.35 }} .range {{ stroke: #1f2328 }}
@media (prefers-color-scheme: dark) {{ .paper {{ fill: #0d1117 }} .ink {{ fill: #e6edf3 }} .range {{ stroke: #e6edf3 }} }}
</style>
<rect class="paper" width="{WIDTH}" height="{height}"/>
<text class="ink" x="{LEFT}" y="24" font-size="16">{}</text>"#,
            escaped(&self.title),
            escaped(&self.title)
        )?;
        self.write_legend(f)?;
        let scale = Scale::of(self);
        self.write_axis(f, &scale)?;
        let width = (WIDTH - LEFT - RIGHT) / self.groups.len() as f64;
        for (n, group) in self.groups.iter().enumerate() {
            self.write_group(f, group, &scale, LEFT + width * n as f64, width)?;
        }
        for (n, line) in self.caption.iter().enumerate() {
            let y = caption + LINE * n as f64;
            writeln!(
                f,
                r#"<text class="ink" x="{LEFT}" y="{y}" font-size="11">{}</text>"#,
                escaped(line)
            )?;
        }
        writeln!(f, "</svg>")
    }
}

impl Chart {
    fn write_legend(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (mut x, mut y) = (LEFT, 46.0);
        for series in &self.series {
            let width = LEGEND + LETTER * series.name.len() as f64;
            if x + width > WIDTH {
                (x, y) = (LEFT, y + LINE);
            }
            writeln!(
                f,
                r#"<rect x="{x}" y="{}" width="11" height="11" fill="{}"/><text class="ink" x="{}" y="{y}">{}</text>"#,
                y - 10.0,
                series.colour,
                x + 15.0,
                escaped(&series.name)
            )?;
            x += width;
        }
        Ok(())
    }

    fn write_axis(&self, f: &mut Formatter<'_>, scale: &Scale) -> fmt::Result {
        let right = WIDTH - RIGHT;
        for tick in scale.ticks() {
            let y = scale.y(tick);
            writeln!(
                f,
                r#"<line class="line" x1="{LEFT}" x2="{right}" y1="{y:.1}" y2="{y:.1}"/><text class="ink" x="{}" y="{:.1}" text-anchor="end">{tick}</text>"#,
                LEFT - 6.0,
                y + 4.0
            )?;
        }
        if let Some(mark) = self.mark {
            let y = scale.y(mark);
            writeln!(
                f,
                r#"<line class="range" x1="{LEFT}" x2="{right}" y1="{y:.1}" y2="{y:.1}" stroke-dasharray="5 4"/>"#
            )?;
        }
        let kind = match scale.is_logarithmic {
            true => ", logarithmic",
            false => "",
        };
        let middle = PLOT_TOP + PLOT_HEIGHT / 2.0;
        writeln!(
            f,
            r#"<text class="ink" transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{}{kind}</text>"#,
            escaped(&self.unit)
        )
    }

    fn write_group(
        &self,
        f: &mut Formatter<'_>,
        group: &Group,
        scale: &Scale,
        left: f64,
        width: f64,
    ) -> fmt::Result {
        let bottom = PLOT_TOP + PLOT_HEIGHT;
        let step = width * 0.92 / self.series.len() as f64;
        let margin = width * 0.04;
        for (n, (series, bar)) in self.series.iter().zip(&group.bars).enumerate() {
            let Some(bar) = bar else { continue };
            let x = left + margin + step * n as f64;
            let (y, middle) = (scale.y(bar.value), x + step * 0.44);
            writeln!(
                f,
                r#"<rect x="{x:.1}" y="{y:.1}" width="{:.1}" height="{:.1}" fill="{}"><title>{}: {}</title></rect>"#,
                step * 0.88,
                (bottom - y).max(0.0),
                series.colour,
                escaped(&series.name),
                number(Some(bar.value))
            )?;
            writeln!(
                f,
                r#"<line class="range" x1="{middle:.1}" x2="{middle:.1}" y1="{:.1}" y2="{:.1}"/>"#,
                scale.y(bar.least),
                scale.y(bar.most)
            )?;
            writeln!(
                f,
                r#"<text class="ink" font-size="9" transform="translate({:.1} {:.1}) rotate(-90)">{}</text>"#,
                middle + 3.0,
                scale.y(bar.most.max(bar.value)) - 4.0,
                number(Some(bar.value))
            )?;
        }
        writeln!(
            f,
            r#"<text class="ink" text-anchor="middle" transform="translate({:.1} {bottom})"><tspan x="0" y="17">{}</tspan><tspan x="0" y="31" font-size="10">{}</tspan></text>"#,
            left + width / 2.0,
            escaped(&group.name),
            escaped(&group.unit)
        )
    }
}

/// Where a value lies.
struct Scale {
    is_logarithmic: bool,
    from: f64,
    to: f64,
}

impl Scale {
    fn of(chart: &Chart) -> Self {
        let bars = || {
            chart
                .groups
                .iter()
                .flat_map(|group| group.bars.iter().flatten())
        };
        let most = bars()
            .map(|bar| bar.most)
            .chain(chart.mark)
            .fold(0.0, f64::max);
        let least = bars()
            .map(|bar| bar.least)
            .chain(chart.mark)
            .fold(f64::MAX, f64::min);
        match most > WIDE * least {
            // Room below the least, so that its bar can be seen.
            true => Scale {
                is_logarithmic: true,
                from: least / 2.0,
                to: most * HEADROOM_LOGARITHMIC,
            },
            false => Scale {
                is_logarithmic: false,
                from: 0.0,
                to: most * HEADROOM,
            },
        }
    }

    fn y(&self, value: f64) -> f64 {
        let part = match self.is_logarithmic {
            true => (value / self.from).ln() / (self.to / self.from).ln(),
            false => (value - self.from) / (self.to - self.from),
        };
        PLOT_TOP + PLOT_HEIGHT * (1.0 - part.clamp(0.0, 1.0))
    }

    /// Round values within the scale.
    fn ticks(&self) -> Vec<f64> {
        let is_wide = self.is_logarithmic && self.to > 1_000.0 * self.from;
        let steps = if is_wide {
            &[1.0][..]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let decades = (-6..9).map(|exponent| 10_f64.powi(exponent));
        let mut round =
            decades.flat_map(|decade| steps.iter().map(move |step| rounded(decade * step)));
        if self.is_logarithmic {
            return round
                .filter(|tick| *tick >= self.from && *tick <= self.to)
                .collect();
        }
        let step = round.find(|step| self.to / step <= 8.0).unwrap_or(self.to);
        (0..=8)
            .map(|n| rounded(step * f64::from(n)))
            .filter(|tick| *tick <= self.to)
            .collect()
    }
}

/// Without what binary fractions add to decimal ones.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
