extends RefCounted
## Migrates a project to Lodewire's classes: shows, applies or undoes the changes, and reports each step.

const Tokens := preload("tokens.gd")
const Names := preload("names.gd")
const ScriptRules := preload("script_rules.gd")
const SceneRules := preload("scene_rules.gd")
const ProjectFiles := preload("project_files.gd")
const UnifiedDiff := preload("unified_diff.gd")

enum Action { SHOW, DIFF, APPLY, UNDO, HELP }

## Exit codes.
const DONE := 0
const PERSON_MUST_LOOK := 1
const FAILED := 2

const COMMAND := "godot --headless --path . --script res://addons/lodewire/migrate.gd --"

const USAGE := """Usage: %s [OPTION]
  (none)     show the changes and the places to check by hand; write nothing
  --diff     print only the diff
  --apply    change the files; the originals are kept
  --undo     restore the originals of the last --apply, byte for byte
  --addons   with the options above: also change the code of other addons, instead of listing it
  --help     show this
A line with the comment `# lodewire: keep` is neither changed nor listed.
Exit codes: 0 nothing is left to check, 1 places are left to check by hand, 2 the migration failed.""" % COMMAND

## The output: a Callable that takes one line.
var say: Callable = func(line: String) -> void: print(line)

var action := Action.SHOW
var with_addons := false

var _files: ProjectFiles
var _project := ScriptRules.Project.new()
var _read := {}
## The changes: TextFile to its new text.
var _changes := {}
var _names := 0
## "path:line", the line, and the reason to check it.
var _looks: Array[PackedStringArray] = []


## Parses the options. Returns "" or an error message.
func configure(options: PackedStringArray) -> String:
	var chosen := 0
	for option in options:
		match option:
			"--apply":
				action = Action.APPLY
			"--undo":
				action = Action.UNDO
			"--diff":
				action = Action.DIFF
			"--help", "-h":
				action = Action.HELP
			"--addons":
				with_addons = true
				continue
			_:
				return "unknown option %s; --help lists the options" % option
		chosen += 1
	return "" if chosen < 2 else "--apply, --undo and --diff exclude each other"


## Runs the migration in a project's folder. Returns the exit code.
func run(folder: String) -> int:
	_files = ProjectFiles.new(folder)
	match action:
		Action.HELP:
			say.call(USAGE)
			return DONE
		Action.UNDO:
			return _undo(folder)
		Action.SHOW:
			say.call("Lodewire: changes that a migration of %s would make. Nothing is written." % folder)
		Action.APPLY:
			say.call("Lodewire: migrating %s. The originals are kept in %s; --undo restores them." % [folder, ProjectFiles.BACKUP])
	if not FileAccess.file_exists(folder.path_join("project.godot")):
		say.call("No project.godot in %s. Run this in the folder of a project." % folder)
		return FAILED
	_read_all()
	if action == Action.DIFF:
		_show_diff()
		return DONE if _looks.is_empty() else PERSON_MUST_LOOK
	_show_what_is_not_touched()
	if action == Action.SHOW:
		say.call("")
		_show_diff()
	elif not _changes.is_empty():
		var problem := _files.write(_changes)
		if not problem.is_empty():
			if _files.originals.is_empty():
				say.call("Failed, and nothing has changed: %s." % problem)
			else:
				say.call("Failed, and some files have changed: %s. The originals are in %s." % [problem, _files.originals])
			return FAILED
		for file: ProjectFiles.TextFile in _changes:
			say.call("  changed res://%s" % file.path)
	_show_looks()
	_show_summary()
	return DONE if _looks.is_empty() else PERSON_MUST_LOOK


func _undo(folder: String) -> int:
	say.call("Lodewire: restoring the files of the last --apply in %s." % folder)
	var result: Variant = _files.undo()
	if result is String:
		say.call("Failed: %s." % result)
		return FAILED
	for path: String in result:
		say.call("  restored res://%s" % path)
	var left := _files.steps_to_undo().size()
	say.call("Summary: %s restored." % _count(result.size(), "file"))
	if left == 0:
		say.call("Next: nothing; the project is as it was before.")
	else:
		say.call("Next: %s can be undone as well; run this again for the last one." % _count(left, "earlier run"))
	return DONE


func _read_all() -> void:
	for path in _files.list(["gd", "tscn", "tres", "cs"]):
		var file := _files.read(path)
		if file.is_text:
			_read[path] = file
		elif not _is(path, "cs"):
			_add_look(path, 0, "", Names.UNREADABLE)
	var tokens := {}
	for path: String in _read:
		var text: String = _read[path].text
		if _is_of_interest(text):
			tokens[path] = Tokens.of_scene(text) if _is_scene(path) else Tokens.of_script(text)
	_find_what_is_declared(tokens)
	_find_what_is_inherited(tokens)
	for path: String in tokens:
		_read_file(_read[path], tokens[path])


static func _is(path: String, extension: String) -> bool:
	return path.get_extension().to_lower() == extension


static func _is_scene(path: String) -> bool:
	return _is(path, "tscn") or _is(path, "tres")


## The scripts in a file: the file itself, or the scripts that are embedded in a scene.
static func _scripts_of(path: String, tokens: Tokens) -> Array[Tokens]:
	if _is_scene(path):
		return SceneRules.scripts_in(tokens)
	var itself: Array[Tokens] = []
	if _is(path, "gd"):
		itself.append(tokens)
	return itself


static func _is_of_interest(text: String) -> bool:
	for word in Names.OF_INTEREST:
		if text.contains(word):
			return true
	return false


## Finds the names of Godot 3 that the project declares itself, and the kinds of its WebSocketPeers.
func _find_what_is_declared(tokens: Dictionary) -> void:
	for path: String in tokens:
		if _is(path, "cs"):
			for name in Names.GODOT_3:
				if RegEx.create_from_string("\\bclass\\s+%s\\b" % name).search(_read[path].text) != null:
					_project.declared[name] = path
			continue
		for script in _scripts_of(path, tokens[path]):
			var name := ScriptRules.global_name(script)
			if name in Names.GODOT_3:
				_project.declared[name] = path
	var settings := ConfigFile.new()
	if settings.load(_files.root.path_join("project.godot")) == OK and settings.has_section("autoload"):
		for name in settings.get_section_keys("autoload"):
			if name in Names.GODOT_3:
				_project.declared[name] = "project.godot, [autoload]"
	for name in Names.GODOT_3:
		if not _project.declared.has(name) and ClassDB.class_exists(name):
			_project.declared[name] = "an extension"
	if settings.get_value("", "config_version", 5) < 5:
		_add_look("project.godot", 0, "", Names.OF_GODOT_3)
	var owners := Names.SOCKET_OWNERS.filter(func(name: String) -> bool: return not _project.declared.has(name))
	var typed_owners: Array[String] = []
	typed_owners.assign(owners)
	for path: String in tokens:
		for script in _scripts_of(path, tokens[path]):
			_project.has_socket_owners = _project.has_socket_owners or ScriptRules.names_one_of(script, typed_owners)
			_project.makes_sockets = _project.makes_sockets or ScriptRules.makes_sockets(script)


## Finds the names that scripts inherit, such as a `const WebSocketServer := preload(…)`.
func _find_what_is_inherited(tokens: Dictionary) -> void:
	var own := {}
	for path: String in tokens:
		if _is(path, "gd"):
			var names := ScriptRules.own_names(tokens[path])
			if not names.is_empty():
				own[path] = names
	if own.is_empty():
		return
	var extending := RegEx.create_from_string("(?m)^[^#\\n]*\\bextends\\s+(?:\"([^\"]+)\"|(\\w+))")
	var naming := RegEx.create_from_string("(?m)^[^#\\n]*\\bclass_name\\s+(\\w+)")
	var bases := {}
	var classes := {}
	for path: String in _read:
		if not _is(path, "gd"):
			continue
		var base := extending.search(_read[path].text)
		if base != null:
			bases[path] = base.get_string(1) + base.get_string(2)
		var name := naming.search(_read[path].text)
		if name != null:
			classes[name.get_string(1)] = path
	for path: String in tokens:
		var names := {}
		var at := path
		# No project has a longer chain of scripts that extend each other; a cycle ends here.
		for _step in 64:
			names.merge(own.get(at, {}))
			var base: String = bases.get(at, "")
			if base.is_empty():
				break
			at = classes.get(base, _path_of(base, at))
		if not names.is_empty():
			_project.inherited[path] = names


## The path of the script in another script's [code]extends "…"[/code].
static func _path_of(base: String, heir: String) -> String:
	if base.begins_with("uid://"):
		var id := ResourceUID.text_to_id(base)
		base = ResourceUID.get_id_path(id) if ResourceUID.has_id(id) else base
	if base.begins_with("res://"):
		return base.trim_prefix("res://").simplify_path()
	return heir.get_base_dir().path_join(base).simplify_path()


func _read_file(file: ProjectFiles.TextFile, tokens: Tokens) -> void:
	if _is(file.path, "cs"):
		_read_c_sharp(file)
		return
	var edits: Array[ScriptRules.Edit]
	var looks: Array[ScriptRules.Look]
	if _is_scene(file.path):
		var rules := SceneRules.new()
		rules.read(tokens, _project)
		edits = rules.edits
		looks = rules.looks
	else:
		var rules := ScriptRules.new()
		rules.read(tokens, _project, _project.inherited.get(file.path, {}))
		edits = rules.edits
		looks = rules.looks
	var addon := file.addon()
	var lines := file.text.split("\n")
	if not addon.is_empty() and not with_addons:
		_list_lines_of_addon(file, tokens, edits, addon)
	elif not edits.is_empty():
		_changes[file] = ScriptRules.apply(file.text, edits)
		_names += edits.size()
		if action == Action.APPLY:
			lines = _changes[file].split("\n")
	for look in looks:
		var line := tokens.line_of(look.at)
		_add_look(file.path, line, lines[line - 1].strip_edges(), look.reason)


func _list_lines_of_addon(file: ProjectFiles.TextFile, tokens: Tokens, edits: Array[ScriptRules.Edit], addon: String) -> void:
	var last := 0
	for edit in edits:
		var line := tokens.line_of(edit.begin)
		if line != last:
			_add_look(
				file.path, line, tokens.line_text(line),
				"code of the addon %s; --addons changes it too, until the addon is updated" % addon
			)
		last = line


func _read_c_sharp(file: ProjectFiles.TextFile) -> void:
	var words := RegEx.create_from_string("\\b(%s)\\b" % "|".join(Names.RENAMED.keys()))
	var lines := file.text.split("\n")
	for index in lines.size():
		var line := lines[index].strip_edges()
		if not line.begins_with("//") and not line.contains(Tokens.KEEP) and words.search(line) != null:
			_add_look(file.path, index + 1, line, Names.C_SHARP)


func _add_look(path: String, line: int, text: String, reason: String) -> void:
	_looks.append(PackedStringArray(["res://%s:%d" % [path, line] if line > 0 else "res://" + path, text, reason]))


func _show_what_is_not_touched() -> void:
	for name: String in _project.declared:
		say.call("  not changed: %s, which this project declares itself (%s)" % [name, _project.declared[name]])
	for path: String in _project.inherited:
		var names: Array = _project.inherited[path].keys().filter(func(name: String) -> bool: return not _project.declared.has(name))
		if not names.is_empty():
			say.call("  not changed: %s in res://%s, which declares or inherits it" % [", ".join(names), path])
	for link in _files.links:
		say.call("  not changed: res://%s, which is a link: links are not followed" % link)
	if _is_exported_to_the_web():
		say.call("  note: " + Names.WEB)


func _is_exported_to_the_web() -> bool:
	var presets := ConfigFile.new()
	var path := _files.root.path_join("export_presets.cfg")
	if not FileAccess.file_exists(path) or presets.load(path) != OK:
		return false
	for section in presets.get_sections():
		if presets.get_value(section, "platform", "") in ["Web", "HTML5"]:
			return true
	return false


func _show_diff() -> void:
	for file: ProjectFiles.TextFile in _changes:
		say.call(UnifiedDiff.of(file.path, file.text, _changes[file]).trim_suffix("\n"))


func _show_looks() -> void:
	if _looks.is_empty():
		return
	say.call("\nCheck by hand:")
	for look in _looks:
		say.call("  %s%s" % [look[0], "" if look[1].is_empty() else "  " + look[1]])
		say.call("      " + look[2])


func _show_summary() -> void:
	say.call("")
	say.call("Summary: %s read, %s in %s %s, %s to check by hand." % [
		_count(_read.size(), "file"), _count(_names, "change"), _count(_changes.size(), "file"),
		"made" if action == Action.APPLY else "to make", _count(_looks.size(), "place"),
	])
	var next := ""
	if action == Action.SHOW and not _changes.is_empty():
		next = "commit your work, close the editor, and run this again with --apply (after `--`)"
	elif not _looks.is_empty():
		next = "check the places above; `# lodewire: keep` on a line removes it from the list"
		if action == Action.APPLY and not _changes.is_empty():
			next += "; --undo restores the files"
	elif action == Action.APPLY and not _changes.is_empty():
		next = "open the project and test it; --undo restores the files"
	else:
		next = "nothing; no name is left to change"
	say.call("Next: %s." % next)


static func _count(number: int, what: String) -> String:
	return "%d %s%s" % [number, what, "" if number == 1 else "s"]
