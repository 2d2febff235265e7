//! Objects whose last reference is released while one of their methods is running.

use godot::obj::{Inherits, WithBaseField};
use godot::prelude::*;

/// Returns true if `this`, which a running method holds, is the only reference left: a signal's handler has released
/// the script's own.
pub(crate) fn is_last<T: Inherits<RefCounted>>(this: &Gd<T>) -> bool {
    let counted: Gd<RefCounted> = this.clone().upcast();
    // The second reference is `counted`.
    counted.get_reference_count() == 2
}

/// Releases the last reference to an object after its running method has returned.
pub(crate) fn release_later<T: GodotClass + WithBaseField>(this: Gd<T>) {
    let mut this = Some(this);
    let release = Callable::from_fn("release", move |_| drop(this.take()));
    release.call_deferred(&[]);
}
