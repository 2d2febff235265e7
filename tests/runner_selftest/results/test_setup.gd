extends "res://test_case.gd"
## The methods before and after each test.

static var _cleaned_up := 0
static var _process_id := -1

var _is_set_up := false


func before_each() -> void:
	await wait_frames(1)
	_is_set_up = true


func after_each() -> void:
	await wait_frames(1)
	_cleaned_up += 1


func test_is_set_up() -> void:
	check(_is_set_up, "before_each has run")


func test_fails_and_is_cleaned_up() -> void:
	fail("on purpose")


func test_was_cleaned_up() -> void:
	check_eq(_cleaned_up, 2, "runs of after_each")


func test_starts_a_process() -> void:
	var peer := start_process("sh", ["-c", "echo listening on port 80; echo bad >&2; exit 7"])
	check_eq(await peer.line_after("listening on port "), "80")
	check_eq(await peer.finished(), 7, "the exit code")
	check_eq(peer.output(), "listening on port 80\nbad\n")
	var missing := start_process("/no/such/program")
	check_eq(await missing.finished(), 127, "the exit code of what does not exist")
	check_eq(await missing.line_after("listening"), "")


func test_process_is_shown() -> void:
	var peer := start_process("sh", ["-c", "echo said by the peer; exec sleep 60"])
	_process_id = peer.pid
	await peer.line_after("said")
	check_eq(await peer.finished(0.05), -1, "a process that goes on")
	fail("to see what the peer said")


func test_process_was_killed() -> void:
	check(_process_id > 0, "there was a process")
	check_ne(OS.execute("sh", ["-c", "kill -0 %d 2>/dev/null" % _process_id]), 0, "sending it a signal")
