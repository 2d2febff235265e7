extends RefCounted
## A foreign peer: a program that a test communicates with. Start it with `start_process` of the test case.

## What the shell does before it becomes the program, so that the program's id is ours. The
## engine holds the other end of the shell's input: when that closes, as the engine is gone or
## has forgotten the program, the watcher in the background kills the program.
const SHELL_SCRIPT := """
	exec 3<&0
	{ cat <&3 >/dev/null; kill -9 $$; } 2>/dev/null &
	log="$1"
	shift
	exec "$@" >"$log" 2>&1 </dev/null 3<&-
"""

## The timeout of every wait, in seconds: it only ends a hang.
const HANG_TIMEOUT := 120.0

static var _count := 0

## The id of the process.
var pid := -1

var _tree: SceneTree
var _program: String
var _log_path: String
## Our ends of the shell's input and output; the program lives as long as they are open.
var _pipes: Dictionary
## The engine logs an error when it is asked about a process that it has killed.
var _is_killed := false


func _init(tree: SceneTree, program: String, arguments: PackedStringArray) -> void:
	_tree = tree
	_program = program
	_count += 1
	DirAccess.make_dir_recursive_absolute(OS.get_user_data_dir())
	_log_path = OS.get_user_data_dir().path_join("peer_%d_%d.log" % [OS.get_process_id(), _count])
	var shell_arguments := PackedStringArray(["-c", SHELL_SCRIPT, "sh", _log_path, program])
	shell_arguments.append_array(arguments)
	_pipes = OS.execute_with_pipe("/bin/sh", shell_arguments)
	pid = _pipes.get("pid", -1)


## Returns true if the process was started. A missing program exits immediately, with 127.
func is_started() -> bool:
	return pid > 0


## Returns true while it runs.
func is_running() -> bool:
	return is_started() and not _is_killed and OS.is_process_running(pid)


## Waits for the end of the process, and returns its exit code; -1 if it runs for
## longer, or was killed by [method kill].
func finished(seconds := HANG_TIMEOUT) -> int:
	var end := Time.get_ticks_msec() + int(seconds * 1000.0)
	while is_running():
		if Time.get_ticks_msec() >= end:
			return -1
		await _tree.process_frame
	return -1 if _is_killed else OS.get_process_exit_code(pid)


## Waits for a line that begins with the text, and returns the rest of it; "" when none comes.
## For peers that print a port: `(await peer.line_after("listening on port ")).to_int()`.
func line_after(start: String, seconds := HANG_TIMEOUT) -> String:
	var end := Time.get_ticks_msec() + int(seconds * 1000.0)
	while true:
		# Checked before the output is read, or the last lines could be missed.
		var running := is_running()
		# A last part without its end of line may still be half written.
		var lines := output().split("\n")
		for index in lines.size() - 1:
			if lines[index].begins_with(start):
				return lines[index].trim_prefix(start).strip_edges()
		if not running or Time.get_ticks_msec() >= end:
			break
		await _tree.process_frame
	return ""


## Its output so far, including errors.
func output() -> String:
	return FileAccess.get_file_as_string(_log_path) if FileAccess.file_exists(_log_path) else ""


## Kills the process if it still runs.
func kill() -> void:
	if is_running():
		OS.kill(pid)
		_is_killed = true


## The program and what it printed, for the message of a failed test.
func describe() -> String:
	var text := output().strip_edges()
	if text.is_empty():
		return "%s printed nothing" % _program.get_file()
	return "%s printed:\n  | %s" % [_program.get_file(), text.replace("\n", "\n  | ")]


## Closes what is open, and deletes the file with the output.
func forget() -> void:
	_pipes.clear()
	if FileAccess.file_exists(_log_path):
		DirAccess.remove_absolute(_log_path)
