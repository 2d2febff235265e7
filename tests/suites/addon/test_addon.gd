extends "res://test_case.gd"
## The addon as it is unpacked: which of its libraries the engine loads, and how large that is.

const EXTENSION := "res://addons/lodewire/lodewire.gdextension"

## A typed script for the engine's classes, of which only the names of types are ours.
const TYPED := """
extends RefCounted

func set_up(peer: LodeENetMultiplayerPeer) -> LodeENetPacketPeer:
	var host := peer.host
	host.compress(ENetConnection.COMPRESS_RANGE_CODER)
	host.compress(LodeENetConnection.COMPRESS_NONE)
	print(host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA))
	var found := peer.get_peer(1)
	return found

func look_at(peer: LodeENetPacketPeer) -> bool:
	print(peer.get_statistic(ENetPacketPeer.PEER_PACKET_LOSS))
	match peer.get_state():
		ENetPacketPeer.STATE_DISCONNECTED:
			return false
	return peer.get_state() == ENetPacketPeer.STATE_CONNECTED

func wait_for(host: LodeENetConnection) -> bool:
	var event := host.service()
	var type: ENetConnection.EventType = event[0]
	return type == ENetConnection.EVENT_RECEIVE

func write(peer: LodeWebSocketPeer) -> void:
	peer.set_write_mode(WebSocketPeer.WRITE_MODE_TEXT)
	peer.send(PackedByteArray(), WebSocketPeer.WRITE_MODE_TEXT)
	if peer.get_ready_state() == WebSocketPeer.STATE_OPEN:
		print(peer.get_ready_state())

func status_of(peer: LodePacketPeerDTLS) -> bool:
	return peer.get_status() == PacketPeerDTLS.STATUS_CONNECTED
"""


func test_extension_is_loaded() -> void:
	check(GDExtensionManager.is_extension_loaded(EXTENSION), EXTENSION + " is loaded")


## The editor, and debug templates, load the debug entry; release templates the other one.
## Only the debug entry has the editor's help, and assertions.
func test_library_of_the_build_is_loaded() -> void:
	if OS.get_name() != "Linux":
		skip("only Linux tells which files a process has loaded")
		return
	var wanted := "bin/linux.%s.%s/liblodewire.so" % [
		"debug" if OS.is_debug_build() else "release", Engine.get_architecture_name()
	]
	var loaded := _loaded_libraries()
	check_eq(loaded.size(), 1, "libraries of the addon that are loaded: %s" % [loaded])
	check(loaded.size() > 0 and loaded[0].ends_with(wanted), "%s is loaded: %s" % [wanted, loaded])


## The script with Godot 3's class name has an extension that the engine does not load.
func test_script_with_the_old_name_compiles() -> void:
	var text := FileAccess.get_file_as_string("res://addons/lodewire/websocket_server.gd.txt")
	check(text.contains("class_name WebSocketServer\n"), "it has the old name")
	var script := GDScript.new()
	script.source_code = text
	if check_eq(script.reload(), OK):
		var server: Object = script.new()
		check(server is LodeWebSocketServer, "it is our server")
		check_eq(server.bind_ip, "*")


## The values of our enums are the engine's, and parameters take both.
func test_typed_script_with_the_enums_of_the_engine_compiles() -> void:
	var script := GDScript.new()
	script.source_code = TYPED
	check_eq(script.reload(), OK)
	var host := LodeENetConnection.new()
	check_eq(host.create_host_bound("127.0.0.1", 0, 1), OK)
	host.compress(ENetConnection.COMPRESS_RANGE_CODER)
	check_eq(host.pop_statistic(ENetConnection.HOST_TOTAL_SENT_DATA), 0.0)
	host.destroy()


## The mapped files of the process with the name of our library.
func _loaded_libraries() -> PackedStringArray:
	var found := PackedStringArray()
	# Line by line: the system reports a length of 0 for this file.
	var maps := FileAccess.open("/proc/self/maps", FileAccess.READ)
	while maps != null and not maps.eof_reached():
		var line := maps.get_line()
		var path := line.substr(line.find("/")) if line.contains("/") else ""
		if path.get_file() == "liblodewire.so" and not found.has(path):
			found.append(path)
	return found
