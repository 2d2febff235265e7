//! The plot: one chart per figure, bars for the servers.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::figures::{Figure, Figures, Work};
use crate::measure::{BURST, IDLE_CONNECTIONS, IDLE_PEERS, LOADS};
use crate::subject::{ECHO_SERVERS, Subject};

const SIZE: (u32, u32) = (1200, 1120);
const ROWS_AND_COLUMNS: (usize, usize) = (4, 2);
const OURS: RGBColor = RGBColor(38, 110, 170);
const PEER: RGBColor = RGBColor(170, 170, 170);
const USER: RGBColor = RGBColor(225, 130, 40);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A bar: its name, its length, the part of it that is user time, and whether it is ours.
struct Bar {
    name: String,
    value: f64,
    user: f64,
    ours: bool,
}

/// Draws what was measured into a file.
pub(crate) fn draw(figures: &Figures, file: &Path) -> Result<()> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(error)?;
    let areas = root.split_evenly(ROWS_AND_COLUMNS);
    let mut charts: Vec<(String, Vec<Bar>)> = Vec::new();
    for (index, load) in LOADS.iter().enumerate() {
        let title = format!("processor time per echo, {}, µs (orange: user)", load.name);
        charts.push((title, server_bars(figures, Figure::EchoCpu(index), Some(index))));
    }
    let title = format!("memory per idle connection of {IDLE_CONNECTIONS}, KiB");
    charts.push((title, server_bars(figures, Figure::Memory, None)));
    let title = format!("{BURST} connections at once, ms");
    charts.push((title, server_bars(figures, Figure::Burst, None)));
    charts.push(game_thread(
        "game's thread per handshake, µs",
        figures,
        &[Work::Handshake, Work::TlsHandshake],
    ));
    let echoes = [Work::Echo, Work::EchoMany, Work::EchoBatch];
    charts.push(game_thread("game's thread per echo, µs", figures, &echoes));
    let frames = IDLE_PEERS.map(Work::IdleFrame);
    charts.push(game_thread("game's thread per frame with idle peers, µs", figures, &frames));
    for (area, (title, bars)) in areas.iter().zip(&charts) {
        chart(area, title, bars)?;
    }
    root.present().map_err(error)
}

fn server_bars(figures: &Figures, figure: Figure, load: Option<usize>) -> Vec<Bar> {
    let bar = |subject: Subject| {
        let user = load.and_then(|load| figures.get(Figure::EchoUser(load), subject));
        Some(Bar {
            name: subject.name().to_owned(),
            value: figures.get(figure, subject)?,
            user: user.unwrap_or(0.0),
            ours: subject.is_ours(),
        })
    };
    ECHO_SERVERS.into_iter().chain([Subject::AcceptLoop]).filter_map(bar).collect()
}

fn game_thread(title: &str, figures: &Figures, works: &[Work]) -> (String, Vec<Bar>) {
    let mut bars = Vec::new();
    for work in works {
        for subject in [Subject::Engine, Subject::Addon] {
            let Some(value) = figures.get(Figure::GameThread(*work), subject) else { continue };
            let ours = subject.is_ours();
            let who = if ours { "Lodewire" } else { "Godot" };
            bars.push(Bar { name: format!("{who}: {}", work.name()), value, user: 0.0, ours });
        }
    }
    (title.to_owned(), bars)
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
    let row = (i32::try_from(height)? - 2 * top) / 8;
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
        let value = if bar.value < 10.0 {
            format!("{:.2}", bar.value)
        } else {
            format!("{:.0}", bar.value)
        };
        area.draw(&Text::new(value, (end + 6, y + 3), text.clone())).map_err(error)?;
    }
    Ok(())
}

fn error(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the plot cannot be drawn: {error}")
}
