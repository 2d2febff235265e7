extends Node
## The base of all scenes: Escape leads back to the menu, and `-- --picture=FILE` saves a screenshot after
## `--after=SECONDS` and ends (`cargo xtask pictures`).

var _picture := ""
var _left := 3.0


func _ready() -> void:
	for argument in OS.get_cmdline_user_args():
		if argument.begins_with("--picture="):
			_picture = argument.trim_prefix("--picture=")
		elif argument.begins_with("--after="):
			_left = argument.trim_prefix("--after=").to_float()
	set_process(_picture != "")


func _process(delta: float) -> void:
	_left -= delta
	if _left <= 0.0:
		set_process(false)
		await RenderingServer.frame_post_draw
		get_viewport().get_texture().get_image().save_png(_picture)
		get_tree().quit()


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed("ui_cancel") and get_tree().current_scene.scene_file_path != "res://menu.tscn":
		get_tree().change_scene_to_file("res://menu.tscn")
