extends "res://test_case.gd"
## Nothing that should arrive is lost: order, ends, batches, heartbeats, stalls.

const EchoServer := preload("res://suites/websocket/echo_server.gd")
const RawClient := preload("res://suites/websocket/raw_client.gd")

var server: LodeWebSocketServer
var client: LodeWebSocketClient
var id := 0


func before_each() -> void:
	server = LodeWebSocketServer.new()
	server.bind_ip = "127.0.0.1"
	client = LodeWebSocketClient.new()


func test_batch() -> void:
	if not await _join():
		return
	var to_server := client.get_peer(1)
	for index in 100:
		to_server.put_packet([index])
	var peer := server.get_peer(id)
	check(await _wait_until(func() -> bool: return peer.get_available_packet_count() == 100), "all arrive")
	var packets := peer.get_packets()
	check_eq(packets.size(), 100)
	for index in packets.size():
		check_eq(packets[index], PackedByteArray([index]))
	check_eq(peer.get_available_packet_count(), 0)
	check_eq(peer.get_packets(), [] as Array[PackedByteArray])
	check_eq(peer.was_string_packet(), false)
	to_server.send_text("x")
	check(await _wait_until(func() -> bool: return peer.get_available_packet_count() == 1), "text arrives")
	check_eq(peer.get_packets().size(), 1)
	check_eq(peer.was_string_packet(), true)


func test_answers_go_out_before_the_close() -> void:
	check_eq(server.listen(0), OK)
	server.client_connected.connect(func(who: int, _protocol: String) -> void: id = who)
	# A peer that closes discards further messages, so the client must not close.
	var raw := RawClient.new()
	raw.connect_to(server.get_local_port())
	var polled := func(done: Callable) -> bool:
		server.poll()
		raw.poll()
		return done.call()
	check(await wait_until(polled.bind(func() -> bool: return id != 0)), "it joins")
	var peer := server.get_peer(id)
	raw.send(0x82, [1])
	raw.send(0x82, [2])
	raw.send(0x88, [0x0F, 0xA0])
	# This game reads after the poll, and answers then.
	check(await wait_until(polled.bind(func() -> bool: return peer.get_ready_state() == LodeWebSocketPeer.STATE_CLOSING)), "it closes")
	for packet in peer.get_packets():
		check_eq(peer.put_packet(packet), OK)
	var wanted := PackedByteArray([0x82, 1, 1, 0x82, 1, 2, 0x88, 2, 0x0F, 0xA0])
	check(await wait_until(polled.bind(func() -> bool: return raw.received.size() >= wanted.size())), "the answers arrive")
	check_eq(raw.received, wanted, "before the close")
	check_eq(peer.put_packet([1]), FAILED)


func test_unread_packets_stay() -> void:
	server.close_timeout = 0.1
	if not await _join():
		return
	var seen: Array[int] = []
	server.client_disconnected.connect(func(who: int, clean: bool) -> void:
		check(clean, "a clean end")
		seen.append(server.get_peer(who).get_available_packet_count())
	)
	var peer := server.get_peer(id)
	client.get_peer(1).send_text("one")
	client.get_peer(1).send_text("two")
	client.disconnect_from_host()
	check(await _wait_until(func() -> bool: return seen.size() == 1), "it ends, though nobody reads")
	check_eq(seen, [2] as Array[int])
	check_eq(peer.get_packet().get_string_from_utf8(), "one")
	check_eq(peer.get_packet().get_string_from_utf8(), "two")


func test_a_message_over_the_limit_closes_both_sides_with_1009() -> void:
	server.set_buffers(1, 16, 64, 64)
	if not await _join():
		return
	var peer := server.get_peer(id)
	var to_server := client.get_peer(1)
	var bytes := PackedByteArray()
	bytes.resize(1024)
	to_server.put_packet(bytes)
	bytes.resize(1025)
	to_server.put_packet(bytes)
	check(await _wait_until(func() -> bool:
		if peer.get_available_packet_count() > 0:
			check_eq(peer.get_packet().size(), 1024, "what fits arrives")
		return to_server.get_ready_state() == LodeWebSocketPeer.STATE_CLOSED
	), "it is closed")
	for end: LodeWebSocketPeer in [peer, to_server]:
		check_eq(end.get_close_code(), 1009)
		check(end.get_close_reason().contains("over the limit of 1024 bytes"), end.get_close_reason())


func test_peer_that_does_not_read() -> void:
	server.set_buffers(64, 64, 256, 64)
	if not await _join():
		return
	var program := python()
	if program.is_empty():
		return
	var path := ProjectSettings.globalize_path("res://suites/websocket/peers/never_reads.py")
	start_process(program, [path, str(server.get_local_port())])
	check(await _wait_until(func() -> bool: return server.get_peers().size() == 2), "it comes in")
	var slow := server.get_peer(server.get_peers()[0] if server.get_peers()[0] != id else server.get_peers()[1])
	var bytes := PackedByteArray()
	bytes.resize(50_000)
	var results: Array[Error] = []
	check(await _wait_until(func() -> bool:
		results.append(slow.put_packet(bytes))
		return results.back() != OK
	), "at last it is refused")
	check_eq(results.back(), ERR_OUT_OF_MEMORY)
	check_le(slow.get_current_outbound_buffered_amount(), 256 << 10)
	check_eq(slow.get_ready_state(), LodeWebSocketPeer.STATE_OPEN, "it stays")
	# A broadcast leaves it out, and the other is served.
	check_eq(server.broadcast(bytes), 1)
	check(await _wait_until(func() -> bool: return client.get_peer(1).get_available_packet_count() == 1), "the other is served")
	check_eq(client.get_peer(1).get_packet().size(), 50_000)


func test_peer_that_does_not_read_may_be_dropped() -> void:
	server.set_buffers(64, 64, 64, 64)
	server.disconnect_on_overflow = true
	if not await _join():
		return
	var bytes := PackedByteArray()
	bytes.resize(100_000)
	var clean: Array[bool] = []
	server.client_disconnected.connect(func(_id: int, was_clean: bool) -> void: clean.append(was_clean))
	check_eq(server.get_peer(id).put_packet(bytes), ERR_OUT_OF_MEMORY)
	check(await _wait_until(func() -> bool: return clean.size() == 1), "it is dropped")
	check_eq(clean, [false] as Array[bool])


func test_heartbeat() -> void:
	# A client that cannot answer within two of these intervals is considered dead.
	server.heartbeat_interval = 1.0
	client.heartbeat_interval = 1.0
	if not await _join():
		return
	var peer := server.get_peer(id)
	check_eq(peer.get_round_trip_time(), -1.0)
	check(await _wait_until(func() -> bool: return (
		peer.get_round_trip_time() > 0.0 and client.get_peer(1).get_round_trip_time() > 0.0
	)), "both measure")
	# A client that connects, and sends nothing more.
	var dead := StreamPeerTCP.new()
	dead.connect_to_host("127.0.0.1", server.get_local_port())
	check(await wait_until(func() -> bool:
		dead.poll()
		return dead.get_status() == StreamPeerTCP.STATUS_CONNECTED
	), "it dials")
	dead.put_data(("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		+ "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").to_utf8_buffer())
	check(await _wait_until(func() -> bool: return server.get_peers().size() == 2), "it comes in")
	check(await _wait_until(func() -> bool: return server.get_peers().size() == 1), "it is found dead")
	check(server.has_peer(id), "the other lives")


func test_a_stalled_game_loses_no_client() -> void:
	check_eq(server.listen(0), OK)
	var program := python()
	if program.is_empty():
		return
	var path := ProjectSettings.globalize_path("res://suites/websocket/peers/pings.py")
	var process := start_process(program, [path, "ws://127.0.0.1:%d" % server.get_local_port()])
	check(await _wait_until(func() -> bool: return server.get_peers().size() == 1), "it comes in")
	# A level is loaded: no poll for eight seconds. The client gives up on a server that is silent for five.
	OS.delay_msec(8000)
	var peer := server.get_peer(server.get_peers()[0])
	check(await _wait_until(func() -> bool: return peer.get_available_packet_count() > 0), "it is still there")
	check_eq(peer.get_packet().get_string_from_utf8(), "I am here")
	peer.send_text("go on")
	check_eq(await process.finished(), 0)
	check_eq(process.output(), "go on\n")


func test_invalid_properties_are_rejected() -> void:
	for property: Array in [
		["heartbeat_interval", -1.0], ["close_timeout", -1.0], ["close_timeout", INF], ["deflate_threshold", -1],
		["deflate_window_bits", 8], ["deflate_window_bits", 16], ["max_clients", 0], ["max_pending_requests", 0],
	]:
		var other := LodeWebSocketServer.new()
		other.set(property[0], property[1])
		expect_error(property[0])
		check_eq(other.listen(0), ERR_INVALID_PARAMETER, property[0])


## Connects the client.
func _join() -> bool:
	check_eq(server.listen(0), OK)
	check_eq(client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port()), OK)
	var joined := await _wait_until(func() -> bool: return (
		server.get_peers().size() == 1 and client.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED
	))
	if check(joined, "the client comes in"):
		id = server.get_peers()[0]
	return joined


func _wait_until(done: Callable) -> bool:
	return await wait_until(func() -> bool:
		server.poll()
		client.poll()
		return done.call()
	)
