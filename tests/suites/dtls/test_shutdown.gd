extends "res://test_case.gd"
## An object informs the other side when it is freed or stopped, or when the game quits.

const Endpoints := preload("res://suites/dtls/endpoints.gd")
const ForeignProcessClass := preload("res://foreign_process.gd")

var endpoints: Endpoints
## The object to free. There is no other reference to it.
var going: Variant


func before_each() -> void:
	endpoints = Endpoints.new()


func after_each() -> void:
	going = null
	endpoints.close()


func test_a_freed_client_informs_the_server() -> void:
	for implementation: String in ["Lode", ""]:
		for own_socket: bool in [true, false]:
			for how: String in ["freed", "disconnected"]:
				var what := "%s, %s, told %sPacketPeerDTLS" % [how, "own socket" if own_socket else "the engine's", implementation]
				var port := endpoints.serve(implementation, Endpoints.options())
				if own_socket:
					going = LodePacketPeerDTLS.new()
					going.connect_to_host("127.0.0.1", port, Endpoints.NAME, TLSOptions.client(Endpoints.certificate("engine.crt")))
					endpoints.add(going)
				else:
					going = endpoints.join("Lode", port, TLSOptions.client(Endpoints.certificate("engine.crt")))
				check(await wait_until(endpoints.connected(going)), "it joins: " + what)
				check(await wait_until(func() -> bool:
					endpoints.pump()
					return endpoints.accepted.size() == 1 and endpoints.accepted[0].get_status() == PacketPeerDTLS.STATUS_CONNECTED
				), "the server knows: " + what)
				endpoints.remove(going)
				_end(how)
				check(await wait_until(_nobody_left), what)
				endpoints.close()


func test_a_freed_server_informs_its_clients() -> void:
	for implementation: String in ["Lode", ""]:
		for how: String in ["freed", "stopped"]:
			var what := "%s, told %sPacketPeerDTLS" % [how, implementation]
			going = LodeDTLSServer.new()
			var port := endpoints.listen(going, Endpoints.options())
			var client := endpoints.join(implementation, port, TLSOptions.client(Endpoints.certificate("engine.crt")))
			check(await wait_until(endpoints.connected(client)), "it joins: " + what)
			check(await wait_until(func() -> bool:
				endpoints.pump()
				return endpoints.accepted.size() == 1
			), "the server knows: " + what)
			var accepted := endpoints.accepted
			endpoints = Endpoints.new()
			endpoints.add(client)
			_end(how)
			# Freeing a server disconnects its clients, even if a script still holds them.
			check(await wait_until(endpoints.settled_to(client, PacketPeerDTLS.STATUS_DISCONNECTED)), what)
			accepted.clear()
			endpoints.close()


func test_a_quitting_game_informs_its_peers() -> void:
	var engine := godot()
	if engine.is_empty():
		return
	for hold: String in ["variable", "static"]:
		var game := _start(engine, hold, "--listen")
		var port := (await game.line_after("port ")).strip_edges().to_int()
		var client := endpoints.join("Lode", port, TLSOptions.client(Endpoints.certificate("engine.crt")))
		check(await wait_until(endpoints.connected(client)), "it joins: a server in a " + hold)
		# It quits when it has received this, after the test has seen it connect.
		client.put_packet([1])
		check(await wait_until(endpoints.settled_to(client, PacketPeerDTLS.STATUS_DISCONNECTED)), "a server in a " + hold)
		check_eq(await game.finished(), 0, "the game ends well")
		for how: String in ["host", "peer"]:
			port = endpoints.serve("Lode", Endpoints.options())
			game = _start(engine, hold, "--%s=%d" % [how, port])
			check(await wait_until(func() -> bool:
				endpoints.pump()
				return endpoints.accepted.size() == 1 and endpoints.accepted[0].get_status() == PacketPeerDTLS.STATUS_CONNECTED
			), "it joins: a client in a " + hold)
			endpoints.accepted[0].put_packet([1])
			check(await wait_until(_nobody_left), "a client in a %s, connect_to_%s" % [hold, how])
			check_eq(await game.finished(), 0, "the game ends well")
			endpoints.close()


func _start(engine: String, hold: String, what: String) -> ForeignProcessClass:
	return start_process(engine, PackedStringArray(["--headless", "--path", ProjectSettings.globalize_path("res://"),
			"-s", "res://suites/dtls/quitting_game.gd", "--", "--hold=" + hold, what]))


func _nobody_left() -> bool:
	endpoints.pump()
	return endpoints.accepted.is_empty()


func _end(how: String) -> void:
	match how:
		"disconnected":
			going.disconnect_from_peer()
		"stopped":
			going.stop()
	going = null
