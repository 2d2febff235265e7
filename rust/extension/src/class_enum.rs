//! Enums that belong to a class, such as `LodeWebSocketPeer.State`. gdext has no public way to register one, nor its
//! help (0.5.5), so this is the only file that uses hidden functions, and the reason why its version is pinned.

use godot::meta::conv::ByValue;
use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, GodotImmutable, ToGodot};
use godot::obj::GodotClass;
use godot::register::private::constant::{ConstantKind, ExportConstant, IntegerConstant};

/// Registers the enum `name` of the class `T` with its constants. For `InitStage::Scene`, when the class is registered.
pub(crate) fn register<T: GodotClass>(name: &str, constants: &[(&str, i64)]) {
    let enumerators =
        constants.iter().map(|(name, value)| IntegerConstant::new(name, *value)).collect();
    let kind = ConstantKind::Enum { name: name.into(), enumerators };
    ExportConstant::new(T::class_id(), kind).register();
}

/// A parameter that takes a constant of the enum `T`, of an engine's enum with the same values, or the number. GDScript
/// rejects a constant of another enum for a parameter with an enum type, and accepts any number for an integer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByNumber<T>(pub(crate) T);

impl<T> GodotConvert for ByNumber<T> {
    type Via = i64;

    fn godot_shape() -> GodotShape {
        i64::godot_shape()
    }
}

impl<T: ToGodot<Via = i64, Pass = ByValue>> ToGodot for ByNumber<T> {
    type Pass = ByValue;

    fn to_godot(&self) -> i64 {
        self.0.to_godot()
    }
}

// SAFETY: a plain number is immutable.
unsafe impl<T> GodotImmutable for ByNumber<T> {}

impl<T: FromGodot<Via = i64>> FromGodot for ByNumber<T> {
    fn try_from_godot(value: i64) -> Result<Self, ConvertError> {
        T::try_from_godot(value).map(Self)
    }
}

/// Declares a Rust enum for an enum of a class: typed in signatures, passed as an integer. The comments of its constants
/// are the editor's help.
macro_rules! class_enum {
    (
        $(#[$doc:meta])*
        $vis:vis enum $class:ident.$name:ident {
            $($(#[doc = $constant_doc:literal])+ $variant:ident = $value:literal => $constant:literal,)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name {
            $($(#[doc = $constant_doc])+ $variant = $value,)+
        }

        impl $name {
            /// Registers the enum. For `InitStage::Scene`, when the class is registered.
            pub(crate) fn register() {
                let constants = [$(($constant, $value),)+];
                $crate::class_enum::register::<$class>(stringify!($name), &constants);
            }
        }

        #[cfg(feature = "register-docs")]
        godot::sys::shard_add!(godot::private::__GODOT_DOCS_REGISTRY; godot::private::DocsShard::new::<$class>(
            godot::private::DocsItem::InherentImpl(godot::private::InherentImplDocs {
                methods_xml: "",
                signals_xml: "",
                constants_xml: concat!($(
                    "<constant name=\"", $constant, "\" value=\"", $value, "\" enum=\"", stringify!($name), "\">",
                    $($constant_doc,)+
                    "</constant>",
                )+),
            })
        ));

        impl godot::meta::GodotConvert for $name {
            type Via = i64;

            fn godot_shape() -> godot::meta::shape::GodotShape {
                godot::meta::shape::GodotShape::Enum {
                    variant_type: godot::builtin::VariantType::INT,
                    enumerators: std::borrow::Cow::Borrowed(const {
                        &[$(godot::meta::shape::EnumeratorShape::new_int($constant, $value),)+]
                    }),
                    godot_name: Some(concat!(stringify!($class), ".", stringify!($name)).into()),
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

        // SAFETY: a plain number is immutable.
        unsafe impl godot::meta::GodotImmutable for $name {}

        impl godot::meta::FromGodot for $name {
            fn try_from_godot(value: i64) -> Result<Self, godot::meta::error::ConvertError> {
                match value {
                    $($value => Ok(Self::$variant),)+
                    _ => Err(godot::meta::error::ConvertError::new(
                        concat!("not a value of ", stringify!($class), ".", stringify!($name)),
                    )),
                }
            }
        }
    };
}
pub(crate) use class_enum;
