extends SceneTree
## Migrates a project from the engine's and Godot 3's network classes to Lodewire's, and back:
## [codeblock lang=text]
## godot --headless --path PROJECT --script res://addons/lodewire/migrate.gd -- --help
## [/codeblock]

const Migration := preload("migration/migration.gd")


func _init() -> void:
	# The game itself must not run: its autoloads are created after this.
	for property in ProjectSettings.get_property_list():
		if property.name.begins_with("autoload/"):
			ProjectSettings.set_setting(property.name, null)
	var migration := Migration.new()
	var problem := migration.configure(OS.get_cmdline_user_args())
	if problem.is_empty() and OS.get_cmdline_user_args().is_empty() and _has_options_of_ours():
		problem = "the options stand after `--`"
	if not problem.is_empty():
		printerr("Lodewire: %s.\n%s" % [problem, Migration.USAGE])
		quit(Migration.FAILED)
		return
	quit(migration.run(ProjectSettings.globalize_path("res://")))


static func _has_options_of_ours() -> bool:
	for option: String in ["--apply", "--undo", "--diff", "--addons"]:
		if option in OS.get_cmdline_args():
			return true
	return false
