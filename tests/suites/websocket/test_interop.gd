extends "res://test_case.gd"
## Clients that are not ours talk to a server scene.

const EchoServer := preload("res://suites/websocket/echo_server.gd")
const LENGTHS: Array[int] = [0, 1, 125, 126, 65_535, 65_536, 1_000_000]

var echo: EchoServer


func before_each() -> void:
	echo = EchoServer.new()
	add_child(echo)


func test_engine_client() -> void:
	var client := WebSocketPeer.new()
	client.inbound_buffer_size = 1 << 21
	client.outbound_buffer_size = 1 << 21
	check_eq(client.connect_to_url(echo.url()), OK)
	var is_open := func() -> bool:
		client.poll()
		return client.get_ready_state() == WebSocketPeer.STATE_OPEN
	if not check(await wait_until(is_open), "the client connects"):
		return
	var has_answer := func() -> bool:
		client.poll()
		return client.get_available_packet_count() > 0
	for length in LENGTHS:
		var bytes := PackedByteArray()
		bytes.resize(length)
		bytes.fill(7)
		check_eq(client.send(bytes), OK)
		if check(await wait_until(has_answer), "%d bytes come back" % length):
			check(client.get_packet() == bytes, "%d bytes come back unchanged" % length)
			check(not client.was_string_packet(), "as bytes")
		var text := "x".repeat(length)
		check_eq(client.send_text(text), OK)
		if check(await wait_until(has_answer), "text of %d comes back" % length):
			check(client.get_packet().get_string_from_utf8() == text, "text of %d is unchanged" % length)
			check(client.was_string_packet(), "as text")
	client.close(4000, "done")
	var is_closed := func() -> bool:
		client.poll()
		return client.get_ready_state() == WebSocketPeer.STATE_CLOSED and not echo.clean.is_empty()
	check(await wait_until(is_closed), "both see the end")
	check_eq(client.get_close_code(), 4000)
	check_eq(echo.clean, [true] as Array[bool])


func test_websockets_of_python() -> void:
	var program := python()
	if program != "":
		await _run(program, "echo_client.py")


func test_ws_of_node() -> void:
	var program := node()
	if program != "":
		await _run(program, "echo_client.js")


func _run(program: String, script: String) -> void:
	var path := ProjectSettings.globalize_path("res://suites/websocket/peers/" + script)
	var client := start_process(program, [path, echo.url()])
	check_eq(await client.finished(), 0, script)
	check_eq(client.output(), "all came back\n")
	check(await wait_until(func() -> bool: return echo.clean.size() == 1), "the server sees the end")
	check_eq(echo.clean, [true] as Array[bool])
