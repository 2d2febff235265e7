extends RefCounted
## The properties of a class, for tests that set each of them.


## Returns the class's own properties that are settings, without its parents'.
static func of_class(class_title: StringName) -> Array[Dictionary]:
	var is_setting := func(property: Dictionary) -> bool: return int(property["usage"]) & PROPERTY_USAGE_STORAGE != 0
	return ClassDB.class_get_property_list(class_title, true).filter(is_setting)


## Returns a value of the property's type that is not the given one.
static func other_value(property: Dictionary, value: Variant) -> Variant:
	match int(property["type"]):
		TYPE_BOOL:
			return not value
		TYPE_INT:
			return 1 if value != 1 else 2
		TYPE_FLOAT:
			return float(value) + 1.0
		TYPE_STRING:
			return str(value) + "x"
		TYPE_PACKED_STRING_ARRAY:
			return PackedStringArray(["10.0.0.0/8"])
	return ClassDB.instantiate(StringName(property["class_name"]))
