extends "res://test_case.gd"
## The addon as it is unpacked: which of its libraries the engine loads, and how large that is.

const EXTENSION := "res://addons/lodewire/lodewire.gdextension"

## A debug library that is not stripped has about 90 MB.
const LARGEST_LIBRARY := 16 * 1024 * 1024


func test_extension_is_loaded() -> void:
	check(GDExtensionManager.is_extension_loaded(EXTENSION), EXTENSION + " is loaded")


## The editor, and debug templates, load the debug entry; release templates the other one.
## Only the debug entry has the editor's help, and assertions.
func test_library_of_the_build_is_loaded() -> void:
	if OS.get_name() != "Linux":
		skip("only Linux tells which files a process has loaded")
		return
	var wanted := "bin/linux.%s.%s/liblodewire.so" % [
		"debug" if OS.is_debug_build() else "release", Engine.get_architecture_name()
	]
	var loaded := _loaded_libraries()
	check_eq(loaded.size(), 1, "libraries of the addon that are loaded: %s" % [loaded])
	check(loaded.size() > 0 and loaded[0].ends_with(wanted), "%s is loaded: %s" % [wanted, loaded])


func test_loaded_library_is_small() -> void:
	if OS.get_name() != "Linux":
		skip("only Linux tells which files a process has loaded")
		return
	for path in _loaded_libraries():
		var file := FileAccess.open(path, FileAccess.READ)
		if check(file != null, path + " can be read"):
			check_gt(file.get_length(), 0, "bytes of " + path)
			check_lt(file.get_length(), LARGEST_LIBRARY, "bytes of " + path)


## The script that gives Godot 3's name back has an ending that the engine does not load by itself.
func test_script_with_the_old_name_compiles() -> void:
	var text := FileAccess.get_file_as_string("res://addons/lodewire/websocket_server.gd.txt")
	check(text.contains("class_name WebSocketServer\n"), "it has the old name")
	var script := GDScript.new()
	script.source_code = text
	if check_eq(script.reload(), OK):
		var server: Object = script.new()
		check(server is LodeWebSocketServer, "it is our server")
		check_eq(server.bind_ip, "*")


## The files that the process has mapped and that are named like our library.
func _loaded_libraries() -> PackedStringArray:
	var found := PackedStringArray()
	# Line by line: the system tells a length of 0 for this file.
	var maps := FileAccess.open("/proc/self/maps", FileAccess.READ)
	while maps != null and not maps.eof_reached():
		var line := maps.get_line()
		var path := line.substr(line.find("/")) if line.contains("/") else ""
		if path.get_file() == "liblodewire.so" and not found.has(path):
			found.append(path)
	return found
