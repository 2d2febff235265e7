extends SceneTree
## Reloads the extension again and again while servers are under load; `cargo xtask test` runs it in an editor.
## Nothing of an earlier round may be left: no thread, no socket, no event queue.

const Load := preload("res://lifecycle/load.gd")
const EXTENSION := "res://addons/lodewire/lodewire.gdextension"
const ROUNDS := 100


## The number of consecutive checks that find all other threads asleep once the editor has collected its help on a thread. It
## crashed once (4.6.3) when a class was removed in its first second: according to a backtrace without symbols, where it
## removes the help of that class.
const CALM := 5
const CALM_MSEC := 200
const MOST_LOOKS := 3000


func _initialize() -> void:
	var calm := 0
	for _look in MOST_LOOKS:
		OS.delay_msec(CALM_MSEC)
		calm = calm + 1 if _others_sleep() else 0
		if calm == CALM:
			break
	var before := _held()
	for round_number in ROUNDS:
		var load_now := Load.new()
		var tries := 0
		while not load_now.step() and tries < 60_000:
			tries += 1
			OS.delay_msec(1)
		if tries == 60_000 or _held() == before:
			_end("round %d: the clients do not connect" % round_number)
			return
		if GDExtensionManager.reload_extension(EXTENSION) != GDExtensionManager.LOAD_STATUS_OK:
			_end("round %d: the extension does not reload" % round_number)
			return
		if load_now.server.is_listening():
			_end("round %d: a server listens that was never told to" % round_number)
			return
		load_now.clients.clear()
	var after := _held()
	if after != before:
		_end("%s before, %s after" % [before, after])
	else:
		_end("")


func _end(failure: String) -> void:
	print("lifecycle: ", "%d reloads" % ROUNDS if failure.is_empty() else "FAIL: " + failure)
	quit(0 if failure.is_empty() else 1)


## Returns true if no other thread is running or waiting for a processor.
static func _others_sleep() -> bool:
	for task in DirAccess.get_directories_at("/proc/self/task"):
		var file := FileAccess.open("/proc/self/task/%s/stat" % task, FileAccess.READ)
		if file == null or task == str(OS.get_process_id()):
			continue
		# The state stands behind the name, which is in parentheses.
		if file.get_line().get_slice(") ", 1).begins_with("R"):
			return false
	return true


## The resources that the extension uses.
static func _held() -> Dictionary:
	var held := { "threads": 0, "sockets": 0, "event queues": 0 }
	for task in DirAccess.get_directories_at("/proc/self/task"):
		if FileAccess.open("/proc/self/task/%s/comm" % task, FileAccess.READ).get_line().begins_with("lodewire"):
			held["threads"] += 1
	var descriptors := DirAccess.open("/proc/self/fd")
	descriptors.list_dir_begin()
	var entry := descriptors.get_next()
	while entry != "":
		var target := descriptors.read_link("/proc/self/fd/" + entry)
		if target.begins_with("socket:"):
			held["sockets"] += 1
		elif target.begins_with("anon_inode:"):
			held["event queues"] += 1
		entry = descriptors.get_next()
	return held
