extends "res://arena/arena_client.gd"
## A player without graphics: it goes to the nearest gem, with some randomness. As its own scene it is a crowd:
## `godot --headless res://arena/bot.tscn -- --bots=8 --address=127.0.0.1`.

var _whim := Vector2.ZERO
var _whim_left := 0.0


func _ready() -> void:
	if get_tree().current_scene != self:
		return
	var count := 1
	var address := "127.0.0.1"
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--bots="):
			count = clampi(argument.trim_prefix("--bots=").to_int(), 1, 64)
		elif argument.begins_with("--address="):
			address = argument.trim_prefix("--address=")
	for _bot in count - 1:
		var bot: Node = (get_script() as GDScript).new()
		add_child(bot)
		bot.join(address, Protocol.PORT)
	join(address, Protocol.PORT)
	joined.connect(func() -> void: print("joined as player ", id))


func _process(delta: float) -> void:
	super(delta)
	_whim_left -= delta
	if _whim_left <= 0.0:
		_whim_left = randf_range(0.3, 1.5)
		_whim = Vector2.from_angle(randf() * TAU) * randf_range(0.0, 0.8)
	direction = Vector2.ZERO
	if snapshots.is_empty() or not snapshots[-1].players.has(id):
		return
	var here: Vector2 = snapshots[-1].players[id].position
	var nearest := Vector2.INF
	for gem: Vector2 in snapshots[-1].gems:
		if here.distance_squared_to(gem) < here.distance_squared_to(nearest):
			nearest = gem
	if nearest != Vector2.INF:
		direction = ((nearest - here).normalized() + _whim).limit_length(1.0)
