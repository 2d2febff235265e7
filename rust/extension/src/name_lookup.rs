//! Names that the engine looks up, on a thread of its own: nobody waits for one, and no worker of ours is kept by it.

use godot::classes::Ip;
use godot::classes::ip::{ResolverStatus, Type};
use godot::prelude::*;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lookups under way that nobody waits for any more. The engine would give the answer of one to the next that gets its
/// number, so that its number is kept until it is answered.
static ABANDONED: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// A name that is being looked up. Dropping it forgets the lookup, and waits for nothing.
pub(crate) struct NameLookup {
    /// The engine's number of it.
    number: i32,
    name: String,
    /// When it is given up.
    deadline: Option<Instant>,
}

impl NameLookup {
    /// Begins to look up `name`, for up to `timeout`.
    ///
    /// # Errors
    /// The engine looks up too many names already.
    pub(crate) fn begin(name: &str, timeout: Option<Duration>) -> Result<Self, String> {
        release_abandoned();
        let host = GString::from(name);
        let number =
            Ip::singleton().resolve_hostname_queue_item_ex(&host).ip_type(Type::ANY).done();
        if number < 0 {
            let why = "the engine looks up too many names already. Try again later.";
            return Err(why.to_owned());
        }
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Ok(Self { number, name: name.to_owned(), deadline })
    }

    /// The addresses of the name, or why there are none; `None` while that is not known.
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

/// Gives the engine back the numbers of abandoned lookups that are answered.
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
