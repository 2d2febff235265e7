extends RefCounted
## Generates random arguments of the right types. The same seed generates the same ones.

const INTS: Array[int] = [0, 1, -1, 2, 999, 1005, 65_536, 70_000, 2_147_483_647, -2_147_483_648]
const FLOATS: Array[float] = [0.0, -1.0, 1e300, NAN, INF]
const STRINGS: Array[String] = ["", " ", "é", "a b", "a\r\nb: c", "http://x", "ws://x#y", "1.2.3.4.5", "🎮", "x\t"]

var random := RandomNumberGenerator.new()


func _init(seed_of_random := 1) -> void:
	random.seed = seed_of_random


## One for each of a method's arguments, from ClassDB.
func of(method: Dictionary) -> Array:
	return method.args.map(func(argument: Dictionary) -> Variant: return draw(argument.type))


func draw(type: int) -> Variant:
	match type:
		TYPE_BOOL:
			return random.randi() % 2 == 0
		TYPE_INT:
			return INTS[random.randi() % INTS.size()]
		TYPE_FLOAT:
			return FLOATS[random.randi() % FLOATS.size()]
		TYPE_STRING:
			return _text()
		TYPE_PACKED_STRING_ARRAY:
			return PackedStringArray([_text(), _text()])
		TYPE_PACKED_BYTE_ARRAY:
			return PackedByteArray([random.randi() % 256, random.randi() % 256])
		TYPE_PACKED_INT32_ARRAY:
			return PackedInt32Array([random.randi()])
	return null


func _text() -> String:
	return "x".repeat(2000) if random.randi() % 12 == 0 else STRINGS[random.randi() % STRINGS.size()]
