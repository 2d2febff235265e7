extends "res://test_case.gd"
## The migration of projects: those of tests/migration are changed, run in the engine, and restored.

const Migration := preload("res://addons/lodewire/migration/migration.gd")
const Tokens := preload("res://addons/lodewire/migration/tokens.gd")
const ProjectFiles := preload("res://addons/lodewire/migration/project_files.gd")
const SceneRules := preload("res://addons/lodewire/migration/scene_rules.gd")
const ScriptRules := preload("res://addons/lodewire/migration/script_rules.gd")

const PROJECTS: Array[String] = ["pong", "chat", "tanks", "rollback", "sandbox", "god3_chat", "god3_arena", "dtls"]

## A script that needs no change.
const TRAPS := """extends Node
# ENetConnection.new() in a comment
var a := "ENetConnection is in a sentence"
var b := \"\"\"ENetConnection
ENetPacketPeer.new() "and so on" \\\"\"\" ENetConnection
\"\"\"
var c := r"\\d ENetConnection \\" ENetConnection"
var d = ^"ENetConnection/ENetPacketPeer"
var e = $ENetConnection/ENetPacketPeer
var f = %ENetConnection
var g = a.ENetConnection
var h = {ENetConnection = 1, "ENetPacketPeer": 2}
var i = 5 % 3 # ENetConnection
var j = MyENetConnection.new()
var k = '# no comment' + \"ENetConnection\\tx\"
var l := ENetConnection.new() # lodewire: keep
enum Kind { WebSocketServer, WebSocketClient }
func m(x): return get_node("ENetConnection") if x else print("ENetConnection")
"""

## Runs the editor's script like File > Run, and confirms the dialog.
const PLUGIN := """@tool
extends EditorPlugin

func _enter_tree() -> void:
	while EditorInterface.get_resource_filesystem().is_scanning():
		await get_tree().process_frame
	load("res://addons/lodewire/migrate_in_editor.gd").new()._run()
	for frame in 10:
		await get_tree().process_frame
	for dialog in get_tree().root.find_children("*", "ConfirmationDialog", true, false):
		if dialog.title == "Migrate this project to Lodewire":
			print("offered: ", dialog.find_children("*", "TextEdit", true, false)[0].text)
			dialog.confirmed.emit()
	for frame in 10:
		await get_tree().process_frame
	get_tree().quit()
"""

## Lines before and after the migration.
const REWRITES := {
	"extends ENetMultiplayerPeer": "extends LodeENetMultiplayerPeer",
	"var a: ENetConnection": "var a: LodeENetConnection",
	"var a: Dictionary[int, ENetPacketPeer] = {}": "var a: Dictionary[int, LodeENetPacketPeer] = {}",
	"func f(a: ENetPacketPeer = null) -> ENetConnection: return a": (
		"func f(a: LodeENetPacketPeer = null) -> LodeENetConnection: return a"
	),
	"var a = x is ENetMultiplayerPeer or x is not ENetMultiplayerPeer": (
		"var a = x is LodeENetMultiplayerPeer or x is not LodeENetMultiplayerPeer"
	),
	"var a = 7 %ENetPacketPeer.PEER_PACKET_LOSS": "var a = 7 %LodeENetPacketPeer.PEER_PACKET_LOSS",
	"x.get_statistic(ENetPacketPeer.PEER_PACKET_LOSS)": "x.get_statistic(LodeENetPacketPeer.PEER_PACKET_LOSS)",
	"p.host.compress(ENetConnection.COMPRESS_RANGE_CODER)": "p.host.compress(LodeENetConnection.COMPRESS_RANGE_CODER)",
	"var a = NetworkedMultiplayerENet.COMPRESS_ZLIB": "var a = LodeENetConnection.COMPRESS_ZLIB",
	"var a = ENetMultiplayerPeer.COMPRESS_ZLIB": "var a = LodeENetConnection.COMPRESS_ZLIB",
	"var a = ClassDB.instantiate(\"ENetMultiplayerPeer\")": "var a = ClassDB.instantiate(\"LodeENetMultiplayerPeer\")",
	"var a = ClassDB.instantiate(&'ENetMultiplayerPeer')": "var a = ClassDB.instantiate(&'LodeENetMultiplayerPeer')",
	"var a = x.get_class() == \"ENetMultiplayerPeer\"": "var a = x.get_class() == \"LodeENetMultiplayerPeer\"",
	"func f(p: NetworkedMultiplayerENet): p.close_connection()": "func f(p: LodeENetMultiplayerPeer): p.close()",
	"func f(p: ENetMultiplayerPeer): self.p.close_connection(1)": "func f(p: LodeENetMultiplayerPeer): self.p.close()",
	"func f(p: NetworkedMultiplayerENet): return p.get_peer_port(g(1, 2))": (
		"func f(p: LodeENetMultiplayerPeer): return p.get_peer(g(1, 2)).get_remote_port()"
	),
	"func f(p: NetworkedMultiplayerENet): p.set_peer_timeout(1, 2, 3, 4)": (
		"func f(p: LodeENetMultiplayerPeer): p.get_peer(1).set_timeout(2, 3, 4)"
	),
	"func f(p: PacketPeerDTLS): p.connect_to_peer(udp)": "func f(p: LodePacketPeerDTLS): p.connect_to_peer_godot_3(udp)",
	"func f(p: PacketPeerDTLS): p.connect_to_peer(udp, true, \"x\")": (
		"func f(p: LodePacketPeerDTLS): p.connect_to_peer_godot_3(udp, true, \"x\")"
	),
	"func f(p: PacketPeerDTLS): p.connect_to_peer(udp, \"x\")": "func f(p: LodePacketPeerDTLS): p.connect_to_peer(udp, \"x\")",
	"func f(p: DTLSServer): p.setup(a, b)": "func f(p: LodeDTLSServer): p.setup(TLSOptions.server(a, b))",
	"s.connect(\"client_connected\", self, \"_on\")": "s.connect(\"client_connected\", Callable(self, \"_on\"))",
	"s.connect(\"pressed\", self, \"_on\")": "s.connect(\"pressed\", self, \"_on\")",
	"get_tree().connect(\"network_peer_connected\", self, \"_on\")": (
		"get_tree().get_multiplayer().connect(\"peer_connected\", Callable(self, \"_on\"))"
	),
	"get_tree().network_peer = null": "get_tree().get_multiplayer().multiplayer_peer = null",
	"get_tree().get_multiplayer().multiplayer_peer = null": "get_tree().get_multiplayer().multiplayer_peer = null",
}

## Lines that have to be checked by hand.
const LOOKS: Array[String] = [
	"var p = ENetConnection.new()\n\tp.refuse_new_connections(true)",
	"peer.host.refuse_new_connections(true)",
	"var p = WebSocketMultiplayerPeer.new()\n\tp.create_server(1)",
	"var p: NetworkedMultiplayerENet\n\tp.server_relay = false",
	"if q: p = NetworkedMultiplayerENet.new()\n\tp.connect(\"server_disconnected\", x)",
	"p = NetworkedMultiplayerENet.new()\n\tp.connect(\"server_disconnected\", x)",
	"var p: MultiplayerPeer = NetworkedMultiplayerENet.new()\n\tp.use_dtls = true",
	"var p = q as ENetMultiplayerPeer\n\tp.compression_mode = 1",
	"var p = \"ENetConnection\"",
	"var p = WebSocketPeer.new()\n\tp.accept_stream(x)",
	"x.close_connection()",
	"var p = ENetMultiplayerPeer.new()\n\tp.close_connection(\n\t\t100 # ms\n\t)",
	"var p = ENetMultiplayerPeer.new()\r\n\tp.close_connection(\r\n\t\t100)",
	"var p = ENetConnection.COMPRESS_ALL",
]

## An almost full disk, on which every write seems to succeed, and on which some renames fail.
class PoorDisk:
	extends "res://addons/lodewire/migration/project_files.gd"

	var room := 1 << 20
	## The renames that fail, from 0.
	var refused: Array[int] = []
	var renames := 0

	func _put(path: String, bytes: PackedByteArray) -> Error:
		var part := bytes.slice(0, mini(room, bytes.size()))
		room -= part.size()
		return super(path, part)

	func _rename(from: String, to: String) -> Error:
		renames += 1
		return ERR_CANT_CREATE if renames - 1 in refused else super(from, to)


var _said := PackedStringArray()


func test_a_move_changes_what_is_code_and_nothing_else() -> void:
	check_eq(_rewritten(TRAPS), TRAPS)
	for line: String in REWRITES:
		check_eq(_rewritten(line), REWRITES[line])
		check_eq(_rewritten(REWRITES[line]), REWRITES[line], "again")
	for lines in LOOKS:
		check_eq(_rules_of("func f():\n\t%s\n" % lines).looks.size(), 1, lines)


func test_any_text_is_changed_once_and_keeps_its_lines() -> void:
	var random := RandomNumberGenerator.new()
	random.seed = 1
	var sources := {TRAPS: false}
	for name in PROJECTS:
		for path: String in _contents(ProjectSettings.globalize_path("res://migration").path_join(name)):
			sources[FileAccess.get_file_as_string("res://migration".path_join(name).path_join(path))] = not path.ends_with(".gd")
	for source: String in sources:
		for _time in 10:
			# Strings without an end, brackets without a partner, and words cut in the middle.
			var from := random.randi_range(0, source.length())
			var text := source.erase(from, random.randi_range(0, 40)).insert(from, ["", "\"", "'", "(", ")", "\\", "$", "#"].pick_random())
			var once := _rewritten(text, sources[source])
			check_eq(_rewritten(once, sources[source]), once, text)
			check_eq(once.count("\n"), text.count("\n"), text)


func test_names_that_the_project_declares_are_not_renamed() -> void:
	for name: String in ["ENetConnection", "PacketPeerDTLS", "WebSocketPeer"]:
		var of_project := "const %s = preload(\"x.gd\")\nvar a: %s\nvar s: LodeWebSocketServer\n" % [name, name]
		var with_owners := ScriptRules.Project.new()
		with_owners.has_socket_owners = true
		var reads := ScriptRules.new()
		reads.read(Tokens.of_script(of_project), with_owners)
		check_eq([reads.edits.size(), reads.looks.size()], [0, 0], name)
	for own: String in ["class WebSocketServer:\n\tpass\n", "const WebSocketServer = preload(\"x.gd\")\n"]:
		var source := own + "var a: WebSocketServer = WebSocketServer.new()\nvar b: WebSocketClient\n"
		check_eq(_rewritten(source), source.replace("WebSocketClient", "LodeWebSocketClient"))
	var folder := _fresh("own")
	_write(folder.path_join("x.gd"), "class_name Base\nconst WebSocketServer := preload(\"y.gd\")\n".to_utf8_buffer())
	_write(folder.path_join("y.gd"), "extends Node\n".to_utf8_buffer())
	_write(folder.path_join("between.gd"), "extends Base\n".to_utf8_buffer())
	var heir := "extends \"res://between.gd\"\nvar a := WebSocketServer.new()\n"
	var stranger := "extends \"y.gd\"\nvar a := WebSocketServer.new()\n"
	_write(folder.path_join("heir.gd"), heir.to_utf8_buffer())
	_write(folder.path_join("stranger.gd"), stranger.to_utf8_buffer())
	check_eq(_run(folder, ["--apply"]), 0)
	check_eq(FileAccess.get_file_as_string(folder.path_join("heir.gd")), heir)
	check(_has_said("not changed: WebSocketServer in res://heir.gd"), "it is reported: %s" % _said)
	check_eq(FileAccess.get_file_as_string(folder.path_join("stranger.gd")), stranger.replace("Web", "LodeWeb"))
	var uid := ResourceUID.create_id()
	ResourceUID.add_id(uid, "res://x.gd")
	for base: String in ["../x.gd", "res://sub/../x.gd", ResourceUID.id_to_text(uid)]:
		heir = "extends \"%s\"\nvar a := WebSocketServer.new()\n" % base
		_write(folder.path_join("sub/heir.gd"), heir.to_utf8_buffer())
		check_eq(_run(folder, ["--apply"]), 0)
		check_eq(FileAccess.get_file_as_string(folder.path_join("sub/heir.gd")), heir)
	ResourceUID.remove_id(uid)
	var project := ScriptRules.Project.new()
	project.declared["WebSocketServer"] = "x.gd"
	var rules := ScriptRules.new()
	rules.read(Tokens.of_script("var a := WebSocketServer.new()\n"), project)
	check_eq(rules.edits.size(), 0)


func test_a_socket_that_may_be_the_engines_is_not_rewritten() -> void:
	var users := {
		"other.gd": [
			"extends WebSocketPeer\n", "var a := WebSocketMultiplayerPeer.new()\n", "const Socket = WebSocketPeer\n",
			"var a = ClassDB.instantiate(\"WebSocketPeer\")\n", "var a := WebSocketPeer.new()\n",
		],
		"other.tscn": [
			"[gd_scene format=3]\n\n[sub_resource type=\"GDScript\" id=\"1\"]\nscript/source = \"var a := WebSocketPeer.new()\n\"\n",
		],
	}
	var handler := "func on(peer: WebSocketPeer) -> void:\n\tpeer.poll()\n"
	for name: String in users:
		for user: String in users[name]:
			var folder := _fresh("sockets")
			_write(folder.path_join(name), user.to_utf8_buffer())
			_write(folder.path_join("server.gd"), "var s := WebSocketServer.new()\n".to_utf8_buffer())
			_write(folder.path_join("handler.gd"), handler.to_utf8_buffer())
			check_eq(_run(folder, ["--apply"]), 1, user)
			check_eq(_looked_at(), PackedStringArray(["res://handler.gd:1"]), user)
			check_eq(FileAccess.get_file_as_string(folder.path_join("handler.gd")), handler, user)
			check_eq(FileAccess.get_file_as_string(folder.path_join(name)), user)
			# Without it every peer is a Lodewire peer.
			DirAccess.remove_absolute(folder.path_join(name))
			check_eq(_run(folder, ["--apply"]), 0, user)
			check_eq(FileAccess.get_file_as_string(folder.path_join("handler.gd")), handler.replace("Web", "LodeWeb"))


func test_line_ends_and_byte_order_marks_stay() -> void:
	var source := "extends Node\nvar a: ENetConnection\n\n\tvar b := \"ä€😀\" # é\nvar c = ENetPacketPeer"
	for bom: String in ["", "\ufeff"]:
		for line_end: String in ["\n", "\r\n"]:
			for last: String in ["", line_end]:
				var written := (bom + source.replace("\n", line_end) + last).to_utf8_buffer()
				var folder := _fresh("bytes")
				_write(folder.path_join("a.gd"), written)
				check_eq(_run(folder, ["--apply"]), 0)
				var wanted := written.get_string_from_utf8().replace("ENet", "LodeENet").to_utf8_buffer()
				if not bom.is_empty():
					wanted = bom.to_utf8_buffer() + wanted
				check_eq(FileAccess.get_file_as_bytes(folder.path_join("a.gd")), wanted)
				check_eq(_run(folder, ["--undo"]), 0)
				check_eq(FileAccess.get_file_as_bytes(folder.path_join("a.gd")), written)


func test_files_that_are_not_text_are_skipped_and_listed() -> void:
	var folder := _fresh("bytes")
	for bytes: PackedByteArray in ["ENet\u0001".to_utf8_buffer() + PackedByteArray([0xFF]), PackedByteArray([0x45, 0, 0x46])]:
		_write(folder.path_join("a.gd"), bytes)
		check_eq(_run(folder, ["--apply"]), 1)
		check(_has_said("res://a.gd"), "it is reported: %s" % _said)
		check_eq(FileAccess.get_file_as_bytes(folder.path_join("a.gd")), bytes)


func test_files_that_have_changed_since_are_not_restored() -> void:
	var folder := _fresh("undo")
	for name: String in ["a.gd", "b.gd"]:
		_write(folder.path_join(name), "var a: ENetConnection\n".to_utf8_buffer())
	check_eq(_run(folder, ["--apply"]), 0)
	var changed := "var a: LodeENetConnection\nvar mine := 1\n".to_utf8_buffer()
	_write(folder.path_join("b.gd"), changed)
	check_eq(_run(folder, ["--undo"]), 2)
	check(_has_said("b.gd"), "the file is named: %s" % _said)
	check_eq(FileAccess.get_file_as_bytes(folder.path_join("b.gd")), changed)
	check_eq(FileAccess.get_file_as_string(folder.path_join("a.gd")), "var a: LodeENetConnection\n", "not half of it")
	DirAccess.remove_absolute(folder.path_join("b.gd"))
	check_eq(_run(folder, ["--undo"]), 2, "a file is gone")


func test_a_move_that_fails_changes_nothing() -> void:
	var folder := _fresh("fails")
	var names: Array[String] = ["a.gd", "b.gd"]
	for name in names:
		_write(folder.path_join(name), "var a: ENetConnection\n".to_utf8_buffer())
	# There is a file where the folder for the originals should be.
	_write(folder.path_join(".lodewire_migration"), "mine".to_utf8_buffer())
	expect_error("Could not create directory")
	check_eq(_run(folder, ["--apply"]), 2)
	check(_has_said("Failed, and nothing has changed"), "it is reported: %s" % _said)
	# The second file changes between reading and writing.
	DirAccess.remove_absolute(folder.path_join(".lodewire_migration"))
	var files := ProjectFiles.new(folder)
	var texts := {}
	for name in names:
		var file := files.read(name)
		texts[file] = file.text + "# moved\n"
	_write(folder.path_join("b.gd"), "var b: ENetPacketPeer\n".to_utf8_buffer())
	check_ne(files.write(texts), "")
	check_eq(FileAccess.get_file_as_string(folder.path_join("a.gd")), "var a: ENetConnection\n")
	check_eq(files.steps_to_undo().size(), 0, "there is nothing to undo")
	check(not DirAccess.dir_exists_absolute(folder.path_join(".lodewire_migration")), "no copies are left")


func test_a_full_disk_and_a_failure_halfway_change_nothing() -> void:
	var folder := _fresh("full")
	var names: Array[String] = ["a.gd", "b.gd", "c.gd"]
	var text := "var a: ENetConnection\n"
	var complete := 0
	for room in range(0, 1400, 31):
		if _write_to(PoorDisk.new(folder), names, text, room, []) == "":
			complete += 1
	check(complete > 0 and complete < 45, "some disks are large enough, and some are not: %d" % complete)
	for refused in names.size():
		check_ne(_write_to(PoorDisk.new(folder), names, text, 1 << 20, [refused]), "")
	# The third file cannot be replaced, and the first two cannot be restored.
	var files := PoorDisk.new(folder)
	check(_write_to(files, names, text, 1 << 20, [2, 3, 4]).contains("restoring the files failed"), "it is reported")
	check_ne(files.originals, "")
	for name in names:
		check_eq(FileAccess.get_file_as_string(files.originals.path_join(name)), text, "the original of " + name)
	check_eq(ProjectFiles.new(folder).undo(), PackedStringArray(["a.gd", "b.gd"]), "the way back is open")
	check_eq(FileAccess.get_file_as_string(folder.path_join("a.gd")), text)


func test_the_permissions_of_a_file_stay() -> void:
	var path := _fresh("permissions").path_join("a.gd")
	_write(path, "var a: ENetConnection\n".to_utf8_buffer())
	FileAccess.set_unix_permissions(path, 0x1E8)
	var before := FileAccess.get_unix_permissions(path)
	for option: String in ["--apply", "--undo"]:
		check_eq(_run(path.get_base_dir(), [option]), 0)
		check_eq(FileAccess.get_unix_permissions(path), before, option)


func test_a_linked_file_is_not_followed() -> void:
	var theirs := _fresh("theirs").path_join("a.gd")
	var source := "var a: ENetConnection\n".to_utf8_buffer()
	_write(theirs, source)
	var folder := _fresh("linked")
	if DirAccess.open(folder).create_link(theirs, folder.path_join("a.gd")) != OK:
		skip("no links on this system")
		return
	check_eq(_run(folder, ["--apply"]), 0)
	check_eq(FileAccess.get_file_as_bytes(theirs), source)
	check(DirAccess.open(folder).is_link("a.gd"), "it is a link still")
	check(_has_said("not changed: res://a.gd, which is a link"), "it is reported: %s" % _said)


func test_each_step_is_undone_by_itself() -> void:
	var folder := _fresh("steps")
	_write(folder.path_join("a.gd"), "var a: ENetConnection\n".to_utf8_buffer())
	check_eq(_run(folder, ["--apply"]), 0)
	check_eq(_run(folder, ["--apply"]), 0, "nothing is left to do")
	_write(folder.path_join("b.gd"), "var b: ENetPacketPeer\n".to_utf8_buffer())
	check_eq(_run(folder, ["--apply"]), 0)
	check_eq(_run(folder, ["--undo"]), 0)
	check_eq(FileAccess.get_file_as_string(folder.path_join("b.gd")), "var b: ENetPacketPeer\n")
	check_eq(FileAccess.get_file_as_string(folder.path_join("a.gd")), "var a: LodeENetConnection\n")
	check_eq(_run(folder, ["--undo"]), 0)
	check_eq(FileAccess.get_file_as_string(folder.path_join("a.gd")), "var a: ENetConnection\n")
	check_eq(_run(folder, ["--undo"]), 2, "there is no more")
	check(not DirAccess.dir_exists_absolute(folder.path_join(".lodewire_migration")), "the copies are gone")


func test_folders_that_are_not_the_projects_are_not_touched() -> void:
	var folder := _fresh("folders")
	var source := "var a: ENetConnection\n".to_utf8_buffer()
	var places: Array[String] = [".godot/a.gd", ".hidden/a.gd", "ignored/a.gd", "addons/lodewire/a.gd", "addons/other/a.gd"]
	for place in places:
		_write(folder.path_join(place), source)
	_write(folder.path_join("ignored/.gdignore"), PackedByteArray())
	_write(folder.path_join("code.cs"), "// ENetConnection\nvar x = new ENetConnection();\n".to_utf8_buffer())
	check_eq(_run(folder, ["--apply"]), 1)
	for place in places:
		check_eq(FileAccess.get_file_as_bytes(folder.path_join(place)), source, place)
	check(_has_said("res://addons/other/a.gd:1"), "the other addon is listed: %s" % _said)
	check(_has_said("res://code.cs:2") and not _has_said("code.cs:1"), "C# is listed: %s" % _said)
	# The same with another case of the ending.
	DirAccess.remove_absolute(folder.path_join("code.cs"))
	var net := "// ENetConnection\nvar x = new ENetConnection();\n"
	_write(folder.path_join("Net.CS"), net.to_utf8_buffer())
	check_eq(_run(folder, ["--apply"]), 1)
	check_eq(FileAccess.get_file_as_string(folder.path_join("Net.CS")), net)
	check(_has_said("res://Net.CS:2") and not _has_said("Net.CS:1"), "C# is listed: %s" % _said)
	check_eq(_run(folder, ["--apply", "--addons"]), 1)
	check_eq(FileAccess.get_file_as_string(folder.path_join("addons/other/a.gd")), "var a: LodeENetConnection\n")


func test_projects_run_after_the_move_and_are_the_same_after_the_way_back() -> void:
	var engine := godot()
	if engine.is_empty():
		return
	for name in PROJECTS:
		var folder := _copy(name)
		var before := _contents(folder)
		var looks := _marked(folder)
		check_eq(_run(folder, []), 0 if looks.is_empty() else 1, name)
		check_eq(_contents(folder), before, "to show it changes nothing: " + name)
		check_eq(_run(folder, ["--apply"]), 0 if looks.is_empty() else 1, name)
		check_eq(_looked_at(), looks, name)
		var after := _contents(folder)
		for path: String in after:
			if path.ends_with("untouched.gd"):
				check_eq(after[path], before[path], path)
		check_eq(_run(folder, ["--apply"]), 0 if looks.is_empty() else 1, "again: " + name)
		check(_has_said(" 0 changes in 0 files made"), "nothing is left to change in %s: %s" % [name, _said])
		check_eq(_contents(folder), after, "again: " + name)
		await _play(engine, folder, name)
		check_eq(_run(folder, ["--undo"]), 2 if after == before else 0, name)
		check_eq(_contents(folder), before, "the way back: " + name)


func test_the_command_line() -> void:
	var engine := godot()
	if engine.is_empty():
		return
	var folder := _copy("rollback")
	_write(folder.path_join("project.godot"), "config_version=5\n\n[autoload]\n\nGame=\"*res://game.gd\"\n".to_utf8_buffer())
	_write(folder.path_join("game.gd"), "extends Node\n\nfunc _init() -> void:\n\tprint(\"the game runs\")\n".to_utf8_buffer())
	var before := _contents(folder)
	for step: Array in [
		[["--diff"], 1, "+\tif not peer is LodeENetMultiplayerPeer or \\"], [[], 1, "Next: commit your work"],
		[["--apply"], 1, "res://addons/rewind/adaptor.gd:5"], [["--apply", "--addons"], 0, "Next: open the project"],
		[["--undo"], 0, "Summary: 1 file restored"], [["--undo"], 0, "Next: nothing"], [["--undo"], 2, "Failed"],
		[["--nonsense"], 2, "Usage:"], [["--apply", "--undo"], 2, "exclude each other"], [["--help"], 0, "Usage:"],
	]:
		var arguments := ["--headless", "--path", folder, "--script", "res://addons/lodewire/migrate.gd", "--"]
		var process := start_process(engine, PackedStringArray(arguments + step[0]))
		check_eq(await process.finished(), step[1], "%s: %s" % [step[0], process.output()])
		check(process.output().contains(step[2]), "%s: %s" % [step[0], process.output()])
		check(not process.output().contains("the game runs"), "the game's own scripts do not run")
	check_eq(_contents(folder), before)


func test_the_editor_offers_it() -> void:
	var engine := godot()
	if engine.is_empty():
		return
	var folder := _copy("god3_chat")
	var settings := "config_version=5\n\n[editor_plugins]\n\nenabled=PackedStringArray(\"res://addons/other/plugin.cfg\")\n"
	_write(folder.path_join("project.godot"), settings.to_utf8_buffer())
	var plugin := "[plugin]\n\nname=\"x\"\ndescription=\"\"\nauthor=\"\"\nversion=\"1\"\nscript=\"plugin.gd\"\n"
	_write(folder.path_join("addons/other/plugin.cfg"), plugin.to_utf8_buffer())
	_write(folder.path_join("addons/other/plugin.gd"), PLUGIN.to_utf8_buffer())
	var editor := start_process(engine, PackedStringArray(["--headless", "--editor", "--path", folder]))
	check_eq(await editor.finished(), 0)
	check(editor.output().contains("offered: Lodewire: changes that a migration of"), "it shows first what it would do")
	check(editor.output().contains("changed res://main.gd"), "it does it")
	var now := FileAccess.get_file_as_string(folder.path_join("main.gd"))
	check(now.contains("LodeWebSocketClient.new()"), "it has done it: " + now)


func test_a_project_of_godot_3_is_to_be_converted_first() -> void:
	var folder := _fresh("old")
	_write(folder.path_join("project.godot"), "config_version=4\n".to_utf8_buffer())
	check_eq(_run(folder, []), 1)
	check(_has_said("--convert-3to4"), "it is reported: %s" % _said)


func test_a_project_in_the_language_of_godot_3_runs_after_the_engines_converter_and_the_move() -> void:
	var engine := godot()
	if engine.is_empty():
		return
	# The addon is installed after it: the converter changes all scripts that it finds.
	var folder := _fresh("god3_raw")
	_copy_files(ProjectSettings.globalize_path("res://migration/god3_raw"), folder)
	var settings := "config_version=4\n\n[application]\n\nrun/main_scene=\"res://main.tscn\"\n"
	_write(folder.path_join("project.godot"), settings.to_utf8_buffer())
	var converter := start_process(engine, PackedStringArray(["--headless", "--path", folder, "--convert-3to4"]))
	check_eq(await converter.finished(), 0, "the converter")
	_install(folder)
	var before := _contents(folder)
	check_eq(_run(folder, ["--apply"]), 0, "nothing is left to check: %s" % _said)
	await _play(engine, folder, "god3_raw")
	check_eq(_run(folder, ["--undo"]), 0)
	check_eq(_contents(folder), before)


func test_a_project_with_a_web_export_gets_a_hint() -> void:
	var folder := _fresh("web")
	check_eq(_run(folder, []), 0)
	check(not _has_said("note:"), "nothing is reported: %s" % _said)
	_write(folder.path_join("export_presets.cfg"), "[preset.0]\n\nname=\"x\"\nplatform=\"Web\"\n".to_utf8_buffer())
	check_eq(_run(folder, []), 0)
	check(_has_said("exported to the web"), "it is reported: %s" % _said)


## Runs a project, imported where it has a `class_name`, which says when its two sides have exchanged a message.
func _play(engine: String, folder: String, name: String) -> void:
	var before := _contents(folder)
	var has_global_classes := FileAccess.file_exists(folder.path_join("web_socket_server.gd"))
	for arguments: Array in [["--import"], []] if has_global_classes else [[]]:
		var game := start_process(engine, PackedStringArray(["--headless", "--path", folder] + arguments))
		check_eq(await game.finished(), 0, name)
		check(not game.output().contains("ERROR:"), "%s logs errors" % name)
		check(arguments == ["--import"] or game.output().contains("exchanged"), name + ": both sides exchange a message")
	# Files that the import has written are not part of the project.
	for path: String in _contents(folder):
		if not before.has(path):
			DirAccess.remove_absolute(folder.path_join(path))


func _rules_of(source: String) -> ScriptRules:
	var project := ScriptRules.Project.new()
	project.makes_sockets = true
	var rules := ScriptRules.new()
	rules.read(Tokens.of_script(source), project)
	return rules


func _rewritten(source: String, is_scene := false) -> String:
	if not is_scene:
		return ScriptRules.apply(source, _rules_of(source).edits)
	var rules := SceneRules.new()
	rules.read(Tokens.of_scene(source), ScriptRules.Project.new())
	return ScriptRules.apply(source, rules.edits)


func _run(folder: String, options: PackedStringArray) -> int:
	_said.clear()
	var migration := Migration.new()
	check_eq(migration.configure(options), "")
	migration.say = func(line: String) -> void: _said.append(line)
	return migration.run(folder)


## Writes files to a failing disk. If it fails without another message, nothing has changed.
func _write_to(files: ProjectFiles, names: Array[String], text: String, room: int, refused: Array[int]) -> String:
	var texts := {}
	for name in names:
		_write(files.root.path_join(name), text.to_utf8_buffer())
		var file := files.read(name)
		texts[file] = text + "# moved\n"
	files.set("room", room)
	files.set("refused", refused)
	var problem := files.write(texts)
	if not files.originals.is_empty():
		return problem
	for name in names:
		var wanted := text if not problem.is_empty() else text + "# moved\n"
		check_eq(FileAccess.get_file_as_string(files.root.path_join(name)), wanted, "%d bytes of room: %s" % [room, problem])
		check(not FileAccess.file_exists(files.root.path_join(".%s.lodewire" % name)), "nothing is left beside it")
	check_eq(files.steps_to_undo().size(), 1 if problem.is_empty() else 0)
	if problem.is_empty():
		files._remove_step(files.root.path_join(ProjectFiles.BACKUP).path_join("001"))
	return problem


func _has_said(text: String) -> bool:
	return "\n".join(_said).contains(text)


## An empty project.
func _fresh(name: String) -> String:
	var folder := ProjectSettings.globalize_path("user://migration_%d" % OS.get_process_id()).path_join(name)
	_remove(folder)
	_write(folder.path_join("project.godot"), "config_version=5\n\n[application]\n\nrun/main_scene=\"res://main.tscn\"\n".to_utf8_buffer())
	return folder


## A project of tests/migration with the addon in it.
func _copy(name: String) -> String:
	var folder := _fresh(name)
	_copy_files(ProjectSettings.globalize_path("res://migration").path_join(name), folder)
	_install(folder)
	return folder


## Puts the addon into a project.
func _install(folder: String) -> void:
	DirAccess.make_dir_recursive_absolute(folder.path_join("addons"))
	var addon := ProjectSettings.globalize_path("res://addons/lodewire")
	DirAccess.open(folder).create_link(addon, folder.path_join("addons/lodewire"))
	_write(folder.path_join(".godot/extension_list.cfg"), "res://addons/lodewire/lodewire.gdextension\n".to_utf8_buffer())


func _copy_files(from: String, to: String) -> void:
	for file in DirAccess.get_files_at(from):
		_write(to.path_join(file), FileAccess.get_file_as_bytes(from.path_join(file)))
	for folder in DirAccess.get_directories_at(from):
		_copy_files(from.path_join(folder), to.path_join(folder))


func _write(path: String, bytes: PackedByteArray) -> void:
	DirAccess.make_dir_recursive_absolute(path.get_base_dir())
	var file := FileAccess.open(path, FileAccess.WRITE)
	file.store_buffer(bytes)


## The bytes of all files of a project that are not the engine's or the addon's.
func _contents(folder: String, under := "") -> Dictionary:
	var found := {}
	var directory := DirAccess.open(folder.path_join(under))
	for file in directory.get_files():
		found[under.path_join(file)] = FileAccess.get_file_as_bytes(folder.path_join(under).path_join(file))
	for name in directory.get_directories():
		if not name.begins_with(".") and not directory.is_link(name):
			found.merge(_contents(folder, under.path_join(name)))
	return found


## The lines of a project that are marked to be checked by hand.
func _marked(folder: String) -> PackedStringArray:
	var found := PackedStringArray()
	var contents := _contents(folder)
	for path: String in contents:
		if path.get_extension() == "gd":
			var lines: PackedStringArray = contents[path].get_string_from_utf8().split("\n")
			for index in lines.size():
				if lines[index].ends_with("# LOOK"):
					found.append("res://%s:%d" % [path, index + 1])
	found.sort()
	return found


## The places that were listed.
func _looked_at() -> PackedStringArray:
	var found := PackedStringArray()
	for line in _said:
		if line.begins_with("  res://"):
			found.append(line.strip_edges().get_slice(" ", 0))
	found.sort()
	return found


func _remove(folder: String) -> void:
	var directory := DirAccess.open(folder)
	if directory == null:
		return
	directory.include_hidden = true
	for name in directory.get_directories():
		if directory.is_link(name):
			directory.remove(name)
		else:
			_remove(folder.path_join(name))
	for name in directory.get_files():
		directory.remove(name)
	DirAccess.remove_absolute(folder)


func after_each() -> void:
	_remove(ProjectSettings.globalize_path("user://migration_%d" % OS.get_process_id()))
