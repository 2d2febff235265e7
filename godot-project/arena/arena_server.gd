extends Node
## The server of the arena: only the server decides the positions and who gets a gem. Clients send their directions.

const Protocol := preload("res://arena/arena_protocol.gd")
const Credentials := preload("res://credentials.gd")

const MAX_PLAYERS := 64
const SPEED := 220.0
const RADIUS := 14.0
const GEMS := 12

var host := LodeENetConnection.new()
## By the id that the players know: peer, position, direction, score.
var players := {}
var gems: Array[Vector2] = []
var _ids := {}
var _next_id := 1
var _step := 0
var _time := 0.0


## True if it has started; false if the port is in use, or there is no certificate.
func listen(port: int) -> bool:
	if host.create_host_bound("*", port, MAX_PLAYERS, Protocol.CHANNELS) != OK:
		return false
	if host.dtls_server_setup(Credentials.server_options()) != OK:
		return false
	while gems.size() < GEMS:
		gems.append(_somewhere())
	return true


func _process(delta: float) -> void:
	for event in host.service_all():
		var peer: LodeENetPacketPeer = event[1]
		match event[0]:
			LodeENetConnection.EVENT_CONNECT:
				_on_connected(peer)
			LodeENetConnection.EVENT_DISCONNECT:
				players.erase(_ids.get(peer))
				_ids.erase(peer)
			LodeENetConnection.EVENT_RECEIVE:
				# Only the last packet counts.
				for packet: PackedByteArray in peer.get_packets():
					if _ids.has(peer):
						players[_ids[peer]].direction = Protocol.decode_input(packet)
	_time += delta
	# After a long pause, missed steps are skipped.
	_time = minf(_time, 0.25)
	while _time >= 1.0 / Protocol.RATE:
		_time -= 1.0 / Protocol.RATE
		_advance(1.0 / Protocol.RATE)
		var snapshot := Protocol.encode_snapshot(_step, players, gems)
		host.broadcast(1, snapshot, LodeENetPacketPeer.FLAG_UNSEQUENCED)


func _on_connected(peer: LodeENetPacketPeer) -> void:
	var id := _next_id
	_next_id = _next_id % 65535 + 1
	_ids[peer] = id
	players[id] = {"position": _somewhere(), "direction": Vector2.ZERO, "score": 0}
	var you := PackedByteArray([0, 0])
	you.encode_u16(0, id)
	peer.send(0, you, LodeENetPacketPeer.FLAG_RELIABLE)


func _advance(delta: float) -> void:
	_step += 1
	for player: Dictionary in players.values():
		player.position = (player.position + player.direction * SPEED * delta).clamp(Vector2.ZERO, Protocol.FIELD)
		for index in gems.size():
			if player.position.distance_to(gems[index]) < RADIUS:
				player.score = mini(player.score + 1, 65535)
				gems[index] = _somewhere()
	_push_apart()


## Spawn positions are never the same.
func _push_apart() -> void:
	var all := players.values()
	for one in all.size():
		for other in range(one + 1, all.size()):
			var between: Vector2 = all[other].position - all[one].position
			var overlap := 2.0 * RADIUS - between.length()
			if overlap > 0.0:
				var push := between.normalized() * overlap / 2.0 if between != Vector2.ZERO else Vector2(overlap, 0.0)
				all[one].position = (all[one].position - push).clamp(Vector2.ZERO, Protocol.FIELD)
				all[other].position = (all[other].position + push).clamp(Vector2.ZERO, Protocol.FIELD)


func _somewhere() -> Vector2:
	return Vector2(randf_range(0.0, Protocol.FIELD.x), randf_range(0.0, Protocol.FIELD.y))
