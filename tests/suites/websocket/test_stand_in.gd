extends "res://test_case.gd"
## Our classes as a replacement of the engine's: the values that scripts branch on are the same, or documented in docs/migration.md.

const RawServer := preload("res://suites/websocket/raw_server.gd")

## The steps on an open connection: bytes of the server, or actions of the client.
var scenarios := {
	"the server closes": [RawServer.close_frame(4001, "bye")],
	"the server closes without a code": [RawServer.frame(0x88)],
	"the server vanishes": ["end"],
	"the server's answer is the same": [["close", 4002, "mine"], "await close", RawServer.close_frame(4002, "mine")],
	"the server answers something else": [["close", 4002, "mine"], "await close", RawServer.close_frame(4003, "theirs")],
	"the server answers without a code": [["close", 4002, "mine"], "await close", RawServer.frame(0x88)],
	"the server does not answer": [["close"], "await close", "end"],
	"the client drops": [["close", -1]],
	"the client drops with unread packets": [RawServer.frame(0x82, [1]), "await packet", ["close", -1]],
	"unread packets at a close": [
		RawServer.frame(0x82, [1]), "await packet", ["close"], "await close", RawServer.close_frame(1000),
	],
	"packets after a close": [
		["close"], "await close", RawServer.frame(0x82, [2]), RawServer.frame(0x81, [65]), RawServer.close_frame(1000),
	],
	"a message, then its end": [RawServer.frame(0x82, [1]), "await packet", ["get"], "end"],
	"a frame of an unknown kind": [RawServer.frame(0x83)],
	"a fragment of nothing": [RawServer.frame(0x80, [1])],
	"a close of one byte": [RawServer.frame(0x88, [3])],
	"a text that is not UTF-8": [RawServer.frame(0x81, [0xFF])],
	"a message over the limit": [RawServer.long_frame(70_000)],
}

## Intended differences, which docs/migration.md lists: the code of the engine's class, and of ours.
var differences := {
	"the server closes without a code": [0, 1005],
	"the server answers without a code": [0, 1005],
	"a close of one byte": [0, 1002],
}


func test_a_connection_ends_as_with_the_engine() -> void:
	for name: String in scenarios:
		for _late in 2:
			expect_error("ready_state != STATE_OPEN")
		var engines := await _play(name, Engines.new())
		var ours := await _play(name, Ours.new())
		if differences.has(name):
			check_eq([engines[0], ours[0]], differences[name], name)
			ours[0] = engines[0]
		check_eq(ours, engines, name)


## Runs a scenario with a client; returns the final state that a script sees.
func _play(name: String, client: Client) -> Array:
	var server := RawServer.new()
	client.connect_to(server.url())
	var opened := func() -> bool:
		client.poll()
		return server.poll() and client.state() == WebSocketPeer.STATE_OPEN
	if not check(await wait_until(opened), "it opens: " + name):
		return []
	for step: Variant in scenarios[name]:
		if step is PackedByteArray:
			server.send(step)
		elif step is Array and step[0] == "close":
			client.peer().callv("close", step.slice(1))
		elif step is Array and step[0] == "get":
			client.peer().get_packet()
		elif step == "end":
			server.end()
		elif step == "await close":
			check(await wait_until(func() -> bool:
				client.poll()
				server.poll()
				return not server.received.is_empty()
			), "the close comes: " + name)
		elif step == "await packet":
			check(await wait_until(func() -> bool:
				client.poll()
				return client.peer().get_available_packet_count() > 0
			), "the packet comes: " + name)
	check(await wait_until(func() -> bool:
		client.poll()
		server.poll()
		return client.state() == WebSocketPeer.STATE_CLOSED
	), "it ends: " + name)
	var peer: Variant = client.peer()
	# If this side closes by itself, the reason is its own.
	var reason: String = "" if peer.get_close_code() in [-1, 1002, 1007, 1009] else peer.get_close_reason()
	return [
		peer.get_close_code(), reason, peer.get_available_packet_count(), peer.send_text("late"), peer.put_packet([1]),
		peer.get_selected_protocol(), peer.get_current_outbound_buffered_amount(),
	]


func test_a_peer_that_was_never_connected() -> void:
	var seen: Array[Array] = []
	for peer: Variant in [WebSocketPeer.new(), LodeWebSocketPeer.new()]:
		if peer is WebSocketPeer:
			for _call in 4:
				expect_error("Condition")
		peer.close()
		seen.append([
			peer.get_ready_state(), peer.get_close_code(), peer.get_close_reason(), peer.get_selected_protocol(),
			peer.get_available_packet_count(), peer.send([1]), peer.send_text("x"), peer.put_packet([1]), peer.put_var("x"),
			peer.was_string_packet(), peer.get_current_outbound_buffered_amount(),
		])
	check_eq(seen[1], seen[0])


class Client:
	func connect_to(_url: String) -> void:
		pass

	func poll() -> void:
		pass

	func state() -> int:
		return peer().get_ready_state()

	func peer() -> Variant:
		return null


class Engines extends Client:
	var _peer := WebSocketPeer.new()

	func connect_to(url: String) -> void:
		_peer.connect_to_url(url)

	func poll() -> void:
		_peer.poll()

	func peer() -> Variant:
		return _peer


class Ours extends Client:
	var _client := LodeWebSocketClient.new()

	func connect_to(url: String) -> void:
		_client.set_buffers(64, 1024, 64, 1024)
		_client.connect_to_url(url)

	func poll() -> void:
		_client.poll()

	func state() -> int:
		return _client.get_peer(1).get_ready_state()

	func peer() -> Variant:
		return _client.get_peer(1)
