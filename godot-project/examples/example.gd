extends Control
## Runs a server and a client of the documentation together, and shows their scripts and output.

@export_dir var folder := ""

## Collects what an example prints, if the engine has loggers (Godot 4.5).
const LOGGER := """extends Logger
var heard: Callable
func _log_message(message: String, _error: bool) -> void:
	heard.call_deferred(message.strip_edges())
"""

var _logger: RefCounted


func _ready() -> void:
	%Server.text = FileAccess.get_file_as_string(folder.path_join("server.gd"))
	%Client.text = FileAccess.get_file_as_string(folder.path_join("client.gd"))
	if ClassDB.class_exists("Logger"):
		var script := GDScript.new()
		script.source_code = LOGGER
		script.reload()
		_logger = script.new()
		_logger.heard = _hear
		OS.call("add_logger", _logger)
	else:
		_hear("What they say is in the Output panel.")
	for side: String in ["server", "client"]:
		add_child((load(folder.path_join(side + ".tscn")) as PackedScene).instantiate())


func _exit_tree() -> void:
	if _logger != null:
		OS.call("remove_logger", _logger)


func _hear(text: String) -> void:
	if is_inside_tree():
		%Log.add_text(text)
		%Log.newline()
