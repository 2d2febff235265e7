extends RefCounted
## The protocol of the arena, in both directions. Everything from the network is validated before it is used.

const PORT := 9190
const FIELD := Vector2(1000.0, 600.0)
## Steps per second of the server, and of the clients' messages.
const RATE := 30

## Channel 0 is reliable, for the player's id. Channel 1 is unreliable, for positions and directions.
const CHANNELS := 2
const SNAPSHOT_HEADER := 8
const PLAYER_BYTES := 8
const GEM_BYTES := 4


## The direction of a client, with a length of at most 1.
static func encode_input(direction: Vector2) -> PackedByteArray:
	var bytes := PackedByteArray([0, 0])
	bytes.encode_s8(0, roundi(direction.x * 127.0))
	bytes.encode_s8(1, roundi(direction.y * 127.0))
	return bytes


static func decode_input(bytes: PackedByteArray) -> Vector2:
	if bytes.size() != 2:
		return Vector2.ZERO
	return Vector2(bytes.decode_s8(0), bytes.decode_s8(1)).limit_length(127.0) / 127.0


## A snapshot: the step, the numbers of players and gems, then each of them.
static func encode_snapshot(step: int, players: Dictionary, gems: Array[Vector2]) -> PackedByteArray:
	var bytes := PackedByteArray()
	bytes.resize(SNAPSHOT_HEADER + players.size() * PLAYER_BYTES + gems.size() * GEM_BYTES)
	bytes.encode_u32(0, step)
	bytes.encode_u16(4, players.size())
	bytes.encode_u16(6, gems.size())
	var at := SNAPSHOT_HEADER
	for id: int in players:
		var player: Dictionary = players[id]
		bytes.encode_u16(at, id)
		_encode_position(bytes, at + 2, player.position)
		bytes.encode_u16(at + 6, player.score)
		at += PLAYER_BYTES
	for gem in gems:
		_encode_position(bytes, at, gem)
		at += GEM_BYTES
	return bytes


## Returns a dictionary with `step`, `players` (by id: position, score) and `gems`; empty if the packet is invalid.
static func decode_snapshot(bytes: PackedByteArray) -> Dictionary:
	if bytes.size() < SNAPSHOT_HEADER:
		return {}
	var player_count := bytes.decode_u16(4)
	var gem_count := bytes.decode_u16(6)
	if bytes.size() != SNAPSHOT_HEADER + player_count * PLAYER_BYTES + gem_count * GEM_BYTES:
		return {}
	var players := {}
	var at := SNAPSHOT_HEADER
	for _player in player_count:
		players[bytes.decode_u16(at)] = {
			"position": _decode_position(bytes, at + 2), "score": bytes.decode_u16(at + 6)}
		at += PLAYER_BYTES
	var gems: Array[Vector2] = []
	for _gem in gem_count:
		gems.append(_decode_position(bytes, at))
		at += GEM_BYTES
	return {"step": bytes.decode_u32(0), "players": players, "gems": gems}


## In sixteenths of a pixel.
static func _encode_position(bytes: PackedByteArray, at: int, position: Vector2) -> void:
	bytes.encode_u16(at, clampi(roundi(position.x * 16.0), 0, 65535))
	bytes.encode_u16(at + 2, clampi(roundi(position.y * 16.0), 0, 65535))


static func _decode_position(bytes: PackedByteArray, at: int) -> Vector2:
	return Vector2(bytes.decode_u16(at), bytes.decode_u16(at + 2)) / 16.0
