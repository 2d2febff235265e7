//! The plots: one chart per figure, bars for the subjects.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::number::number;

const WIDTH: u32 = 1200;
const CHART_HEIGHT: u32 = 280;
/// Bars are as thick as if there were at least so many.
const LEAST_ROWS: usize = 8;
const OURS: RGBColor = RGBColor(38, 110, 170);
const PEER: RGBColor = RGBColor(170, 170, 170);
const USER: RGBColor = RGBColor(225, 130, 40);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A bar: its name, its length, the part of it that is user time, and whether it is ours.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) user: f64,
    pub(crate) ours: bool,
}

/// A chart: its title and its bars.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

/// Draws charts into a file, two side by side.
pub(crate) fn draw(charts: &[Chart], file: &Path) -> Result<()> {
    let rows = charts.len().div_ceil(2);
    let height = CHART_HEIGHT * u32::try_from(rows)?;
    let root = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE).map_err(error)?;
    let areas = root.split_evenly((rows, 2));
    for (area, Chart { title, bars }) in areas.iter().zip(charts) {
        chart(area, title, bars)?;
    }
    root.present().map_err(error)
}

/// Bars from left to right.
fn chart(area: &Area<'_>, title: &str, bars: &[Bar]) -> Result<()> {
    let values = || bars.iter().map(|bar| bar.value.max(1e-3));
    let most = values().max_by(f64::total_cmp);
    let least = values().min_by(f64::total_cmp).unwrap_or(1.0);
    // Short bars would vanish beside ones that are hundreds of times as long.
    let logarithmic = most.is_some_and(|most| most / least > 30.0);
    let title = if logarithmic { format!("{title} (logarithmic)") } else { title.to_owned() };
    let area = area.titled(&title, ("sans-serif", 17)).map_err(error)?;
    let (width, height) = area.dim_in_pixel();
    let (names, numbers, top) = (270, 80, 6);
    let rows = i32::try_from(bars.len().max(LEAST_ROWS))?;
    let row = (i32::try_from(height)? - 2 * top) / rows;
    let room = f64::from(i32::try_from(width)? - names - numbers);
    let Some(most) = most else {
        return area
            .draw(&Text::new("not measured", (names, top), ("sans-serif", 14)))
            .map_err(error);
    };
    let length = |value: f64| {
        let part = if logarithmic {
            let floor = least / 3.0;
            (value.max(floor) / floor).ln() / (most / floor).ln()
        } else {
            value / most
        };
        (part * room).round() as i32
    };
    let text = ("sans-serif", 14).into_font();
    for (index, bar) in bars.iter().enumerate() {
        let y = top + row * i32::try_from(index)?;
        area.draw(&Text::new(bar.name.clone(), (8, y + 3), text.clone())).map_err(error)?;
        let color = if bar.ours { OURS } else { PEER };
        let end = names + length(bar.value);
        let body = Rectangle::new([(names, y), (end, y + row - 4)], color.filled());
        area.draw(&body).map_err(error)?;
        if bar.user > 0.0 && !logarithmic {
            let end = names + length(bar.user);
            let user = Rectangle::new([(names, y), (end, y + row - 4)], USER.filled());
            area.draw(&user).map_err(error)?;
        }
        area.draw(&Text::new(number(bar.value), (end + 6, y + 3), text.clone())).map_err(error)?;
    }
    Ok(())
}

/// A line over time: its name, and seconds with values.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A chart of lines.
pub(crate) struct LineChart {
    pub(crate) title: String,
    pub(crate) lines: Vec<Line>,
}

/// Draws charts of lines into a file, two side by side, each from 0 on.
pub(crate) fn draw_lines(charts: &[LineChart], file: &Path) -> Result<()> {
    let rows = charts.len().div_ceil(2);
    let height = CHART_HEIGHT * u32::try_from(rows)?;
    let root = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE).map_err(error)?;
    for (area, chart) in root.split_evenly((rows, 2)).iter().zip(charts) {
        draw_line_chart(area, chart)?;
    }
    root.present().map_err(error)
}

fn draw_line_chart(area: &Area<'_>, chart: &LineChart) -> Result<()> {
    let points = || chart.lines.iter().flat_map(|line| &line.points);
    let right = points().map(|point| point.0).fold(1.0, f64::max);
    let top = points().map(|point| point.1).fold(0.001, f64::max) * 1.1;
    let mut context = ChartBuilder::on(area)
        .caption(&chart.title, ("sans-serif", 17))
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..right, 0.0..top)
        .map_err(error)?;
    context.configure_mesh().light_line_style(TRANSPARENT).draw().map_err(error)?;
    for (line, color) in chart.lines.iter().zip([OURS, USER, PEER]) {
        let series = LineSeries::new(line.points.iter().copied(), color.stroke_width(2));
        let drawn = context.draw_series(series).map_err(error)?;
        drawn
            .label(line.name.as_str())
            .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 12, y + 4)], color.filled()));
    }
    if chart.lines.len() > 1 {
        let mut labels = context.configure_series_labels();
        labels.background_style(WHITE.mix(0.8)).draw().map_err(error)?;
    }
    Ok(())
}

fn error(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the plot cannot be drawn: {error}")
}
