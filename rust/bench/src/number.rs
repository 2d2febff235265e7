//! Numbers as the tables show them.

/// Three digits that count.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0..100.0 => 1,
        0.1..10.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0.012_34, 0.25, 5.238, 71.44, 2351.2].map(number);
        assert_eq!(shown, ["0.012", "0.25", "5.24", "71.4", "2351"]);
    }
}
