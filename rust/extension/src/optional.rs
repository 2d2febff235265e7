//! Optional object arguments: gdext has no default for them (0.5.5), although `null` is immutable.

use godot::meta::conv::ByValue;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, GodotImmutable, ToGodot, error::ConvertError};
use godot::prelude::*;

/// An object, or `null`.
#[derive(Debug)]
pub(crate) struct Optional<T: GodotClass>(pub(crate) Option<Gd<T>>);

impl<T: GodotClass> Optional<T> {
    /// The default: `null`.
    pub(crate) const NONE: Self = Self(None);
}

impl<T: GodotClass> Clone for Optional<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: GodotClass> GodotConvert for Optional<T> {
    type Via = Option<Gd<T>>;

    fn godot_shape() -> GodotShape {
        Option::<Gd<T>>::godot_shape()
    }
}

impl<T: GodotClass> ToGodot for Optional<T> {
    type Pass = ByValue;

    fn to_godot(&self) -> Option<Gd<T>> {
        self.0.clone()
    }
}

impl<T: GodotClass> FromGodot for Optional<T> {
    fn try_from_godot(via: Option<Gd<T>>) -> Result<Self, ConvertError> {
        Ok(Self(via))
    }
}

// SAFETY: the only default is `null`, which is immutable.
unsafe impl<T: GodotClass> GodotImmutable for Optional<T> {}
