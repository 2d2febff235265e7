extends "res://test_case.gd"
## Many clients at once, clients that vanish, and their resources.

const EchoServer := preload("res://suites/websocket/echo_server.gd")
const PEERS := "res://suites/websocket/peers/"

var echo: EchoServer


func before_each() -> void:
	echo = EchoServer.new()


func after_each() -> void:
	if is_instance_valid(echo) and not echo.is_inside_tree():
		echo.free()


func test_thousand_clients_of_one_instant_are_all_connected() -> void:
	var program := python()
	if program == "":
		return
	add_child(echo)
	var burst := start_process(program, [_path("burst.py"), str(echo.port()), "1000"])
	check_eq(await burst.line_after("answered "), "1000")
	check(await wait_until(func() -> bool: return echo.connected.size() == 1000), "the game is reported of all")
	burst.kill()
	check(await wait_until(func() -> bool: return echo.disconnected.size() == 1000), "and of their end")


func test_client_killed_in_mid_message_leaves_nothing() -> void:
	var program := python()
	if program == "":
		return
	if OS.get_name() != "Linux":
		skip("only Linux tells what a process holds")
		return
	var before := _held()
	add_child(echo)
	var memory := 0.0
	for round_number in 5:
		var client := start_process(program, [_path("half_message.py"), str(echo.port())])
		check_eq(await client.line_after("half sent"), "", "the client says no more")
		check(client.output().begins_with("half sent"), "the client has sent half a message")
		client.kill()
		check(await wait_until(func() -> bool: return echo.disconnected.size() == round_number + 1), "its end is reported")
		check_eq(echo.clean[round_number], false)
		check(not echo.server.has_peer(echo.disconnected[round_number]), "it is gone")
		client.forget()
		if round_number == 0:
			memory = _resident_kib()
	check_lt(_resident_kib() - memory, 1500.0, "KiB grown in four more rounds of half a megabyte")
	var listening := _held()
	check_eq(listening.threads, before.threads + 1, "one thread while it listens")
	echo.server.stop()
	var after := _held()
	check_eq(after.threads, before.threads, "threads after stop()")
	check_eq(after.sockets, before.sockets, "sockets after stop()")


func test_many_servers_share_one_thread() -> void:
	if OS.get_name() != "Linux":
		skip("only Linux tells what a process holds")
		return
	var before := _held()
	var servers: Array[LodeWebSocketServer] = []
	for _i in 64:
		var server := LodeWebSocketServer.new()
		check_eq(server.listen(0), OK)
		servers.append(server)
	check_eq(_held().threads, before.threads + 1)
	servers.clear()
	check_eq(_held(), before)


func test_idle_server_uses_no_processor() -> void:
	if OS.get_name() != "Linux":
		skip("only Linux tells what a thread uses")
		return
	add_child(echo)
	# A thread names itself, after it has begun.
	if not check(await wait_until(func() -> bool: return _io_thread() != ""), "there is an I/O thread"):
		return
	var thread := _io_thread()
	# Its start may take a while.
	for _round in 100:
		var before := _switches(thread)
		await wait_seconds(0.5)
		if _switches(thread) == before:
			check(true, "it sleeps")
			return
	fail("the I/O thread wakes all the time")


func _path(script: String) -> String:
	return ProjectSettings.globalize_path(PEERS + script)


## How many threads and sockets the process has.
func _held() -> Dictionary:
	var sockets := 0
	for entry in _entries("/proc/self/fd"):
		if DirAccess.open("/proc/self/fd").read_link("/proc/self/fd/" + entry).begins_with("socket:"):
			sockets += 1
	return { "threads": _entries("/proc/self/task").size(), "sockets": sockets }


func _entries(path: String) -> PackedStringArray:
	var entries := PackedStringArray()
	var directory := DirAccess.open(path)
	directory.list_dir_begin()
	var entry := directory.get_next()
	while entry != "":
		if not entry.begins_with("."):
			entries.append(entry)
		entry = directory.get_next()
	return entries


func _io_thread() -> String:
	for task in _entries("/proc/self/task"):
		if _line_of("/proc/self/task/%s/comm" % task, "lodewire-io") != "":
			return task
	return ""


func _switches(task: String) -> int:
	return _line_of("/proc/self/task/%s/status" % task, "voluntary_ctxt_switches:").get_slice(":", 1).to_int()


func _resident_kib() -> float:
	return _line_of("/proc/self/status", "VmRSS:").get_slice(":", 1).to_float()


## The first line of a system file that begins with the text. Line by line: the system reports a length of 0.
func _line_of(path: String, start: String) -> String:
	var file := FileAccess.open(path, FileAccess.READ)
	while file != null and not file.eof_reached():
		var line := file.get_line()
		if line.begins_with(start):
			return line
	return ""
