extends "res://test_case.gd"
## Godot 3's own NetworkedMultiplayerENet, packet by packet, in both roles.
##
## Godot 3's format of an ENet packet: source and destination, two 4-byte numbers (little-endian), then
## the game's bytes. Channel 0 is internal, for peers; channel 1 is reliable, 2 and 3 are not.

const Hosts := preload("res://suites/enet/hosts.gd")
const COMPRESSIONS := {
	"none": LodeENetConnection.COMPRESS_NONE,
	"range_coder": LodeENetConnection.COMPRESS_RANGE_CODER,
	"fastlz": LodeENetConnection.COMPRESS_FASTLZ,
	"zlib": LodeENetConnection.COMPRESS_ZLIB,
	"zstd": LodeENetConnection.COMPRESS_ZSTD,
}

var hosts: Hosts


func before_each() -> void:
	hosts = Hosts.new()


func test_godot_3_6_as_client() -> void:
	await _as_client(godot_3())


func test_godot_3_2_as_client() -> void:
	await _as_client(godot_3_2())


func _as_client(program: String) -> void:
	if program.is_empty():
		return
	for compression: String in COMPRESSIONS:
		var server := hosts.create("LodeENetConnection", 0, 8)
		server.compress(COMPRESSIONS[compression])
		var client := _start(program, "enet_client.gd", server.get_local_port(), compression)
		check(await _wait_until(func() -> bool: return hosts.count(server, 1) == 1), compression + ": it connects: " + client.output())
		if hosts.count(server, 1) == 0:
			return
		var id: int = hosts.of_type(server, 1)[0][2]
		var peer: LodeENetPacketPeer = hosts.of_type(server, 1)[0][1]
		check(await _wait_until(func() -> bool: return hosts.packets(server).size() == 3), compression + ": it sends: " + client.output())
		var got := hosts.of_type(server, 3)
		check_eq(got.map(func(event: Array) -> Array: return [event[3], event[2]]), [
			[1, _numbers([id, 1]) + "reliable".to_ascii_buffer()],
			[2, _numbers([id, 1]) + "unreliable".to_ascii_buffer()],
			[1, _numbers([id, 1]) + _long()],
		], compression)
		peer.send(1, _numbers([1, id]) + "welcome".to_ascii_buffer(), LodeENetPacketPeer.FLAG_RELIABLE)
		check(await _wait_until(func() -> bool: return hosts.count(server, 2) == 1), compression + ": it leaves")
		check(client.output().contains("got welcome from 1"), client.output())
		client.kill()
		hosts.remove(server)


func test_godot_3_6_as_server() -> void:
	await _as_server(godot_3())


func test_godot_3_2_as_server() -> void:
	await _as_server(godot_3_2())


func _as_server(program: String) -> void:
	if program.is_empty():
		return
	for compression: String in COMPRESSIONS:
		var port := Hosts.free_port()
		var server := _start(program, "enet_server.gd", port, compression)
		check(await wait_until(func() -> bool: return server.output().contains("listening")), "it starts: " + server.output())
		var client := hosts.create("LodeENetConnection")
		client.compress(COMPRESSIONS[compression])
		var id := 1234
		var peer: LodeENetPacketPeer = client.connect_to_host("127.0.0.1", port, 8, id)
		check(await _wait_until(func() -> bool: return hosts.count(client, 1) == 1), compression + ": it connects")
		peer.send(1, _numbers([id, 1]) + "hello".to_ascii_buffer(), LodeENetPacketPeer.FLAG_RELIABLE)
		peer.send(1, _numbers([id, 1]) + _long(), LodeENetPacketPeer.FLAG_RELIABLE)
		var echoed := func() -> bool: return hosts.packets(client).has(_numbers([1, id]) + _long())
		check(await _wait_until(echoed), compression + ": the packets come back: " + server.output())
		check(hosts.packets(client).has(_numbers([1, id]) + "hello".to_ascii_buffer()), compression)
		check(server.output().contains("joined 1234"), server.output())
		peer.peer_disconnect()
		check(await _wait_until(func() -> bool: return hosts.count(client, 2) == 1), compression + ": it leaves")
		check(await wait_until(func() -> bool: return server.output().contains("left 1234")), server.output())
		server.kill()
		hosts.remove(client)


## 20,000 bytes that can be compressed.
func _long() -> PackedByteArray:
	var bytes := PackedByteArray()
	bytes.resize(20_000)
	for index in bytes.size():
		bytes[index] = index % 13
	return bytes


func _numbers(numbers: Array) -> PackedByteArray:
	return PackedInt32Array(numbers).to_byte_array()


func _start(program: String, script: String, port: int, compression: String) -> ForeignProcess:
	var project := ProjectSettings.globalize_path("res://foreign/godot3")
	return start_process(program, ["--path", project, "-s", "res://" + script, "%d,%s" % [port, compression]])


func _wait_until(condition: Callable) -> bool:
	return await wait_until(func() -> bool:
		hosts.service()
		return condition.call()
	)
