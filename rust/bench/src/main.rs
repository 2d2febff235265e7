//! Measures Lodewire beside its peers, in one run. Started by `cargo xtask bench`, which builds and finds what it needs;
//! on Linux alone, since it reads what the kernel counts for each process.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "what is counted here is far below what a float holds exactly"
)]

#[cfg(target_os = "linux")]
mod attacks;
#[cfg(target_os = "linux")]
mod command_line;
#[cfg(target_os = "linux")]
mod dtls;
#[cfg(target_os = "linux")]
mod enet;
#[cfg(target_os = "linux")]
mod engine;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod joins;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod number;
#[cfg(target_os = "linux")]
mod plot;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod target;
#[cfg(target_os = "linux")]
mod websocket;

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    command_line::run()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("The measurements run on Linux alone.");
    std::process::ExitCode::FAILURE
}
