//! Objects whose last reference goes while a method of theirs is running.

use godot::obj::{Inherits, WithBaseField};
use godot::prelude::*;

/// Whether `this`, which a running method holds, is the only reference left: a signal's handler dropped the script's own.
pub(crate) fn is_last<T: Inherits<RefCounted>>(this: &Gd<T>) -> bool {
    let counted: Gd<RefCounted> = this.clone().upcast();
    // The other is `counted`.
    counted.get_reference_count() == 2
}

/// Drops the last reference to an object after its method, which is running, has returned.
pub(crate) fn release_later<T: GodotClass + WithBaseField>(this: Gd<T>) {
    let mut this = Some(this);
    let release = Callable::from_fn("release", move |_| drop(this.take()));
    release.call_deferred(&[]);
}
