//! Enums that belong to a class, such as `LodeWebSocketPeer.State`: gdext has no public way to register one (0.5.5), so
//! this is the one file that uses a hidden one, and the reason why its version is pinned.

use godot::obj::GodotClass;
use godot::register::private::constant::{ConstantKind, ExportConstant, IntegerConstant};

/// Registers the enum `name` of the class `T` with its constants. For `InitStage::Scene`, when the class is known.
pub(crate) fn register<T: GodotClass>(name: &str, constants: &[(&str, i64)]) {
    let enumerators =
        constants.iter().map(|(name, value)| IntegerConstant::new(name, *value)).collect();
    let kind = ConstantKind::Enum { name: name.into(), enumerators };
    ExportConstant::new(T::class_id(), kind).register();
}

/// Declares a Rust enum that stands for an enum of a class: typed in signatures, an int on the way.
macro_rules! class_enum {
    (
        $(#[$doc:meta])*
        $vis:vis enum $name:ident ($godot_name:literal) {
            $($(#[$variant_doc:meta])* $variant:ident = $value:literal => $constant:literal,)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name {
            $($(#[$variant_doc])* $variant = $value,)+
        }

        impl $name {
            /// The constants as the class has them.
            pub(crate) const CONSTANTS: &[(&str, i64)] = &[$(($constant, $value),)+];
        }

        impl godot::meta::GodotConvert for $name {
            type Via = i64;

            fn godot_shape() -> godot::meta::shape::GodotShape {
                godot::meta::shape::GodotShape::Enum {
                    variant_type: godot::builtin::VariantType::INT,
                    enumerators: std::borrow::Cow::Borrowed(const {
                        &[$(godot::meta::shape::EnumeratorShape::new_int($constant, $value),)+]
                    }),
                    godot_name: Some($godot_name.into()),
                    is_bitfield: false,
                }
            }
        }

        impl godot::meta::ToGodot for $name {
            type Pass = godot::meta::conv::ByValue;

            fn to_godot(&self) -> i64 {
                *self as i64
            }
        }

        // SAFETY: a plain number; nothing can change it behind the engine's back.
        unsafe impl godot::meta::GodotImmutable for $name {}

        impl godot::meta::FromGodot for $name {
            fn try_from_godot(value: i64) -> Result<Self, godot::meta::error::ConvertError> {
                match value {
                    $($value => Ok(Self::$variant),)+
                    _ => Err(godot::meta::error::ConvertError::new(concat!("not a value of ", $godot_name))),
                }
            }
        }
    };
}
pub(crate) use class_enum;
