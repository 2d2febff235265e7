extends "res://test_case.gd"
## One test for each result that a test can have.

signal never


func deadline_of(method: String) -> float:
	return 0.3 if method.ends_with("_too_long") else HANG_TIMEOUT


func test_passes() -> void:
	check(true, "it holds")
	check_eq(1 + 1, 2)
	check_eq(&"name", "name")
	check_ne(1, 2)
	check_lt(1, 2)
	check_le(2, 2)
	check_gt(2, 1)
	check_ge(2, 2)


func test_passes_after_awaiting() -> void:
	var began := Time.get_ticks_msec()
	await wait_frames(2)
	await wait_seconds(0.05)
	check(await wait_until(func() -> bool: return Time.get_ticks_msec() > began + 100), "time goes by")
	check(not await wait_until(func() -> bool: return false, 0.05), "what never holds is not waited for")


func test_fails() -> void:
	check_eq(1 + 1, 3, "one and one")


func test_fails_after_awaiting() -> void:
	check(true, "nothing has happened")
	await wait_frames(2)
	check(false, "it holds")


func test_fails_by_type() -> void:
	check_eq(1, 1.0)


func test_asserts_nothing() -> void:
	await wait_frames(1)


func test_is_skipped() -> void:
	skip("not today")


func test_fails_though_skipped() -> void:
	fail("before the skip")
	skip("not today")


func test_takes_too_long() -> void:
	check(true, "it begins")
	await never


func test_waits_for_frames_too_long() -> void:
	check(true, "it begins")
	while true:
		await get_tree().process_frame


func test_logs_an_error() -> void:
	check(true, "it holds")
	push_error("not announced")


func test_logs_an_announced_error() -> void:
	expect_error("announced")
	push_error("announced")
	await wait_frames(1)
	expect_error("a warning")
	push_warning("a warning")


func test_logs_an_announced_error_twice() -> void:
	expect_error("announced once")
	push_error("announced once")
	push_error("announced once")


func test_announces_what_does_not_come() -> void:
	expect_error("never logged")


func test_has_a_script_error() -> void:
	check(true, "it holds")
	var nothing: Node = null
	nothing.queue_free()


func test_has_a_script_error_after_awaiting() -> void:
	check(true, "it holds")
	await wait_frames(1)
	var nothing: Node = null
	nothing.queue_free()
