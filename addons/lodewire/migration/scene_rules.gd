extends RefCounted
## The changes in a text scene or resource: types, values, and embedded scripts.

const Tokens := preload("tokens.gd")
const Names := preload("names.gd")
const ScriptRules := preload("script_rules.gd")

var edits: Array[ScriptRules.Edit] = []
var looks: Array[ScriptRules.Look] = []


## Reads a scene of a project.
func read(tokens: Tokens, project: ScriptRules.Project) -> void:
	for index in tokens.count:
		if tokens.is_kept(tokens.begin(index)):
			continue
		var name := tokens.word(index)
		if _is_source(tokens, index):
			_read_script(tokens, index, project)
		elif not Names.RENAMED.has(name) or project.declared.has(name):
			continue
		elif tokens.kind(index) == Tokens.Kind.NAME and not tokens.is_sign(index + 1, "="):
			# A value: `Object(NAME, …)` or `Array[NAME]([…])`.
			edits.append(ScriptRules.Edit.new(tokens.begin(index), tokens.end(index), Names.RENAMED[name]))
		elif tokens.kind(index) == Tokens.Kind.STRING and _is_type(tokens, index):
			var begin := tokens.content_begin(index)
			edits.append(ScriptRules.Edit.new(begin, begin + name.length(), Names.RENAMED[name]))


## The embedded scripts, for their declarations.
static func scripts_in(tokens: Tokens) -> Array[Tokens]:
	var found: Array[Tokens] = []
	for index in tokens.count:
		if _is_source(tokens, index):
			found.append(Tokens.of_script(_Unescaped.new(tokens.word(index)).text))
	return found


## `script/source = "…"`.
static func _is_source(tokens: Tokens, index: int) -> bool:
	return (
		tokens.kind(index) == Tokens.Kind.STRING and tokens.is_sign(index - 1, "=") and tokens.is_name(index - 2, "source")
		and tokens.is_sign(index - 3, "/") and tokens.is_name(index - 4, "script")
	)


## `[sub_resource type="NAME" …]`.
static func _is_type(tokens: Tokens, index: int) -> bool:
	var open := tokens.around(index)
	return open >= 0 and tokens.is_sign(open, "[") and tokens.is_sign(index - 1, "=") and tokens.is_name(index - 2, "type")


func _read_script(tokens: Tokens, index: int, project: ScriptRules.Project) -> void:
	var source := _Unescaped.new(tokens.word(index))
	var rules := ScriptRules.new()
	rules.read(Tokens.of_script(source.text), project)
	var from := tokens.content_begin(index)
	for edit in rules.edits:
		var text := edit.text.replace("\\", "\\\\").replace("\"", "\\\"")
		edits.append(ScriptRules.Edit.new(from + source.places[edit.begin], from + source.places[edit.end], text))
	for look in rules.looks:
		looks.append(ScriptRules.Look.new(from + source.places[look.at], look.reason))


## A string of a scene without escapes, and the position of each of its characters.
class _Unescaped:
	var text := ""
	var places := PackedInt32Array()

	const ESCAPES := {"n": "\n", "t": "\t", "r": "\r"}

	func _init(written: String) -> void:
		var parts := PackedStringArray()
		var at := 0
		while at < written.length():
			places.append(at)
			var character := written[at]
			if character == "\\" and at + 1 < written.length():
				at += 1
				character = ESCAPES.get(written[at], written[at])
			parts.append(character)
			at += 1
		places.append(written.length())
		text = "".join(parts)
