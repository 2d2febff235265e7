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

fn error(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the plot cannot be drawn: {error}")
}
