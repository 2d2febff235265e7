extends "res://test_case.gd"
## Godot 3's own WebSocketClient at our server.

const EchoServer := preload("res://suites/websocket/echo_server.gd")


func test_messages_and_a_close() -> void:
	var program := godot_3()
	if program.is_empty():
		return
	var echo := EchoServer.new()
	echo.protocols = ["a"]
	add_child(echo)
	var client := _start(program, "echo_client.gd", echo.url())
	check_eq(await client.finished(), 0)
	check_eq(_said(client), PackedStringArray([
		"established a", "text grüße True", "close request 4003 bye", "closed True",
	]))
	check(await wait_until(func() -> bool: return echo.clean.size() == 1), "the end is reported")
	check_eq(echo.clean, [true] as Array[bool])


func test_multiplayer() -> void:
	var program := godot_3()
	if program.is_empty():
		return
	var server := LodeWebSocketServer.new()
	server.godot_3_protocol = true
	check_eq(server.listen(0, [], true), OK)
	var ids: Array[int] = []
	var gone: Array[int] = []
	server.peer_connected.connect(func(id: int) -> void: ids.append(id))
	server.peer_disconnected.connect(func(id: int) -> void: gone.append(id))
	var packets: Array[String] = []
	var polled := func(done: Callable) -> bool:
		server.poll()
		while server.get_available_packet_count() > 0:
			var from := server.get_packet_peer()
			packets.append("%d %s" % [from, server.get_packet().get_string_from_utf8()])
		return done.call()
	var url := "ws://127.0.0.1:%d" % server.get_local_port()
	var one := _start(program, "multiplayer_client.gd", url)
	check(await wait_until(polled.bind(func() -> bool: return packets.size() == 1)), "the first joins: " + one.output())
	var two := _start(program, "multiplayer_client.gd", url)
	check(await wait_until(polled.bind(func() -> bool: return packets.size() == 2)), "the second joins: " + two.output())
	if ids.size() != 2:
		return
	check_eq(packets, ["%d hello 1" % ids[0], "%d hello 1" % ids[1]] as Array[String])
	# Each has greeted the other, relayed by the server.
	var greeting := "packet %d hello %d"
	var greeted := func() -> bool: return (
		one.output().contains(greeting % [ids[1], ids[0]]) and two.output().contains(greeting % [ids[0], ids[1]])
	)
	check(await wait_until(polled.bind(greeted)), "they greet each other: " + one.output() + two.output())
	server.set_target_peer(0)
	server.put_packet("to all".to_utf8_buffer())
	server.set_target_peer(ids[0])
	server.put_packet("leave".to_utf8_buffer())
	check(await wait_until(polled.bind(func() -> bool: return gone.has(ids[0]))), "the first leaves")
	check(await wait_until(polled.bind(func() -> bool: return two.output().contains("gone %d" % ids[0]))), "the second is reported")
	check(one.output().contains("packet 1 to all\npacket 1 leave\n"), one.output())
	check(two.output().contains("packet 1 to all\n"), two.output())
	for line: String in ["id %d" % ids[1], "peer 1", "peer %d" % ids[0]]:
		check(two.output().contains(line + "\n"), two.output())


func _start(program: String, script: String, url: String) -> ForeignProcess:
	var project := ProjectSettings.globalize_path("res://foreign/godot3")
	return start_process(program, ["--path", project, "-s", "res://" + script, url])


## The script's output, without the engine's header.
func _said(client: ForeignProcess) -> PackedStringArray:
	var lines := PackedStringArray()
	for line in client.output().split("\n", false):
		for word: String in ["established", "text", "close", "no connection", "message"]:
			if line.begins_with(word):
				lines.append(line)
	return lines
