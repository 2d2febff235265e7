//! `TLSOptions` as an argument that may be left out: gdext has no default for objects (0.5.5), though `null` changes for
//! nobody.

use godot::classes::TlsOptions;
use godot::meta::conv::ByValue;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, GodotImmutable, ToGodot, error::ConvertError};
use godot::prelude::*;

/// The options, or none.
#[derive(Clone, Debug)]
pub(crate) struct OptionalTls(pub(crate) Option<Gd<TlsOptions>>);

impl OptionalTls {
    /// The default: `null`.
    pub(crate) const NONE: Self = Self(None);
}

impl GodotConvert for OptionalTls {
    type Via = Option<Gd<TlsOptions>>;

    fn godot_shape() -> GodotShape {
        Option::<Gd<TlsOptions>>::godot_shape()
    }
}

impl ToGodot for OptionalTls {
    type Pass = ByValue;

    fn to_godot(&self) -> Option<Gd<TlsOptions>> {
        self.0.clone()
    }
}

impl FromGodot for OptionalTls {
    fn try_from_godot(via: Option<Gd<TlsOptions>>) -> Result<Self, ConvertError> {
        Ok(Self(via))
    }
}

// SAFETY: the only default is `null`, behind which there is nothing to change.
unsafe impl GodotImmutable for OptionalTls {}
