extends Node
## The base of every test suite: `extends "res://test_case.gd"`.
##
## Each method whose name begins with `test_` is one test. It runs on a node of
## its own, in the tree, and may `await`. A test that checks nothing fails.
## GDScript has no exceptions, so a failed check continues with the next line:
## the checks return true if they passed, for `if not check(...): return`.

const ForeignProcess := preload("res://foreign_process.gd")

## The timeout of every wait, in seconds: it only ends a hang, and no test may depend on it.
const HANG_TIMEOUT := ForeignProcess.HANG_TIMEOUT

## Longer values are cut in messages.
const SHOWN_LENGTH := 200

var _failures := PackedStringArray()
var _skip_reason := ""
var _checks := 0
var _processes: Array[ForeignProcess] = []


## Runs before each test; may await.
func before_each() -> void:
	pass


## Runs after each test, also after one that failed or took too long; may await.
func after_each() -> void:
	pass


## The timeout of a test in seconds, including `before_each`: it only ends a hang.
func deadline_of(_method: String) -> float:
	return 5.0 * HANG_TIMEOUT


## Fails the test with [param what] when the condition does not hold.
func check(condition: bool, what: String) -> bool:
	_checks += 1
	if not condition:
		_add_failure(what)
	return condition


## Fails when the values differ, or are of different types (1 is not 1.0).
func check_eq(got: Variant, wanted: Variant, what := "") -> bool:
	return check(_equal(got, wanted), _compare_message(what, got, "wanted", wanted))


## Fails when the values are equal.
func check_ne(got: Variant, unwanted: Variant, what := "") -> bool:
	return check(not _equal(got, unwanted), _compare_message(what, got, "wanted anything but", unwanted))


## Fails when not got < limit.
func check_lt(got: Variant, limit: Variant, what := "") -> bool:
	return check(got < limit, _compare_message(what, got, "wanted less than", limit))


## Fails when not got <= limit.
func check_le(got: Variant, limit: Variant, what := "") -> bool:
	return check(got <= limit, _compare_message(what, got, "wanted at most", limit))


## Fails when not got > limit.
func check_gt(got: Variant, limit: Variant, what := "") -> bool:
	return check(got > limit, _compare_message(what, got, "wanted more than", limit))


## Fails when not got >= limit.
func check_ge(got: Variant, limit: Variant, what := "") -> bool:
	return check(got >= limit, _compare_message(what, got, "wanted at least", limit))


## Fails the test.
func fail(message: String) -> void:
	_checks += 1
	_add_failure(message)


## Counts the test as skipped, unless a check failed. The test returns after it by itself.
func skip(reason: String) -> void:
	_skip_reason = reason


## Announces one line `ERROR:` or `WARNING:` that contains the text. Call it before
## what causes the error, once for each time that it comes. It is `cargo xtask test`
## that fails the test for an announced error which does not come, and for any
## other error. A `SCRIPT ERROR:` cannot be announced.
func expect_error(substring: String) -> void:
	_checks += 1
	print("expect-error: ", substring)


## Waits until the callable returns true, calling it once a frame. Returns false at the timeout, which ends a hang;
## check what it returns: `check(await wait_until(peer_is_open), "the peer opens")`.
func wait_until(condition: Callable, seconds_at_most := HANG_TIMEOUT) -> bool:
	var end := Time.get_ticks_msec() + int(seconds_at_most * 1000.0)
	while not condition.call():
		if Time.get_ticks_msec() >= end:
			return false
		await get_tree().process_frame
	return true


## Waits for a number of frames.
func wait_frames(count: int) -> void:
	for _frame in count:
		await get_tree().process_frame


## Waits for a time.
func wait_seconds(time: float) -> void:
	await get_tree().create_timer(time).timeout


## The resident memory of the process, in bytes; 0 if the system does not report it.
func resident_bytes() -> int:
	var file := FileAccess.open("/proc/self/statm", FileAccess.READ)
	return 0 if file == null else file.get_as_text().get_slice(" ", 1).to_int() * 4096


## The CPU time of this thread, in microseconds, which does not depend on other load of the machine.
## 0 if the system does not report it.
func processor_usec() -> int:
	var file := FileAccess.open("/proc/thread-self/schedstat", FileAccess.READ)
	return 0 if file == null else file.get_line().get_slice(" ", 0).to_int() / 1000


## Starts a foreign peer. It is killed at the end of the test if it still runs then,
## and what it printed is shown if the test fails.
func start_process(program: String, arguments: PackedStringArray = []) -> ForeignProcess:
	var process := ForeignProcess.new(get_tree(), program, arguments)
	if not process.is_started():
		fail("%s does not start" % program)
	_processes.append(process)
	return process


## Python with the package `websockets`. Where it is missing: "", and the test is
## skipped with the reason; so `var python_program := python()`, and return if it is empty.
func python() -> String:
	return _foreign_program("LODEWIRE_PYTHON")


## Python with the package `pyenet`, which is ENet itself. Where it is missing: as [method python].
func pyenet() -> String:
	return _foreign_program("LODEWIRE_PYENET")


## Python with the package `python-mbedtls`. Where it is missing: as [method python].
func mbedtls() -> String:
	return _foreign_program("LODEWIRE_MBEDTLS")


## A script that starts the tool of GnuTLS whose name is its first argument. Where it is missing: as [method python].
func gnutls() -> String:
	return _foreign_program("LODEWIRE_GNUTLS")


## Node.js with the package `ws`, which scripts may `require`. Where it is missing: as [method python].
func node() -> String:
	return _foreign_program("LODEWIRE_NODE")


## A script that starts Godot 3.6 without a window. Where it is missing: as [method python].
func godot_3() -> String:
	return _foreign_program("LODEWIRE_GODOT3")


## The same with Godot 3.2.
func godot_3_2() -> String:
	return _foreign_program("LODEWIRE_GODOT3_2")


## A script that starts the engine that runs this test. Where it is missing: as [method python].
func godot() -> String:
	return _foreign_program("LODEWIRE_GODOT")


## A script that starts HAProxy. Where it is missing: as [method python].
func haproxy() -> String:
	return _foreign_program("LODEWIRE_HAPROXY")


## A script that starts nginx. Where it is missing: as [method python].
func nginx() -> String:
	return _foreign_program("LODEWIRE_NGINX")


## A script that starts Chromium without a window. Where it is missing: as [method python].
func chromium() -> String:
	return _foreign_program("LODEWIRE_CHROMIUM")


func _foreign_program(variable: String) -> String:
	var program := OS.get_environment(variable)
	if program.is_empty():
		var reason := OS.get_environment(variable + "_MISSING")
		skip(reason if not reason.is_empty() else variable + " is not set; `cargo xtask test` sets it")
	return program


## Returns whether the test can continue: no check has failed, and it is not skipped.
func can_continue() -> bool:
	return _failures.is_empty() and _skip_reason.is_empty()


func _add_failure(message: String) -> void:
	_failures.append(message + _where())


## The line of the suite that called, as " (test_x.gd:12)"; empty where the engine keeps no stacks.
func _where() -> String:
	for call in get_stack():
		if call.source.get_file().begins_with("test_") and call.source != "res://test_case.gd":
			return " (%s:%d)" % [call.source.get_file(), call.line]
	return ""


## Kills what still runs; the output goes to the messages of a failed test.
func _end_processes() -> void:
	for process in _processes:
		process.kill()
		if not _failures.is_empty():
			_failures.append(process.describe())
		process.forget()


static func _equal(one: Variant, other: Variant) -> bool:
	if (one is String or one is StringName) and (other is String or other is StringName):
		return one == other
	return typeof(one) == typeof(other) and one == other


static func _compare_message(what: String, got: Variant, relation: String, other: Variant) -> String:
	var subject := "" if what.is_empty() else what + ": "
	return "%sgot %s, %s %s" % [subject, _show(got), relation, _show(other)]


static func _show(value: Variant) -> String:
	var text := str(value) if value is Object else var_to_str(value)
	if text.length() > SHOWN_LENGTH:
		text = "%s… (%d characters)" % [text.left(SHOWN_LENGTH), text.length()]
	return text.replace("\n", "\\n")
