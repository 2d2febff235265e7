extends "res://test_case.gd"
## Compares the classes with the documentation: each name, argument, type, default, const flag, property and signal.
##
## The tables are written from the documentation: Godot 3's WebSocketServer, its base WebSocketMultiplayerPeer (get_peer,
## set_buffers) and WebSocketPeer, and for the names of Godot 4 its WebSocketPeer. ClassDB has the actual members.

const SERVER := "LodeWebSocketServer"
const PEER := "LodeWebSocketPeer"

const SERVER_METHODS: Array[String] = [
	"disconnect_peer(id: int, code: int = 1000, reason: String = \"\") -> void",
	"get_peer(peer_id: int) -> LodeWebSocketPeer const",
	"get_peer_address(id: int) -> String const",
	"get_peer_port(id: int) -> int const",
	"has_peer(id: int) -> bool const",
	"is_listening() -> bool const",
	"listen(port: int, protocols: PackedStringArray = PackedStringArray(), gd_mp_api: bool = false) -> Error",
	"set_buffers(input_buffer_size_kb: int, input_max_packets: int, output_buffer_size_kb: int, output_max_packets: int) -> Error",
	"stop() -> void",
	"set_bind_ip(value: String) -> void",
	"get_bind_ip() -> String const",
	"set_ca_chain(value: X509Certificate) -> void",
	"get_ca_chain() -> X509Certificate const",
	"set_handshake_timeout(value: float) -> void",
	"get_handshake_timeout() -> float const",
	"set_private_key(value: CryptoKey) -> void",
	"get_private_key() -> CryptoKey const",
	"set_ssl_certificate(value: X509Certificate) -> void",
	"get_ssl_certificate() -> X509Certificate const",
	# Of its bases in Godot 3.
	"set_extra_headers(headers: PackedStringArray = PackedStringArray()) -> void",
	# Additions to the documentation.
	"get_local_port() -> int const",
	"broadcast(message: PackedByteArray, write_mode: int = 1, except: PackedInt32Array = PackedInt32Array()) -> int",
	"get_peers() -> PackedInt32Array const",
	"get_permessage_deflate() -> bool const",
	"set_permessage_deflate(permessage_deflate: bool) -> void",
	"get_deflate_threshold() -> int const",
	"set_deflate_threshold(deflate_threshold: int) -> void",
	"get_deflate_window_bits() -> int const",
	"set_deflate_window_bits(deflate_window_bits: int) -> void",
	"get_deflate_context_takeover() -> bool const",
	"set_deflate_context_takeover(deflate_context_takeover: bool) -> void",
	"get_heartbeat_interval() -> float const",
	"set_heartbeat_interval(heartbeat_interval: float) -> void",
	"get_close_timeout() -> float const",
	"set_close_timeout(close_timeout: float) -> void",
	"get_disconnect_on_overflow() -> bool const",
	"set_disconnect_on_overflow(disconnect_on_overflow: bool) -> void",
	"get_max_clients() -> int const",
	"set_max_clients(max_clients: int) -> void",
	"get_hold_requests() -> bool const",
	"set_hold_requests(hold_requests: bool) -> void",
	"get_max_pending_requests() -> int const",
	"set_max_pending_requests(max_pending_requests: int) -> void",
	"get_allowed_origins() -> PackedStringArray const",
	"set_allowed_origins(allowed_origins: PackedStringArray) -> void",
	"get_allow_missing_origin() -> bool const",
	"set_allow_missing_origin(allow_missing_origin: bool) -> void",
	"get_allow_null_origin() -> bool const",
	"set_allow_null_origin(allow_null_origin: bool) -> void",
	"get_godot_3_protocol() -> bool const",
	"set_godot_3_protocol(godot_3_protocol: bool) -> void",
	"get_proxy_header() -> LodeWebSocketServer.ProxyHeader const",
	"set_proxy_header(value: LodeWebSocketServer.ProxyHeader) -> void",
	"get_trusted_proxies() -> PackedStringArray const",
	"set_trusted_proxies(trusted_proxies: PackedStringArray) -> void",
	"get_health_path() -> String const",
	"set_health_path(health_path: String) -> void",
	"get_health_timeout() -> float const",
	"set_health_timeout(health_timeout: float) -> void",
	"get_draining() -> bool const",
	"set_draining(value: bool) -> void",
	"get_reuse_port() -> bool const",
	"set_reuse_port(reuse_port: bool) -> void",
]

const SERVER_PROPERTIES: Array[String] = [
	"bind_ip: String = \"*\"",
	"ca_chain: X509Certificate = null",
	"handshake_timeout: float = 3.0",
	"private_key: CryptoKey = null",
	"ssl_certificate: X509Certificate = null",
	# Additions to the documentation.
	"permessage_deflate: bool = false",
	"deflate_threshold: int = 256",
	"deflate_window_bits: int = 15",
	"deflate_context_takeover: bool = true",
	"heartbeat_interval: float = 0.0",
	"close_timeout: float = 1.0",
	"disconnect_on_overflow: bool = false",
	"max_clients: int = 4096",
	"hold_requests: bool = false",
	"max_pending_requests: int = 256",
	"allowed_origins: PackedStringArray = PackedStringArray()",
	"allow_missing_origin: bool = true",
	"allow_null_origin: bool = false",
	"godot_3_protocol: bool = false",
	"proxy_header: int of LodeWebSocketServer.ProxyHeader = 0",
	"trusted_proxies: PackedStringArray = PackedStringArray()",
	"health_path: String = \"\"",
	"health_timeout: float = 60.0",
	"draining: bool = false",
	"reuse_port: bool = false",
]

const SERVER_SIGNALS: Array[String] = [
	"client_close_request(id: int, code: int, reason: String)",
	"client_connected(id: int, protocol: String)",
	"client_disconnected(id: int, was_clean_close: bool)",
	"data_received(id: int)",
	"peer_packet(peer_source: int)",
	# Additions to the documentation.
	"client_request(request: LodeWebSocketRequest)",
]

const PEER_METHODS: Array[String] = [
	"close(code: int = 1000, reason: String = \"\") -> void",
	"get_connected_host() -> String const",
	"get_connected_port() -> int const",
	"get_current_outbound_buffered_amount() -> int const",
	"get_write_mode() -> LodeWebSocketPeer.WriteMode const",
	"is_connected_to_host() -> bool const",
	"set_no_delay(enabled: bool) -> void",
	"set_write_mode(mode: int) -> void",
	"was_string_packet() -> bool const",
	# Godot 4's names.
	"get_close_code() -> int const",
	"get_close_reason() -> String const",
	"get_ready_state() -> LodeWebSocketPeer.State const",
	"get_selected_protocol() -> String const",
	"send(message: PackedByteArray, write_mode: int = 1) -> Error",
	"send_text(message: String) -> Error",
	# Additions to the documentation.
	"get_packets() -> Array",
	"get_request() -> LodeWebSocketRequest const",
	"get_round_trip_time() -> float const",
]

const CLIENT_METHODS: Array[String] = [
	"connect_to_url(url: String, protocols: PackedStringArray = PackedStringArray(), gd_mp_api: bool = false, custom_headers: PackedStringArray = PackedStringArray()) -> Error",
	"disconnect_from_host(code: int = 1000, reason: String = \"\") -> void",
	"get_connected_host() -> String const",
	"get_connected_port() -> int const",
	"get_peer(peer_id: int) -> LodeWebSocketPeer const",
	"set_buffers(input_buffer_size_kb: int, input_max_packets: int, output_buffer_size_kb: int, output_max_packets: int) -> Error",
	# Additions to the documentation.
	"get_error_message() -> String const",
	"get_response_reason() -> String const",
	"get_response_code() -> int const",
	"is_verify_ssl_enabled() -> bool const",
	"set_verify_ssl_enabled(enabled: bool) -> void",
]

const CLIENT_SIGNALS: Array[String] = [
	"connection_closed(was_clean_close: bool)",
	"connection_error()",
	"connection_established(protocol: String)",
	"data_received()",
	"server_close_request(code: int, reason: String)",
	# Of its bases in Godot 3.
	"connection_failed()",
	"connection_succeeded()",
	"peer_packet(peer_source: int)",
	"server_disconnected()",
]

const CLIENT_PROPERTIES: Array[String] = [
	"trusted_ssl_certificate: X509Certificate = null",
	"verify_ssl: bool = true",
	# Additions to the documentation.
	"close_timeout: float = 1.0",
	"deflate_context_takeover: bool = true",
	"deflate_threshold: int = 256",
	"deflate_window_bits: int = 15",
	"disconnect_on_overflow: bool = false",
	"godot_3_protocol: bool = false",
	"handshake_timeout: float = 10.0",
	"heartbeat_interval: float = 0.0",
	"permessage_deflate: bool = false",
]

const REQUEST_METHODS: Array[String] = [
	"accept(extra_headers: PackedStringArray = PackedStringArray()) -> Error",
	"get_address() -> String const",
	"get_header(name: String) -> String const",
	"get_headers() -> PackedStringArray const",
	"get_origin() -> String const",
	"get_path() -> String const",
	"get_port() -> int const",
	"get_protocols() -> PackedStringArray const",
	"get_query() -> String const",
	"is_pending() -> bool const",
	"refuse(status: int = 403, reason: String = \"\") -> Error",
]

const PEER_ENUMS := {
	"WriteMode": { "WRITE_MODE_TEXT": 0, "WRITE_MODE_BINARY": 1 },
	"State": { "STATE_CONNECTING": 0, "STATE_OPEN": 1, "STATE_CLOSING": 2, "STATE_CLOSED": 3 },
}


func test_server_is_a_multiplayer_peer() -> void:
	check_eq(ClassDB.get_parent_class(SERVER), "MultiplayerPeerExtension")
	check(LodeWebSocketServer.new() is MultiplayerPeer, "it is a MultiplayerPeer")


func test_server_methods() -> void:
	_check_lines(_methods(SERVER), SERVER_METHODS)


func test_server_properties() -> void:
	_check_lines(_properties(SERVER), SERVER_PROPERTIES)


func test_server_signals() -> void:
	_check_lines(_signals(SERVER), SERVER_SIGNALS)


func test_client() -> void:
	check_eq(ClassDB.get_parent_class("LodeWebSocketClient"), "MultiplayerPeerExtension")
	_check_lines(_signals("LodeWebSocketClient"), CLIENT_SIGNALS)
	var properties: Array[String] = []
	var accessors: Array[String] = []
	for property in ClassDB.class_get_property_list("LodeWebSocketClient", true):
		if property.usage & PROPERTY_USAGE_CATEGORY:
			continue
		var default: Variant = ClassDB.class_get_property_default_value("LodeWebSocketClient", property.name)
		properties.append("%s: %s = %s" % [property.name, _type(property), var_to_str(default)])
		accessors.append("set_%s(%s: %s) -> void" % [property.name, property.name, _type(property)])
		accessors.append("get_%s() -> %s const" % [property.name, _type(property)])
	_check_lines(properties, CLIENT_PROPERTIES)
	# Getters and setters are part of their properties.
	var methods := _methods("LodeWebSocketClient").filter(func(line: String) -> bool: return not accessors.has(line))
	_check_lines(methods, CLIENT_METHODS)


func test_request() -> void:
	check_eq(ClassDB.get_parent_class("LodeWebSocketRequest"), "RefCounted")
	check(not ClassDB.can_instantiate("LodeWebSocketRequest"), "only a server makes one")
	_check_lines(_methods("LodeWebSocketRequest"), REQUEST_METHODS)


func test_peer_is_a_packet_peer() -> void:
	check_eq(ClassDB.get_parent_class(PEER), "PacketPeerExtension")
	check(LodeWebSocketPeer.new() is PacketPeer, "it is a PacketPeer")


func test_peer_methods() -> void:
	_check_lines(_methods(PEER), PEER_METHODS)


func test_peer_has_no_properties_and_signals() -> void:
	_check_lines(_properties(PEER), [])
	_check_lines(_signals(PEER), [])


func test_peer_enums() -> void:
	check_eq(Array(ClassDB.class_get_enum_list(PEER, true)).size(), PEER_ENUMS.size())
	for name: String in PEER_ENUMS:
		var constants: Dictionary = PEER_ENUMS[name]
		check_eq(Array(ClassDB.class_get_enum_constants(PEER, name, true)).size(), constants.size(), name)
		for constant: String in constants:
			check_eq(ClassDB.class_get_integer_constant_enum(PEER, constant), name, constant)
			check_eq(ClassDB.class_get_integer_constant(PEER, constant), constants[constant], constant)
	var state: LodeWebSocketPeer.State = LodeWebSocketPeer.new().get_ready_state()
	check_eq(state, LodeWebSocketPeer.STATE_CLOSED, "an enum of the class is a type")


func _check_lines(got: Array[String], wanted: Array[String]) -> void:
	for line in wanted:
		check(got.has(line), "missing: " + line)
	for line in got:
		check(wanted.has(line), "not in the documents: " + line)
	check_eq(got.size(), wanted.size())


func _methods(of: String) -> Array[String]:
	var lines: Array[String] = []
	for method in ClassDB.class_get_method_list(of, true):
		# The engine's own virtual methods begin with an underscore.
		if method.name.begins_with("_"):
			continue
		var line := "%s(%s) -> %s" % [method.name, _arguments(method.args, method.default_args), _type(method.return)]
		lines.append(line + (" const" if method.flags & METHOD_FLAG_CONST else ""))
	return lines


func _properties(of: String) -> Array[String]:
	var lines: Array[String] = []
	for property in ClassDB.class_get_property_list(of, true):
		if property.usage & (PROPERTY_USAGE_CATEGORY | PROPERTY_USAGE_GROUP | PROPERTY_USAGE_SUBGROUP):
			continue
		check_eq(ClassDB.class_get_property_setter(of, property.name), "set_" + property.name)
		check_eq(ClassDB.class_get_property_getter(of, property.name), "get_" + property.name)
		var default: Variant = ClassDB.class_get_property_default_value(of, property.name)
		lines.append("%s: %s = %s" % [property.name, _type(property), var_to_str(default)])
	return lines


func _signals(of: String) -> Array[String]:
	var lines: Array[String] = []
	for of_class in ClassDB.class_get_signal_list(of, true):
		lines.append("%s(%s)" % [of_class.name, _arguments(of_class.args, [])])
	return lines


func _arguments(arguments: Array, defaults: Array) -> String:
	var texts := PackedStringArray()
	var first_default := arguments.size() - defaults.size()
	for index in arguments.size():
		var text := "%s: %s" % [arguments[index].name, _type(arguments[index])]
		if index >= first_default:
			text += " = " + var_to_str(defaults[index - first_default])
		texts.append(text)
	return ", ".join(texts)


func _type(of: Dictionary) -> String:
	var class_of: String = of.class_name
	match of.type:
		TYPE_NIL:
			return "Variant" if of.usage & PROPERTY_USAGE_NIL_IS_VARIANT else "void"
		TYPE_OBJECT:
			return class_of
		TYPE_INT when of.usage & PROPERTY_USAGE_CLASS_IS_ENUM:
			return class_of
	# A class name without an object or an enum is not documented.
	return type_string(of.type) + ("" if class_of.is_empty() else " of " + class_of)
