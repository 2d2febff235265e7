extends RefCounted
## Tokenizes GDScript of Godot 3 and 4, or the text of a scene. Comments and white space are not tokens.
##
## Positions are indices into [member text], so that an edit replaces characters and keeps all others.

enum Kind {
	NAME,
	NUMBER,
	STRING,
	SIGN,
	## [code]$A/B[/code] or [code]%A[/code]: names of nodes.
	NODE_PATH,
	## No token: past the end of the text, or an unterminated string.
	NONE,
}

## A comment with this text excludes its line from the migration.
const KEEP := "lodewire: keep"

const OPENING := "([{"
const CLOSING := ")]}"

var text := ""
var count := 0

var _is_scene := false
var _kinds := PackedInt32Array()
var _begins := PackedInt32Array()
var _ends := PackedInt32Array()
var _words := PackedStringArray()
## The index of the bracket around each token, or -1.
var _around := PackedInt32Array()
## The index of the bracket that closes this one, or -1.
var _partners := PackedInt32Array()
var _open := PackedInt32Array()
var _line_begins := PackedInt32Array([0])
var _kept_lines := {}


## Reads a script.
static func of_script(source: String) -> RefCounted:
	var tokens: RefCounted = new()
	tokens._read(source)
	return tokens


## Reads a scene or a resource: comments begin with [code];[/code], and there are no paths of nodes outside strings.
static func of_scene(source: String) -> RefCounted:
	var tokens: RefCounted = new()
	tokens._is_scene = true
	tokens._read(source)
	return tokens


func kind(index: int) -> Kind:
	return _kinds[index] as Kind if index >= 0 and index < count else Kind.NONE


## The characters of a token; for a string, the text between its quotes as written.
func word(index: int) -> String:
	return _words[index] if index >= 0 and index < count else ""


func begin(index: int) -> int:
	return _begins[index]


func end(index: int) -> int:
	return _ends[index]


func is_name(index: int, name: String) -> bool:
	return kind(index) == Kind.NAME and _words[index] == name


func is_sign(index: int, sign: String) -> bool:
	return kind(index) == Kind.SIGN and _words[index] == sign


## The bracket around a token, or -1.
func around(index: int) -> int:
	return _around[index]


## The bracket that closes this one; the end of the text where none does.
func partner(open: int) -> int:
	return _partners[open] if _partners[open] >= 0 else count


## The arguments between a bracket and its partner: the first and the last token of each.
func arguments(open: int) -> Array[Vector2i]:
	var found: Array[Vector2i] = []
	var close := partner(open)
	var first := open + 1
	for index in range(open + 1, close + 1):
		if index == close or is_sign(index, ",") and _around[index] == open:
			if index > first:
				found.append(Vector2i(first, index - 1))
			first = index + 1
	return found


## The position of the first character of a string, after prefix and quotes.
func content_begin(index: int) -> int:
	return _ends[index] - (_ends[index] - _begins[index] - _words[index].length() - _prefix(index)) / 2 - _words[index].length()


## The number of the line of a character, from 1.
func line_of(at: int) -> int:
	return _line_begins.bsearch(at, false)


## The line as it is written, without its end and indentation.
func line_text(line: int) -> String:
	var from := _line_begins[line - 1]
	var to := _line_begins[line] if line < _line_begins.size() else text.length()
	return text.substr(from, to - from).strip_edges()


## Returns true if a comment excludes the line of this character.
func is_kept(at: int) -> bool:
	return _kept_lines.has(line_of(at))


func _prefix(index: int) -> int:
	return 0 if text[_begins[index]] in ["\"", "'"] else 1


func _read(source: String) -> void:
	text = source
	var from := text.find("\n")
	while from >= 0:
		_line_begins.append(from + 1)
		from = text.find("\n", from + 1)
	var at := 0
	var length := text.length()
	while at < length:
		at = _read_one(at)
	count = _kinds.size()


## Reads the token that begins here; returns the position of the next one.
func _read_one(at: int) -> int:
	var code := text.unicode_at(at)
	if code <= 32 or code == 92:
		# White space, and the backslash that continues a line.
		return at + 1
	var character := char(code)
	if character == (";" if _is_scene else "#"):
		return _skip_comment(at)
	if character == "\"" or character == "'" and not _is_scene:
		return _read_string(at, at)
	if _is_word(code) and not _is_digit(code):
		if character == "r" and not _is_scene and _is_quote(at + 1):
			return _read_string(at, at + 1)
		var past := _past_word(at)
		_add(Kind.NAME, at, past)
		return past
	if _is_digit(code):
		return _read_number(at)
	if (character in "&^@" and _is_quote(at + 1)) and (character != "@" or not _is_scene):
		return _read_string(at, at + 1)
	if not _is_scene and (character == "$" or character == "%" and _may_begin_value()):
		var past := _past_node_path(at)
		if past > at + 1:
			_add(Kind.NODE_PATH, at, past)
			return past
	_add(Kind.SIGN, at, at + 1)
	return at + 1


func _skip_comment(at: int) -> int:
	var past := text.find("\n", at)
	if past < 0:
		past = text.length()
	if text.substr(at, past - at).contains(KEEP):
		_kept_lines[line_of(at)] = true
	return past


## A string whose quotes begin at [param quote], and its prefix at [param at].
func _read_string(at: int, quote: int) -> int:
	var mark := text[quote]
	if not _is_scene and text.substr(quote, 3) == mark.repeat(3):
		mark = mark.repeat(3)
	var from := quote + mark.length()
	var past := from
	while past < text.length():
		# Also in a raw string, where the backslash stays, the quote after it does not end the string.
		if text.unicode_at(past) == 92:
			past += 2
		elif text.substr(past, mark.length()) == mark:
			_add(Kind.STRING, at, past + mark.length(), text.substr(from, past - from))
			return past + mark.length()
		else:
			past += 1
	# It is unterminated: nothing in it may be edited.
	_add(Kind.NONE, at, text.length())
	return text.length()


func _read_number(at: int) -> int:
	var past := _past_word(at)
	if past < text.length() and text[past] == "." and past + 1 < text.length() and _is_digit(text.unicode_at(past + 1)):
		past = _past_word(past + 1)
	_add(Kind.NUMBER, at, past)
	return past


## The end of [code]$A/B[/code], [code]$"A"[/code] or [code]%A[/code].
func _past_node_path(at: int) -> int:
	var past := at + 1
	while past < text.length():
		if text[past] == "%" and text[at] == "$":
			past += 1
		if _is_quote(past):
			var close := text.find(text[past], past + 1)
			return text.length() if close < 0 else close + 1
		var after := _past_word(past)
		if after == past:
			return past
		past = after
		if past >= text.length() or text[past] != "/" or text[at] == "%":
			return past
		past += 1
	return past


func _past_word(at: int) -> int:
	while at < text.length() and _is_word(text.unicode_at(at)):
		at += 1
	return at


## Returns true if a value may begin after the last token, so that [code]%[/code] is not an operator.
func _may_begin_value() -> bool:
	var last := _kinds.size() - 1
	if last < 0:
		return true
	match _kinds[last]:
		Kind.SIGN:
			return not _words[last] in [")", "]", "}"]
		Kind.NAME:
			return _words[last] in ["return", "in", "if", "elif", "while", "and", "or", "not", "await", "else", "match", "is"]
	return false


func _add(what: Kind, from: int, past: int, content := "") -> void:
	var characters := text.substr(from, past - from)
	var index := _kinds.size()
	_kinds.append(what)
	_begins.append(from)
	_ends.append(past)
	_words.append(content if what == Kind.STRING else characters)
	_partners.append(-1)
	if what == Kind.SIGN and CLOSING.contains(characters) and not _open.is_empty():
		_partners[_open[-1]] = index
		_open.remove_at(_open.size() - 1)
	_around.append(_open[-1] if not _open.is_empty() else -1)
	if what == Kind.SIGN and OPENING.contains(characters):
		_open.append(index)


func _is_quote(at: int) -> bool:
	return at < text.length() and (text[at] == "\"" or text[at] == "'" and not _is_scene)


static func _is_digit(code: int) -> bool:
	return code >= 48 and code <= 57


static func _is_word(code: int) -> bool:
	return code >= 97 and code <= 122 or code >= 65 and code <= 90 or code >= 48 and code <= 57 or code == 95 or code >= 128
