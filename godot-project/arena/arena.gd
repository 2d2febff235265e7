extends Control
## The arena. The first instance is also the server, with eight bots. You play with the arrow keys, or with the
## mouse button. Every player is a client of the server, including you: what you see has been sent over the network, encrypted.
## `-- --watch` lets a bot play for you, `--latency=60` and `--loss=5` set the sliders, for the picture.

const Protocol := preload("res://arena/arena_protocol.gd")
const ArenaServer := preload("res://arena/arena_server.gd")
const ArenaClient := preload("res://arena/arena_client.gd")
const Bot := preload("res://arena/bot.gd")

const BOTS := 8
const SAMPLE_SECONDS := 0.25

var player: ArenaClient
var _sample_left := 0.0
var _is_watching := OS.get_cmdline_user_args().has("--watch")

@onready var _field: Control = %Field


func _ready() -> void:
	LodeMonitors.enable()
	_field.draw.connect(_draw_field)
	var is_server := _begin_server()
	%About.text = "This instance is the server, with %d bots." % BOTS if is_server else "Another instance is the server."
	player = Bot.new() if _is_watching else ArenaClient.new()
	add_child(player)
	player.join("127.0.0.1", Protocol.PORT)
	player.joined.connect(func() -> void: print("joined as player ", player.id))
	%Latency.value_changed.connect(func(value: float) -> void: player.host.simulated_latency = value)
	%Loss.value_changed.connect(func(value: float) -> void: player.host.simulated_loss = value / 100.0)
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--latency="):
			%Latency.value = argument.trim_prefix("--latency=").to_float()
		elif argument.begins_with("--loss="):
			%Loss.value = argument.trim_prefix("--loss=").to_float()


func _begin_server() -> bool:
	# Another instance may use the port, which is not an error here, so this is checked first.
	var probe := PacketPeerUDP.new()
	if probe.bind(Protocol.PORT) != OK:
		return false
	probe.close()
	var server := ArenaServer.new()
	if not server.listen(Protocol.PORT):
		server.free()
		return false
	add_child(server)
	for _bot in BOTS:
		var bot := Bot.new()
		add_child(bot)
		bot.join("127.0.0.1", Protocol.PORT)
	return true


func _process(delta: float) -> void:
	if not _is_watching:
		player.direction = _input_direction()
	_field.queue_redraw()
	_sample_left -= delta
	if _sample_left <= 0.0:
		_sample_left += SAMPLE_SECONDS
		_sample()


## The direction from the keys or the mouse.
func _input_direction() -> Vector2:
	var keys := Input.get_vector("ui_left", "ui_right", "ui_up", "ui_down")
	if keys != Vector2.ZERO or not Input.is_mouse_button_pressed(MOUSE_BUTTON_LEFT):
		return keys
	var here: Vector2 = player.positions().get(player.id, Vector2.ZERO)
	var there := _field.get_local_mouse_position() / _scale()
	var field := Rect2(Vector2.ZERO, _field.size)
	return (there - here).limit_length(40.0) / 40.0 if field.has_point(_field.get_local_mouse_position()) else Vector2.ZERO


func _sample() -> void:
	var peer := player.peer
	%RoundTrip.add(peer.get_statistic(LodeENetPacketPeer.PEER_ROUND_TRIP_TIME))
	%PacketLoss.add(100.0 * peer.get_statistic(LodeENetPacketPeer.PEER_PACKET_LOSS) / LodeENetPacketPeer.PACKET_LOSS_SCALE)
	%Incoming.add(player.host.pop_statistic(LodeENetConnection.HOST_TOTAL_RECEIVED_DATA) / 1000.0 / SAMPLE_SECONDS)
	%Outgoing.add(player.host.pop_statistic(LodeENetConnection.HOST_TOTAL_SENT_DATA) / 1000.0 / SAMPLE_SECONDS)
	if not player.lost.is_empty():
		%About.text = "The connection has ended: " + player.lost
	var scores := PackedStringArray()
	if not player.snapshots.is_empty():
		var players: Dictionary = player.snapshots[-1].players
		var ids := players.keys()
		ids.sort_custom(func(one: int, other: int) -> bool: return players[one].score > players[other].score)
		for id: int in ids.slice(0, 10):
			scores.append("%s  %d" % ["you" if id == player.id else "player %d" % id, players[id].score])
	%Scores.text = "\n".join(scores)


func _scale() -> float:
	return minf(_field.size.x / Protocol.FIELD.x, _field.size.y / Protocol.FIELD.y)


func _draw_field() -> void:
	var scaling := _scale()
	_field.draw_rect(Rect2(Vector2.ZERO, Protocol.FIELD * scaling), Color("1d2229"))
	if player.snapshots.is_empty():
		return
	for gem: Vector2 in player.snapshots[-1].gems:
		_field.draw_circle(gem * scaling, 5.0, Color("ffd866"))
	var positions := player.positions()
	for id: int in positions:
		var hue := fposmod(id * 0.618034, 1.0)
		var place: Vector2 = positions[id] * scaling
		_field.draw_circle(place, ArenaServer.RADIUS * scaling, Color.from_hsv(hue, 0.55, 0.9))
		if id == player.id:
			_field.draw_arc(place, (ArenaServer.RADIUS + 4.0) * scaling, 0.0, TAU, 32, Color.WHITE, 2.0, true)
