//! Host names, resolved by the engine on another thread: nothing blocks, and no worker of ours is occupied.

use godot::classes::Ip;
use godot::classes::ip::{ResolverStatus, Type};
use godot::prelude::*;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lookups in progress that were dropped. The engine would return their results for the next lookup with the same
/// number, so the number is kept until the lookup is complete.
static ABANDONED: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// A name lookup. Dropping it cancels it without blocking.
pub(crate) struct NameLookup {
    /// The engine's number of the lookup.
    number: i32,
    name: String,
    /// When the lookup times out.
    deadline: Option<Instant>,
}

impl NameLookup {
    /// Starts to resolve `name`, with a `timeout`.
    ///
    /// # Errors
    /// The engine has too many lookups in progress.
    pub(crate) fn begin(name: &str, timeout: Option<Duration>) -> Result<Self, String> {
        release_abandoned();
        let host = GString::from(name);
        let number =
            Ip::singleton().resolve_hostname_queue_item_ex(&host).ip_type(Type::ANY).done();
        if number < 0 {
            let why = "the engine has too many name lookups in progress. Try again later.";
            return Err(why.to_owned());
        }
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Ok(Self { number, name: name.to_owned(), deadline })
    }

    /// Returns the addresses of the name, or the cause of a failure; `None` while the lookup is in progress.
    pub(crate) fn answer(&self) -> Option<Result<Vec<IpAddr>, String>> {
        let ip = Ip::singleton();
        match ip.get_resolve_item_status(self.number) {
            ResolverStatus::WAITING => {
                let late = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
                late.then(|| Err(format!("the host {} was not found in time", self.name)))
            }
            ResolverStatus::DONE => {
                let addresses = ip.get_resolve_item_addresses(self.number);
                let parsed =
                    addresses.iter_shared().filter_map(|text| text.to_string().parse().ok());
                Some(Ok(parsed.collect()))
            }
            _ => Some(Err(format!("the host {} was not found", self.name))),
        }
    }
}

impl Drop for NameLookup {
    fn drop(&mut self) {
        if Ip::singleton().get_resolve_item_status(self.number) == ResolverStatus::WAITING {
            ABANDONED.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
        } else {
            Ip::singleton().erase_resolve_item(self.number);
        }
    }
}

/// Releases the engine's numbers of abandoned lookups that are complete.
fn release_abandoned() {
    let mut ip = Ip::singleton();
    ABANDONED.lock().unwrap_or_else(PoisonError::into_inner).retain(|&number| {
        let is_waiting = ip.get_resolve_item_status(number) == ResolverStatus::WAITING;
        if !is_waiting {
            ip.erase_resolve_item(number);
        }
        is_waiting
    });
}
