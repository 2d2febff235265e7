extends Node
## The client of the arena: it sends the player's direction, and interpolates the positions of all players.

## Emitted when the server has assigned the player's id.
signal joined()

const Protocol := preload("res://arena/arena_protocol.gd")
const Credentials := preload("res://credentials.gd")

## The interpolation delay in seconds: how late a snapshot may arrive.
const DELAY := 0.1

var host := LodeENetConnection.new()
var peer: LodeENetPacketPeer
## The id of this player; 0 until the server has assigned it.
var id := 0
## The direction of this player.
var direction := Vector2.ZERO
## The last snapshots, oldest first, each with its time of arrival.
var snapshots: Array[Dictionary] = []
var lost := ""
var _time := 0.0


func join(address: String, port: int) -> bool:
	if host.create_host(1, Protocol.CHANNELS) != OK:
		return false
	if host.dtls_client_setup(Credentials.HOSTNAME, Credentials.client_options()) != OK:
		return false
	peer = host.connect_to_host(address, port, Protocol.CHANNELS)
	return peer != null


func is_joined() -> bool:
	return id != 0 and peer.get_state() == LodeENetPacketPeer.STATE_CONNECTED


func _process(delta: float) -> void:
	for event in host.service_all():
		match event[0]:
			LodeENetConnection.EVENT_RECEIVE:
				while peer.get_available_packet_count() > 0:
					var channel := peer.get_packet_channel()
					_receive(channel, peer.get_packet())
			LodeENetConnection.EVENT_DISCONNECT:
				lost = peer.get_disconnect_reason()
				id = 0
	_time += delta
	if _time >= 1.0 / Protocol.RATE:
		_time = fmod(_time, 1.0 / Protocol.RATE)
		if is_joined():
			peer.send(1, Protocol.encode_input(direction), LodeENetPacketPeer.FLAG_UNSEQUENCED)


func _receive(channel: int, packet: PackedByteArray) -> void:
	if channel == 0 and packet.size() == 2:
		id = packet.decode_u16(0)
		joined.emit()
		return
	var snapshot := Protocol.decode_snapshot(packet)
	# Unsequenced packets may overtake each other.
	if snapshot.is_empty() or (not snapshots.is_empty() and snapshot.step <= snapshots[-1].step):
		return
	snapshot.time = Time.get_ticks_msec() / 1000.0
	snapshots.append(snapshot)
	if snapshots.size() > 16:
		snapshots.pop_front()


## The positions to show, by id, interpolated between the two snapshots around that time.
func positions() -> Dictionary:
	if snapshots.is_empty():
		return {}
	var moment := Time.get_ticks_msec() / 1000.0 - DELAY
	var later := snapshots.size() - 1
	while later > 0 and snapshots[later - 1].time > moment:
		later -= 1
	var after := snapshots[later]
	var before := snapshots[maxi(later - 1, 0)]
	var span: float = after.time - before.time
	var share := clampf((moment - before.time) / span, 0.0, 1.0) if span > 0.0 else 1.0
	var found := {}
	for player: int in after.players:
		var to: Vector2 = after.players[player].position
		var from: Vector2 = before.players[player].position if before.players.has(player) else to
		found[player] = from.lerp(to, share)
	return found
