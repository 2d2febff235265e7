extends SceneTree
## Quits while a server is under load, after as many frames as `-- --frames=N` says. Nothing is stopped by hand.

const Load := preload("res://lifecycle/load.gd")

## A static variable is released with the scripts, after nearly everything else.
static var last_host: Object

var load_now: Load
var frames_left := 1


func _initialize() -> void:
	# Before this the engine's TLS is not available.
	load_now = Load.new()
	last_host = ClassDB.instantiate("LodeENetConnection")
	last_host.create_host_bound("127.0.0.1", 0)
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--frames="):
			frames_left = argument.trim_prefix("--frames=").to_int()


func _process(_delta: float) -> bool:
	load_now.step()
	last_host.service()
	frames_left -= 1
	return frames_left <= 0
