extends RefCounted
## The changes in one script, and the places to check by hand.

const Tokens := preload("tokens.gd")
const Names := preload("names.gd")

## Calls with a string that is printed, or that is the name of a node.
const PLAIN_TEXT: Array[String] = [
	"print", "prints", "printerr", "print_rich", "print_debug", "push_error", "push_warning", "printt", "printraw", "get_node",
	"get_node_or_null", "has_node", "find_child", "find_node", "tr", "assert", "add_autoload_singleton", "add_custom_type",
]

## A replacement: its begin and end, and the text.
class Edit:
	var begin: int
	var end: int
	var text: String

	func _init(from: int, to: int, replacement: String) -> void:
		begin = from
		end = to
		text = replacement


## A place to check by hand.
class Look:
	var at: int
	var reason: String

	func _init(where: int, why: String) -> void:
		at = where
		reason = why


## Facts about the project that decide about names that it may declare itself.
class Project:
	## Names of GODOT_3 that the project declares, and the place.
	var declared := {}
	## The same for single scripts, by their path, including inherited declarations.
	var inherited := {}
	## True if `WebSocketPeer` may be a peer of Lodewire's server or client in this project, and if it may be the engine's.
	var has_socket_owners := false
	var makes_sockets := false


var edits: Array[Edit] = []
var looks: Array[Look] = []

var _tokens: Tokens
var _project: Project
var _own := {}
var _classes := {}
var _makes_sockets := false


## Reads a script of a project, with the names that it inherits.
func read(tokens: Tokens, project: Project, inherited := {}) -> void:
	_tokens = tokens
	_project = project
	_own = own_names(tokens)
	_own.merge(inherited)
	_makes_sockets = makes_sockets(tokens)
	_find_classes()
	for index in tokens.count:
		if tokens.is_kept(tokens.begin(index)):
			continue
		match tokens.kind(index):
			Tokens.Kind.NAME:
				if tokens.is_sign(index - 1, "."):
					_read_member(index)
				else:
					_read_class(index)
			Tokens.Kind.STRING:
				_read_string(index)
	edits.sort_custom(func(one: Edit, other: Edit) -> bool:
		return one.begin < other.begin or one.begin == other.begin and one.end < other.end)


## The text with all edits.
static func apply(text: String, all: Array[Edit]) -> String:
	var parts := PackedStringArray()
	var from := 0
	for edit in all:
		if edit.begin < from:
			# The surrounding text has been replaced as a whole.
			continue
		parts.append(text.substr(from, edit.begin - from))
		parts.append(edit.text)
		from = edit.end
	parts.append(text.substr(from))
	return "".join(parts)


## The names that a script declares itself: there they do not refer to the engine's classes.
static func own_names(tokens: Tokens) -> Dictionary:
	var own := {}
	for index in tokens.count:
		var name := tokens.word(index)
		if tokens.kind(index) == Tokens.Kind.NAME and (Names.RENAMED.has(name) or name == Names.SOCKET) and _is_declared(tokens, index):
			own[name] = true
	return own


## The `class_name` of a script, or "".
static func global_name(tokens: Tokens) -> String:
	for index in tokens.count:
		if tokens.is_name(index, "class_name"):
			return tokens.word(index + 1)
	return ""


## Returns true if a script may have the engine's WebSocketPeers: it creates, extends or passes on the class, or has the peers of
## a WebSocketMultiplayerPeer.
static func makes_sockets(tokens: Tokens) -> bool:
	for index in tokens.count:
		if tokens.kind(index) == Tokens.Kind.STRING:
			if tokens.word(index) == Names.SOCKET and tokens.is_sign(index - 1, "(") and tokens.is_name(index - 4, "ClassDB"):
				return true
			continue
		if tokens.is_sign(index - 1, "."):
			continue
		if tokens.is_name(index, Names.SOCKET_MULTIPLAYER):
			return true
		if not tokens.is_name(index, Names.SOCKET):
			continue
		if tokens.is_name(index - 1, "extends") or tokens.is_sign(index + 1, ".") and tokens.is_name(index + 2, "new"):
			return true
		# The class as a value, as in `const Peer = WebSocketPeer`.
		if tokens.is_sign(index - 1, "=") and not tokens.is_sign(index + 1, "."):
			return true
	return false


## Returns true if a script contains the name of a class.
static func names_one_of(tokens: Tokens, types: Array[String]) -> bool:
	for index in tokens.count:
		if tokens.kind(index) == Tokens.Kind.NAME and tokens.word(index) in types and not tokens.is_sign(index - 1, "."):
			return true
	return false


static func _is_declared(tokens: Tokens, index: int) -> bool:
	if tokens.word(index - 1) in ["var", "const", "func", "class", "class_name", "enum", "signal", "for"]:
		return tokens.kind(index - 1) == Tokens.Kind.NAME
	var open := tokens.around(index)
	if open < 0 or not (tokens.is_sign(index - 1, "(") or tokens.is_sign(index - 1, ",") or tokens.is_sign(index - 1, "{")):
		return false
	# A parameter: `func f(NAME`. A value of an enum: `enum { NAME` or `enum E { NAME`.
	for back in [1, 2]:
		if tokens.is_name(open - back, "func") or tokens.is_name(open - back, "enum"):
			return true
	return false


func _edit(from: int, to: int, text: String) -> void:
	edits.append(Edit.new(from, to, text))


func _look(index: int, reason: String) -> void:
	looks.append(Look.new(_tokens.begin(index), reason))


func _rename(index: int, text: String) -> void:
	_edit(_tokens.begin(index), _tokens.end(index), text)


func _is_own(name: String) -> bool:
	return _own.has(name) or _project.declared.has(name)


## Handles a name that is not a member, which may be a class.
func _read_class(index: int) -> void:
	var name := _tokens.word(index)
	if name == Names.SOCKET:
		_read_socket(index)
		return
	if not Names.RENAMED.has(name) or _is_own(name) or _is_key(index):
		return
	var renamed: String = Names.RENAMED[name]
	if _tokens.is_sign(index + 1, ".") and _tokens.kind(index + 2) == Tokens.Kind.NAME:
		var member := _tokens.word(index + 2)
		for prefix: String in Names.MOVED_CONSTANTS:
			if member.begins_with(prefix):
				renamed = Names.MOVED_CONSTANTS[prefix]
		if not _has_member(renamed, member):
			_look(index, Names.NO_SUCH_MEMBER % [renamed, member])
	_rename(index, renamed)


func _read_socket(index: int) -> void:
	if not _project.has_socket_owners or _is_own(Names.SOCKET) or _is_key(index):
		return
	if _tokens.is_sign(index + 1, ".") and _tokens.is_name(index + 2, "new"):
		return
	if not _project.makes_sockets:
		_rename(index, Names.LODE_SOCKET)
	elif names_one_of(_tokens, Names.SOCKET_OWNERS):
		# Constants are the same numbers in both.
		if _makes_sockets and not _tokens.is_sign(index + 1, "."):
			_look(index, Names.EITHER_SOCKET)
		elif not _makes_sockets:
			_rename(index, Names.LODE_SOCKET)
	elif not _makes_sockets and not _tokens.is_sign(index + 1, "."):
		# Peers of either kind may come from another script.
		_look(index, Names.EITHER_SOCKET)


## Returns true for a Lua-style dictionary key, or a declaration.
func _is_key(index: int) -> bool:
	if _is_declared(_tokens, index):
		return true
	var open := _tokens.around(index)
	return (
		open >= 0 and _tokens.is_sign(open, "{") and _tokens.is_sign(index + 1, "=") and not _tokens.is_sign(index + 2, "=")
		and (index - 1 == open or _tokens.is_sign(index - 1, ","))
	)


func _has_member(type: String, member: String) -> bool:
	if member in ["new", "callv", "call"] or not ClassDB.class_exists(type):
		return true
	return (
		ClassDB.class_has_integer_constant(type, member) or ClassDB.class_has_enum(type, member)
		or ClassDB.class_has_method(type, member)
	)


## Handles a name after a dot.
func _read_member(index: int) -> void:
	var member := _tokens.word(index)
	if _is_tree(index - 2):
		_read_member_of_tree(index, member)
		return
	if member == "connect":
		_read_connect(index, false)
		return
	if member == "accept_stream" and names_one_of(_tokens, [Names.SOCKET]):
		_look(index, Names.ACCEPT_STREAM)
		return
	var types: Array = _types_before(index)
	if types.is_empty() and member == "close_connection":
		_look(index, Names.CLOSE_CONNECTION)
	for type: String in types:
		var reasons: Dictionary = Names.LOOK.get(type, {})
		if reasons.has(member):
			_look(index, reasons[member])
			return
	if types.size() != 1 or not _is_call(index):
		return
	match types[0]:
		"LodeENetMultiplayerPeer":
			_read_call_of_enet(index, member)
		"LodePacketPeerDTLS":
			if member == "connect_to_peer":
				_read_connect_to_peer(index)
		"LodeDTLSServer":
			if member == "setup":
				_read_setup(index)


## Handles methods of Godot 3's NetworkedMultiplayerENet.
func _read_call_of_enet(index: int, member: String) -> void:
	var open := index + 1
	var arguments := _tokens.arguments(open)
	match member:
		"close_connection":
			var close := _tokens.begin(_tokens.partner(open))
			if _tokens.line_of(close) != _tokens.line_of(_tokens.begin(index)):
				# Between the lines there may be comments.
				_look(index, Names.CLOSE_CONNECTION)
			else:
				_edit(_tokens.begin(index), close, "close(")
		"get_peer_address", "get_peer_port":
			if arguments.size() == 1:
				_rename(index, "get_peer")
				var end := _tokens.end(_tokens.partner(open))
				_edit(end, end, ".get_remote_address()" if member == "get_peer_address" else ".get_remote_port()")
		"set_peer_timeout":
			if arguments.size() == 4:
				_rename(index, "get_peer")
				var begin := _tokens.end(arguments[0].y)
				var end := _tokens.begin(arguments[1].x)
				var is_one_line := _tokens.line_of(begin) == _tokens.line_of(end)
				_edit(begin, end if is_one_line else _tokens.end(arguments[1].x - 1), ").set_timeout(")


## Godot 3's second argument enables verification; Godot 4's is the host name.
func _read_connect_to_peer(index: int) -> void:
	var arguments := _tokens.arguments(index + 1)
	var is_flag := (
		arguments.size() > 1 and arguments[1].x == arguments[1].y and _tokens.word(arguments[1].x) in ["true", "false"]
		and _tokens.kind(arguments[1].x) == Tokens.Kind.NAME
	)
	if arguments.size() == 1 or is_flag:
		_rename(index, "connect_to_peer_godot_3")


func _read_setup(index: int) -> void:
	var open := index + 1
	match _tokens.arguments(open).size():
		2:
			_edit(_tokens.end(open), _tokens.end(open), "TLSOptions.server(")
			var close := _tokens.begin(_tokens.partner(open))
			_edit(close, close, ")")
		3:
			_look(index, Names.DTLS_CHAIN)


## Returns true if a token ends `get_tree()`.
func _is_tree(index: int) -> bool:
	return (
		_tokens.is_sign(index, ")") and _tokens.is_sign(index - 1, "(") and _tokens.is_name(index - 2, "get_tree")
		and not _tokens.is_sign(index - 3, ".")
	)


func _read_member_of_tree(index: int, member: String) -> void:
	if Names.OF_TREE.has(member):
		_rename(index, "get_multiplayer()." + Names.OF_TREE[member])
	elif Names.SIGNALS_OF_TREE.has(member) and _tokens.is_sign(index + 1, "."):
		_rename(index, "get_multiplayer()." + Names.SIGNALS_OF_TREE[member])
	elif member == "multiplayer":
		_rename(index, "get_multiplayer()")
	elif member in ["connect", "disconnect", "is_connected"]:
		_read_connect(index, true)


## Handles Godot 3's `connect("signal", object, "method")`, and the signals of its SceneTree.
func _read_connect(index: int, of_tree: bool) -> void:
	var open := index + 1
	if not _is_call(index):
		return
	var arguments := _tokens.arguments(open)
	if arguments.is_empty() or not _is_string(arguments[0]):
		return
	var first := arguments[0].x
	var signal_name := _tokens.word(first)
	if of_tree and Names.SIGNALS_OF_TREE.has(signal_name):
		_edit(_tokens.begin(index), _tokens.begin(index), "get_multiplayer().")
		var renamed: String = Names.SIGNALS_OF_TREE[signal_name]
		if renamed != signal_name:
			_edit(_tokens.content_begin(first), _tokens.content_begin(first) + signal_name.length(), renamed)
	elif of_tree:
		return
	if not signal_name in Names.SIGNALS:
		return
	if not of_tree:
		_look_at_signal(index, signal_name)
	if arguments.size() < 3 or not _is_string(arguments[2]):
		return
	if arguments.size() > 3:
		_look(index, Names.CALLED_WITHOUT_OBJECT)
		return
	_edit(_tokens.begin(arguments[1].x), _tokens.begin(arguments[1].x), "Callable(")
	_edit(_tokens.end(arguments[2].y), _tokens.end(arguments[2].y), ")")


## Handles `peer.connect("server_disconnected", …)` for a signal that the class no longer has.
func _look_at_signal(index: int, signal_name: String) -> void:
	for type: String in _types_before(index):
		var reasons: Dictionary = Names.LOOK.get(type, {})
		if reasons.has(signal_name):
			_look(index, reasons[signal_name])


## Returns true if a name is called, with balanced parentheses.
func _is_call(index: int) -> bool:
	return _tokens.is_sign(index + 1, "(") and _tokens.partner(index + 1) < _tokens.count


func _is_string(argument: Vector2i) -> bool:
	return argument.x == argument.y and _tokens.kind(argument.x) == Tokens.Kind.STRING


## Handles a string with the name of a class: as an argument of ClassDB's methods and similar ones it refers to the class.
func _read_string(index: int) -> void:
	var name := _tokens.word(index)
	if not Names.RENAMED.has(name) or _is_own(name):
		return
	var open := _tokens.around(index)
	var call := _tokens.word(open - 1) if open >= 0 and _tokens.is_sign(open, "(") else ""
	var is_first := open >= 0 and index == open + 1
	if is_first and (call == "is_class" or _tokens.is_name(open - 3, "ClassDB")) or _is_compared(index):
		var begin := _tokens.content_begin(index)
		_edit(begin, begin + name.length(), Names.RENAMED[name])
	elif not call in PLAIN_TEXT and not _is_node_index(index):
		_look(index, Names.NAME_IN_STRING)


## Returns true for `x.get_class() == "NAME"`, in either order.
func _is_compared(index: int) -> bool:
	var is_equal := func(at: int) -> bool:
		return _tokens.is_sign(at, "=") and (_tokens.is_sign(at - 1, "=") or _tokens.is_sign(at - 1, "!"))
	if is_equal.call(index - 1):
		return _tokens.is_sign(index - 3, ")") and _tokens.is_name(index - 5, "get_class")
	if is_equal.call(index + 2):
		for after in range(index + 3, index + 12):
			if _tokens.is_name(after, "get_class"):
				return _tokens.line_of(_tokens.begin(after)) == _tokens.line_of(_tokens.begin(index))
	return false


## Returns true for a key, `name["NAME"]` or `{"NAME": …}`.
func _is_node_index(index: int) -> bool:
	var open := _tokens.around(index)
	return open >= 0 and (_tokens.is_sign(open, "{") and _tokens.is_sign(index + 1, ":"))


## The classes that the variable before `.member` may have, each under its name in Lodewire.
func _types_before(index: int) -> Array:
	var variable := index - 2
	if _tokens.kind(variable) != Tokens.Kind.NAME:
		if _tokens.is_sign(variable, ")") and _tokens.is_name(variable - 2, "get_host"):
			return ["LodeENetConnection"]
		return []
	if _tokens.is_sign(variable - 1, "."):
		if _tokens.is_name(variable, "host"):
			return ["LodeENetConnection"]
		if not _tokens.is_name(variable - 2, "self"):
			return []
	return (_classes.get(_tokens.word(variable), {}) as Dictionary).keys()


## Finds the classes of the variables.
func _find_classes() -> void:
	for index in _tokens.count:
		var name := _tokens.word(index)
		var is_type := _tokens.kind(index) == Tokens.Kind.NAME and not _tokens.is_sign(index - 1, ".")
		var is_string := _tokens.kind(index) == Tokens.Kind.STRING
		if not Names.CLASS_OF.has(name) or _is_own(name) or not (is_type or is_string):
			continue
		var variable := -1
		if is_string:
			if _tokens.is_sign(index - 1, "(") and _tokens.is_name(index - 4, "ClassDB"):
				variable = _assigned(index - 5)
		elif _tokens.is_sign(index - 1, ":"):
			variable = index - 2
		elif _tokens.is_name(index - 1, "as"):
			variable = _assigned_before(index - 1)
		elif _tokens.is_sign(index + 1, ".") and _tokens.is_name(index + 2, "new"):
			variable = _assigned(index - 1)
		if _tokens.kind(variable) == Tokens.Kind.NAME:
			var types: Dictionary = _classes.get_or_add(_tokens.word(variable), {})
			types[Names.CLASS_OF[name]] = true


## The variable that the `=` at this position assigns to, or -1.
func _assigned(at: int) -> int:
	if not _tokens.is_sign(at, "="):
		return -1
	if _tokens.is_sign(at - 1, ":"):
		return at - 2
	var is_typed := _tokens.is_sign(at - 2, ":") and _tokens.word(at - 4) in ["var", "const"]
	return at - 3 if is_typed else at - 1


## The same for an expression that ends here.
func _assigned_before(at: int) -> int:
	var line := _tokens.line_of(_tokens.begin(at))
	while at >= 0 and _tokens.line_of(_tokens.begin(at)) == line:
		if _tokens.is_sign(at, "="):
			return _assigned(at)
		at -= 1
	return -1
