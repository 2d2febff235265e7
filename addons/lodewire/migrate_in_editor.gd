@tool
extends EditorScript
## The migration from the editor: open this file in the script editor, and choose File > Run.

const Migration := preload("migration/migration.gd")


func _run() -> void:
	var dialog := ConfirmationDialog.new()
	dialog.title = "Migrate this project to Lodewire"
	dialog.ok_button_text = "Apply"
	dialog.add_button("Undo the last migration", true, "undo")
	var text := TextEdit.new()
	text.editable = false
	text.custom_minimum_size = Vector2(900, 500)
	text.text = _report([])
	dialog.add_child(text)
	# The editor releases this script after `_run`: a lambda keeps it alive, a method does not.
	dialog.confirmed.connect(func() -> void: _act(dialog, "--apply"))
	dialog.custom_action.connect(func(_action: StringName) -> void: _act(dialog, "--undo"))
	dialog.canceled.connect(dialog.queue_free)
	EditorInterface.popup_dialog_centered(dialog)


## Runs the migration, prints the result, and lets the editor rescan the files.
func _act(dialog: AcceptDialog, option: String) -> void:
	print(_report([option]))
	dialog.queue_free()
	EditorInterface.get_resource_filesystem().scan()


func _report(options: PackedStringArray) -> String:
	var lines := PackedStringArray()
	var migration := Migration.new()
	migration.configure(options)
	migration.say = func(line: String) -> void: lines.append(line)
	migration.run(ProjectSettings.globalize_path("res://"))
	return "\n".join(lines)
