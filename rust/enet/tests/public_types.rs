//! Tests of what the public types implement.

use lodewire_enet::{ConnectError, Host, SendError, Time};
use std::collections::HashSet;
use std::error::Error;
use std::time::Duration;

#[test]
fn errors_can_be_boxed_and_have_messages() {
    let errors: [Box<dyn Error + Send + Sync>; 5] = [
        ConnectError::Full.into(),
        SendError::NotConnected.into(),
        SendError::NoSuchChannel.into(),
        SendError::TooLong.into(),
        SendError::Full.into(),
    ];
    let messages: HashSet<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), errors.len(), "{messages:?}");
    assert!(messages.iter().all(|message| message.contains(": ")), "{messages:?}");
}

#[test]
fn host_can_move_to_another_thread() {
    fn check<T: Send + Sync>() {}
    check::<Host>();
}

#[test]
fn time_of_a_long_duration_saturates() {
    assert_eq!(Time::from(Duration::from_micros(7)), Time::from_micros(7));
    let end = Time::from(Duration::MAX);
    assert_eq!(end, Time::from_micros(u64::MAX));
    assert_eq!(end + Duration::from_micros(1), end);
    assert_eq!(Time::default().saturating_duration_since(end), Duration::ZERO);
}
