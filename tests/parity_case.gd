extends "res://test_case.gd"
## The base of tests that compare a family's classes with the engine's, using the ClassDB of the running engine.

## The prefix of the engine's class names, which ours have after "Lode".
var prefix := ""
## Intended differences: lines of the engine's methods, and our replacements.
var instead := {}


## Checks that our class has all members of the engine's.
func check_class(ours: String, engines: String) -> void:
	var have := _methods(ours)
	for line in _methods(engines):
		print("%s has %s" % [ours, line])
		check(have.has(instead.get(line, line)), "missing: " + line)
	for name in ClassDB.class_get_enum_list(engines, true):
		for constant in ClassDB.class_get_enum_constants(engines, name, true):
			print("%s has %s.%s" % [ours, name, constant])
			check_eq(ClassDB.class_get_integer_constant_enum(ours, constant), name, constant)
			check_eq(
				ClassDB.class_get_integer_constant(ours, constant),
				ClassDB.class_get_integer_constant(engines, constant), constant
			)
	for constant in ClassDB.class_get_integer_constant_list(engines, true):
		check(ClassDB.class_has_integer_constant(ours, constant), "missing: " + constant)
		check_eq(
			ClassDB.class_get_integer_constant(ours, constant),
			ClassDB.class_get_integer_constant(engines, constant), constant
		)
	for property in ClassDB.class_get_property_list(engines, true):
		if property.usage & PROPERTY_USAGE_CATEGORY:
			continue
		print("%s has the property %s" % [ours, property.name])
		var found := ClassDB.class_get_property_list(ours, true).filter(
			func(other: Dictionary) -> bool: return other.name == property.name
		)
		if check_eq(found.size(), 1, property.name):
			check_eq(found[0].type, property.type, property.name)
			check_eq(found[0].class_name, StringName(_renamed(property.class_name)), property.name)
			check_eq(
				ClassDB.class_get_property_getter(ours, property.name),
				ClassDB.class_get_property_getter(engines, property.name)
			)
	for of_class in ClassDB.class_get_signal_list(engines, true):
		check(ClassDB.class_has_signal(ours, of_class.name), "missing: " + of_class.name)


func _methods(of: String) -> Array[String]:
	var lines: Array[String] = []
	for method in ClassDB.class_get_method_list(of, true):
		if method.name.begins_with("_"):
			continue
		var arguments := PackedStringArray()
		var first_default: int = method.args.size() - method.default_args.size()
		for index in method.args.size():
			var text := "%s: %s" % [method.args[index].name, _type_of_argument(method.args[index])]
			if index >= first_default:
				text += " = " + var_to_str(method.default_args[index - first_default])
			arguments.append(text)
		var line := "%s(%s) -> %s" % [method.name, ", ".join(arguments), _type(method.return)]
		lines.append(line + (" const" if method.flags & METHOD_FLAG_CONST else ""))
	return lines


## Where the engine takes an enum, ours take any number, so that the engine's constants are accepted.
func _type_of_argument(of: Dictionary) -> String:
	return "int  " if of.type == TYPE_INT else _type(of)


func _type(of: Dictionary) -> String:
	var hint: String = of.hint_string if of.type == TYPE_ARRAY else ""
	return "%s %s %s" % [type_string(of.type), _renamed(of.class_name), _renamed(hint)]


## The engine's names as ours.
func _renamed(name: String) -> String:
	return "Lode" + name if not prefix.is_empty() and name.begins_with(prefix) else name
