extends "res://test_case.gd"
## The order of one poll, and what handlers may do in it.

const SIGNALS: Array[String] = ["client_connected", "data_received", "client_close_request", "client_disconnected"]

var server: LodeWebSocketServer
var clients: Array[WebSocketPeer] = []
## The emitted signals, in order.
var emitted: Array[String] = []


func before_each() -> void:
	server = LodeWebSocketServer.new()
	server.bind_ip = "127.0.0.1"
	check_eq(server.listen(0), OK)


func test_order_of_one_poll() -> void:
	_record(server)
	var client := await _connect_client()
	check_eq(emitted, ["client_connected"] as Array[String])
	client.send_text("one")
	client.send_text("two")
	client.close(4001, "bye")
	# The game is busy: everything is queued for one poll.
	await _settle()
	check_eq(emitted.size(), 1, "nothing is emitted without a poll")
	server.poll()
	check_eq(emitted, [
		"client_connected", "data_received one", "data_received two",
		"client_close_request 4001 bye", "client_disconnected true",
	] as Array[String])


func test_first_data_comes_a_poll_after_the_connection() -> void:
	_record(server)
	var client := WebSocketPeer.new()
	clients.append(client)
	client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port())
	var is_open := func() -> bool:
		client.poll()
		return client.get_ready_state() == WebSocketPeer.STATE_OPEN
	check(await wait_until(is_open), "the handshake needs no poll of the server")
	client.send_text("early")
	await _settle()
	server.poll()
	check_eq(emitted, ["client_connected"] as Array[String])
	server.poll()
	check_eq(emitted, ["client_connected", "data_received early"] as Array[String])


func test_peers_come_in_the_order_of_their_ids() -> void:
	var reported: Array[int] = []
	server.data_received.connect(func(id: int) -> void: reported.append(id))
	for _i in 8:
		await _connect_client()
	for client in clients:
		client.send_text("x")
	await _settle()
	server.poll()
	check_eq(reported.size(), 8)
	var sorted := reported.duplicate()
	sorted.sort()
	check_eq(reported, sorted)
	for id in reported:
		check(id > 1, "ids are positive, and none is the server's")


func test_own_close_is_clean_when_the_client_answers() -> void:
	var clean: Array[bool] = []
	server.client_disconnected.connect(func(_id: int, was_clean: bool) -> void: clean.append(was_clean))
	server.client_connected.connect(func(id: int, _p: String) -> void: server.disconnect_peer(id, 4002, "out"))
	var client := await _connect_client()
	var is_over := func() -> bool:
		server.poll()
		client.poll()
		return clean.size() == 1 and client.get_ready_state() == WebSocketPeer.STATE_CLOSED
	check(await wait_until(is_over), "the client is sent away")
	check_eq(clean, [true] as Array[bool])
	check_eq(client.get_close_code(), 4002)
	check_eq(client.get_close_reason(), "out")


func test_a_peer_is_available_in_client_disconnected_with_its_packets() -> void:
	var seen: Array = []
	server.client_disconnected.connect(func(id: int, _clean: bool) -> void:
		seen.append(server.has_peer(id))
		seen.append(server.get_peer(id).is_connected_to_host())
		seen.append(server.get_peer(id))
	)
	var client := await _connect_client()
	client.send_text("unread")
	client.close()
	var is_over := func() -> bool:
		client.poll()
		server.poll()
		return seen.size() == 3
	check(await wait_until(is_over), "the client leaves")
	check_eq(seen.slice(0, 2), [true, false])
	var peer: LodeWebSocketPeer = seen[2]
	check_eq(peer.get_available_packet_count(), 1)
	check_eq(peer.get_packet().get_string_from_utf8(), "unread")


func test_handler_may_stop_the_server() -> void:
	for name in SIGNALS:
		await _provoke(name, func(_id: int) -> void: server.stop())
		check(not server.is_listening(), "stopped in " + name)


func test_handler_may_disconnect_the_peer() -> void:
	for name in SIGNALS:
		await _provoke(name, func(id: int) -> void: server.disconnect_peer(id))
		check(server.is_listening(), "listens after " + name)


func test_handler_may_force_the_peer_out() -> void:
	for name in SIGNALS:
		await _provoke(name, func(id: int) -> void: (server as MultiplayerPeer).disconnect_peer(id, true))
		check(server.is_listening(), "listens after " + name)


func test_handler_may_poll_again() -> void:
	for name in SIGNALS:
		await _provoke(name, func(_id: int) -> void: server.poll())
		check(server.is_listening(), "listens after " + name)


func test_handler_may_drop_the_last_reference() -> void:
	for name in SIGNALS:
		var watched: WeakRef = weakref(server)
		await _provoke(name, func(_id: int) -> void: server = null)
		await wait_frames(2)
		check(watched.get_ref() == null, "freed after " + name)


## Lets a new server emit the signal, with a handler that does something once.
func _provoke(name: String, action: Callable) -> void:
	server = LodeWebSocketServer.new()
	server.bind_ip = "127.0.0.1"
	server.listen(0)
	clients.clear()
	var called := [0]
	var handler := func(id: int) -> void:
		called[0] += 1
		if called[0] == 1:
			action.call(id)
	match name:
		"client_connected", "client_disconnected":
			server.connect(name, func(id: int, _more: Variant) -> void: handler.call(id))
		"client_close_request":
			server.connect(name, func(id: int, _code: int, _reason: String) -> void: handler.call(id))
		_:
			server.connect(name, handler)
	var client := WebSocketPeer.new()
	clients.append(client)
	client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port())
	var sent := [false]
	var is_called := func() -> bool:
		client.poll()
		if client.get_ready_state() == WebSocketPeer.STATE_OPEN and not sent[0]:
			sent[0] = true
			client.send_text("hello")
			client.close()
		if server != null:
			server.poll()
		return called[0] > 0
	check(await wait_until(is_called), name + " is emitted")
	for _frame in 5:
		client.poll()
		await wait_frames(1)
	if server != null:
		server.poll()


func _record(of: LodeWebSocketServer) -> void:
	of.client_connected.connect(func(_id: int, _p: String) -> void: emitted.append("client_connected"))
	of.data_received.connect(func(id: int) -> void:
		var text := of.get_peer(id).get_packet().get_string_from_utf8()
		emitted.append("data_received " + text)
	)
	of.client_close_request.connect(func(_id: int, code: int, reason: String) -> void:
		emitted.append("client_close_request %d %s" % [code, reason])
	)
	of.client_disconnected.connect(func(_id: int, clean: bool) -> void:
		emitted.append("client_disconnected %s" % clean)
	)


func _connect_client() -> WebSocketPeer:
	var client := WebSocketPeer.new()
	clients.append(client)
	client.connect_to_url("ws://127.0.0.1:%d" % server.get_local_port())
	var connected := [false]
	server.client_connected.connect(func(_id: int, _p: String) -> void: connected[0] = true, CONNECT_ONE_SHOT)
	var is_open := func() -> bool:
		client.poll()
		server.poll()
		return client.get_ready_state() != WebSocketPeer.STATE_CONNECTING and connected[0]
	check(await wait_until(is_open), "a client connects")
	return client


## Has the server receive what the clients have sent, without a poll of it, which would show it. One thread serves all servers,
## and each connection once a turn: when messages of another connection have come three times, each sent after the last has
## come, the first turn is over.
func _settle() -> void:
	for client in clients:
		client.poll()
	var other := LodeWebSocketServer.new()
	other.bind_ip = "127.0.0.1"
	check_eq(other.listen(0), OK)
	var reported := []
	other.data_received.connect(func(id: int) -> void: reported.append(id))
	var witness := WebSocketPeer.new()
	witness.connect_to_url("ws://127.0.0.1:%d" % other.get_local_port())
	for count in 3:
		var sent := [false]
		check(await wait_until(func() -> bool:
			for client in clients:
				client.poll()
			witness.poll()
			if witness.get_ready_state() == WebSocketPeer.STATE_OPEN and not sent[0]:
				sent[0] = true
				witness.send_text("still here")
			other.poll()
			return reported.size() > count
		), "the thread of the servers goes on")
