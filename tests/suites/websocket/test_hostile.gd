extends "res://test_case.gd"
## Clients that violate the protocol get a clear response, and do not affect the others.

const EchoServer := preload("res://suites/websocket/echo_server.gd")
const UPGRADE := "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	+ "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

var echo: EchoServer


func before_each() -> void:
	echo = EchoServer.new()
	add_child(echo)


func test_garbage() -> void:
	var client := await _dial()
	client.put_data("\u0016\u0003 what is this\r\n\r\n".to_utf8_buffer())
	await _check_answer(client, "HTTP/1.1 400 Bad Request\r\n")


func test_half_a_handshake_and_silence() -> void:
	echo.server.handshake_timeout = 2.0
	var start := Time.get_ticks_msec()
	var client := await _dial()
	client.put_data(UPGRADE.left(60).to_utf8_buffer())
	await _check_answer(client, "HTTP/1.1 408 Request Timeout\r\n")
	check_ge(Time.get_ticks_msec() - start, 2000)


func test_header_of_ten_megabytes() -> void:
	var client := await _dial()
	client.put_data(UPGRADE.trim_suffix("\r\n").to_utf8_buffer())
	client.put_data("X-Long: ".to_utf8_buffer())
	var piece := "a".repeat(100_000).to_utf8_buffer()
	var sent := 0
	while sent < 10_000_000 and client.get_status() == StreamPeerTCP.STATUS_CONNECTED:
		var result := client.put_partial_data(piece)
		if result[0] != OK:
			break
		sent += result[1]
		if result[1] == 0:
			await wait_frames(1)
		client.poll()
		if client.get_available_bytes() > 0:
			break
	await _check_answer(client, "HTTP/1.1 431 Request Header Fields Too Large\r\n")


func test_frame_that_claims_two_to_the_63() -> void:
	var client := await _dial()
	client.put_data(UPGRADE.to_utf8_buffer())
	check(await wait_until(func() -> bool: return echo.connected.size() == 1), "it connects")
	client.put_data([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4] as PackedByteArray)
	check(await wait_until(func() -> bool: return echo.clean.size() == 1), "it is dropped")
	check_eq(echo.clean, [false] as Array[bool])


func test_message_over_the_limit_closes_with_1009() -> void:
	var codes: Array[int] = []
	echo.server.client_disconnected.connect(
		func(id: int, _clean: bool) -> void: codes.append(echo.server.get_peer(id).get_close_code())
	)
	var client := WebSocketPeer.new()
	client.outbound_buffer_size = 1 << 22
	client.connect_to_url(echo.url())
	var has_state := func(state: WebSocketPeer.State) -> bool:
		client.poll()
		return client.get_ready_state() == state
	check(await wait_until(has_state.bind(WebSocketPeer.STATE_OPEN)), "it connects")
	var bytes := PackedByteArray()
	bytes.resize((1 << 20) + 1)
	client.send(bytes)
	check(await wait_until(has_state.bind(WebSocketPeer.STATE_CLOSED)), "it is closed")
	check_eq(client.get_close_code(), 1009)
	check(await wait_until(func() -> bool: return codes.size() == 1), "the game is reported")
	check_eq(codes, [1009] as Array[int])


func test_others_are_served_meanwhile() -> void:
	var silent: Array[StreamPeerTCP] = []
	for _i in 100:
		var client := StreamPeerTCP.new()
		client.connect_to_host("127.0.0.1", echo.port())
		silent.append(client)
	var client := WebSocketPeer.new()
	client.connect_to_url(echo.url())
	var is_open := func() -> bool:
		client.poll()
		return client.get_ready_state() == WebSocketPeer.STATE_OPEN
	check(await wait_until(is_open), "a client connects beside a hundred silent ones")
	client.close()
	check_eq(silent.size(), 100)


func test_ten_thousand_half_open_handshakes() -> void:
	var program := python()
	if program.is_empty():
		return
	var before := resident_bytes()
	var path := ProjectSettings.globalize_path("res://suites/websocket/peers/half_open.py")
	var flood := start_process(program, [path, str(echo.port()), "10000"])
	check(await wait_until(func() -> bool: return flood.output().begins_with("open")), "they come: " + flood.output())
	# Others are served meanwhile.
	var client := WebSocketPeer.new()
	client.connect_to_url(echo.url())
	check(await wait_until(func() -> bool:
		client.poll()
		return client.get_ready_state() == WebSocketPeer.STATE_OPEN
	), "another comes in")
	client.send_text("hello")
	check(await wait_until(func() -> bool:
		client.poll()
		return client.get_available_packet_count() == 1
	), "and is served")
	# 4096 are kept at once.
	check_lt(resident_bytes() - before, 24 << 20)
	flood.kill()


func test_invalid_utf8_in_a_later_frame() -> void:
	var codes: Array[int] = []
	echo.server.client_disconnected.connect(
		func(id: int, _clean: bool) -> void: codes.append(echo.server.get_peer(id).get_close_code())
	)
	var client := await _dial()
	client.put_data(UPGRADE.to_utf8_buffer())
	check(await wait_until(func() -> bool: return echo.connected.size() == 1), "it connects")
	# A character in two frames is valid; the following byte is not, and the message is not complete.
	client.put_data([0x01, 0x81, 0, 0, 0, 0, 0xC3] as PackedByteArray)
	client.put_data([0x00, 0x82, 0, 0, 0, 0, 0xA9, 0xFF] as PackedByteArray)
	check(await wait_until(func() -> bool: return codes.size() == 1), "it is dropped")
	check_eq(codes, [1007] as Array[int])


func _dial() -> StreamPeerTCP:
	var client := StreamPeerTCP.new()
	client.connect_to_host("127.0.0.1", echo.port())
	var is_connected_now := func() -> bool:
		client.poll()
		return client.get_status() == StreamPeerTCP.STATUS_CONNECTED
	check(await wait_until(is_connected_now), "the socket connects")
	return client


func _check_answer(client: StreamPeerTCP, start: String) -> void:
	var answer := [""]
	var has_answer := func() -> bool:
		client.poll()
		var available := client.get_available_bytes()
		if available > 0:
			answer[0] += client.get_utf8_string(available)
		return answer[0].contains("\r\n\r\n")
	check(await wait_until(has_answer), "an answer comes")
	check(answer[0].begins_with(start), "%s: %s" % [start.strip_edges(), answer[0]])
