extends "res://test_case.gd"
## An object that goes tells the other side: freed or stopped, or when the game quits.

const Ends := preload("res://suites/dtls/ends.gd")
const ForeignProcessClass := preload("res://foreign_process.gd")

var ends: Ends
## What goes. There is no other reference to it.
var going: Variant


func before_each() -> void:
	ends = Ends.new()


func after_each() -> void:
	going = null
	ends.close()


func test_a_client_that_goes_says_goodbye() -> void:
	for make: String in ["Lode", ""]:
		for own_socket: bool in [true, false]:
			for how: String in ["freed", "disconnected"]:
				var what := "%s, %s, told %sPacketPeerDTLS" % [how, "own socket" if own_socket else "the engine's", make]
				var port := ends.serve(make, Ends.options())
				if own_socket:
					going = LodePacketPeerDTLS.new()
					going.connect_to_host("127.0.0.1", port, Ends.NAME, TLSOptions.client(Ends.certificate("engine.crt")))
					ends.add(going)
				else:
					going = ends.join("Lode", port, TLSOptions.client(Ends.certificate("engine.crt")))
				check(await until(ends.connected(going)), "it joins: " + what)
				check(await until(func() -> bool:
					ends.pump()
					return ends.accepted.size() == 1 and ends.accepted[0].get_status() == PacketPeerDTLS.STATUS_CONNECTED
				), "the server knows: " + what)
				ends.remove(going)
				_end(how)
				check(await until(_nobody_left), what)
				ends.close()


func test_a_server_that_goes_says_goodbye() -> void:
	for make: String in ["Lode", ""]:
		for how: String in ["freed", "stopped"]:
			var what := "%s, told %sPacketPeerDTLS" % [how, make]
			going = LodeDTLSServer.new()
			var port := ends.listen(going, Ends.options())
			var client := ends.join(make, port, TLSOptions.client(Ends.certificate("engine.crt")))
			check(await until(ends.connected(client)), "it joins: " + what)
			check(await until(func() -> bool:
				ends.pump()
				return ends.accepted.size() == 1
			), "the server knows: " + what)
			var accepted := ends.accepted
			ends = Ends.new()
			ends.add(client)
			_end(how)
			# A server that goes ends its clients, also those that a script still holds.
			check(await until(ends.settled_to(client, PacketPeerDTLS.STATUS_DISCONNECTED)), what)
			accepted.clear()
			ends.close()


func test_a_game_that_quits_says_goodbye() -> void:
	var engine := godot()
	if engine.is_empty():
		return
	for hold: String in ["variable", "static"]:
		var game := _start(engine, hold, "--listen")
		var port := (await game.line_after("port ")).strip_edges().to_int()
		var client := ends.join("Lode", port, TLSOptions.client(Ends.certificate("engine.crt")))
		check(await until(ends.connected(client)), "it joins: a server in a " + hold)
		# It goes when it has heard this, and not before it is known that it was there.
		client.put_packet([1])
		check(await until(ends.settled_to(client, PacketPeerDTLS.STATUS_DISCONNECTED)), "a server in a " + hold)
		check_eq(await game.finished(), 0, "the game ends well")
		for how: String in ["host", "peer"]:
			port = ends.serve("Lode", Ends.options())
			game = _start(engine, hold, "--%s=%d" % [how, port])
			check(await until(func() -> bool:
				ends.pump()
				return ends.accepted.size() == 1 and ends.accepted[0].get_status() == PacketPeerDTLS.STATUS_CONNECTED
			), "it joins: a client in a " + hold)
			ends.accepted[0].put_packet([1])
			check(await until(_nobody_left), "a client in a %s, connect_to_%s" % [hold, how])
			check_eq(await game.finished(), 0, "the game ends well")
			ends.close()


func _start(engine: String, hold: String, what: String) -> ForeignProcessClass:
	return start_process(engine, PackedStringArray(["--headless", "--path", ProjectSettings.globalize_path("res://"),
			"-s", "res://suites/dtls/quitting_game.gd", "--", "--hold=" + hold, what]))


func _nobody_left() -> bool:
	ends.pump()
	return ends.accepted.is_empty()


func _end(how: String) -> void:
	match how:
		"disconnected":
			going.disconnect_from_peer()
		"stopped":
			going.stop()
	going = null
