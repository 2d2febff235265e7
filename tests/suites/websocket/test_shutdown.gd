extends "res://test_case.gd"
## An object informs the other side when it is freed, replaced or stopped, or when the game quits.

const ForeignProcessClass := preload("res://foreign_process.gd")

## The ways to end a peer, in multiplayer mode or not.
const ENDS: Array[String] = ["freed", "stopped", "replaced", "freed in the tree", "forced out"]

var peer: Variant


func test_a_freed_server_informs_its_clients() -> void:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=localhost")
	for how in ENDS:
		for secure: bool in [false, true]:
			var server := LodeWebSocketServer.new()
			server.bind_ip = "127.0.0.1"
			if secure:
				server.private_key = key
				server.ssl_certificate = certificate
			check_eq(server.listen(0, [], true), OK)
			var url := "%s://127.0.0.1:%d" % ["wss" if secure else "ws", server.get_local_port()]
			peer = server
			server = null
			var other := _start(["client", url])
			if other == null:
				return
			check(await wait_until(func() -> bool:
				peer.poll()
				return not peer.get_peers().is_empty() and other.output().contains("open")
			), "it joins: " + how)
			if how == "forced out":
				(peer as MultiplayerPeer).disconnect_peer(peer.get_peers()[0], true)
			else:
				_end(how)
			check_eq(await other.finished(), 0, how)
			check(other.output().ends_with("ended 1000\n"), "%s, %s: %s" % [how, url, other.output()])


func test_a_freed_client_informs_the_server() -> void:
	for how in ENDS:
		for multiplayer_mode: bool in [false, true]:
			var other := _start(["server"])
			if other == null:
				return
			var port := (await other.line_after("port ")).strip_edges()
			peer = LodeWebSocketClient.new()
			peer.connect_to_url("ws://127.0.0.1:" + port, [], multiplayer_mode)
			check(await wait_until(func() -> bool:
				peer.poll()
				return peer.get_connection_status() == MultiplayerPeer.CONNECTION_CONNECTED and other.output().contains("open")
			), "it joins: " + how)
			if how == "forced out":
				(peer as MultiplayerPeer).disconnect_peer(1, true)
			else:
				_end(how)
			check_eq(await other.finished(), 0, how)
			check(other.output().ends_with("ended 1000\n"), "%s: %s" % [how, other.output()])


func test_a_quitting_game_informs_its_peers() -> void:
	var engine := godot()
	if engine.is_empty():
		return
	for hold: String in ["variable", "static", "multiplayer"]:
		var arguments := PackedStringArray(["--headless", "--path", ProjectSettings.globalize_path("res://"), "-s",
				"res://suites/websocket/quitting_game.gd", "--", "--hold=" + hold])
		var game := start_process(engine, arguments)
		var port := (await game.line_after("port ")).strip_edges()
		var other := _start(["client", "ws://127.0.0.1:" + port])
		if other == null:
			return
		check_eq(await other.finished(), 0, hold)
		check(other.output().ends_with("ended 1000\n"), "a server, %s: %s" % [hold, other.output()])
		check_eq(await game.finished(), 0, "the game ends well")
		other = _start(["server"])
		port = (await other.line_after("port ")).strip_edges()
		game = start_process(engine, arguments + PackedStringArray(["--url=ws://127.0.0.1:" + port]))
		check_eq(await other.finished(), 0, hold)
		check(other.output().ends_with("ended 1000\n"), "a client, %s: %s" % [hold, other.output()])
		check_eq(await game.finished(), 0, "the game ends well")


func _start(arguments: PackedStringArray) -> ForeignProcessClass:
	var program := python()
	if program.is_empty():
		return null
	var script := ProjectSettings.globalize_path("res://suites/websocket/peers/goodbyes.py")
	return start_process(program, PackedStringArray([script]) + arguments)


## Releases the peer.
func _end(how: String) -> void:
	match how:
		"stopped":
			peer.close()
		"replaced":
			var api := SceneMultiplayer.new()
			api.multiplayer_peer = peer
			peer = null
			api.multiplayer_peer = null
		"freed in the tree":
			var node := Node.new()
			node.set_meta("peer", peer)
			add_child(node)
			peer = null
			node.free()
	peer = null
