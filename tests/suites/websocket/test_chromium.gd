extends "res://test_case.gd"
## A page in a real browser: ws and wss, text and bytes, compression, and close codes.

const EchoServer := preload("res://suites/websocket/echo_server.gd")

var echo: EchoServer


func test_page() -> void:
	await _run("ws", Callable())


func test_page_over_tls() -> void:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=localhost")
	await _run("wss", func(server: LodeWebSocketServer) -> void:
		server.private_key = key
		server.ssl_certificate = certificate
	)


## The chat demo in its own engine: its page joins, and shows another player's messages.
func test_page_of_the_chat() -> void:
	var browser_program := chromium()
	var engine := godot()
	if browser_program.is_empty() or engine.is_empty():
		return
	var probe := TCPServer.new()
	if probe.listen(9080) != OK:
		skip("another program has the port 9080")
		return
	probe.stop()
	var project := ProjectSettings.globalize_path("res://").path_join("../godot-project")
	var chat := start_process(engine, ["--headless", "--path", project, "res://chat/chat.tscn", "--", "--name=Ada"])
	check((await chat.line_after("Ada has joined from ")) == "127.0.0.1", chat.output())
	var page := "file://%s#Eve" % project.path_join("chat/page.html").simplify_path()
	var profile := OS.get_cache_dir().path_join("lodewire-chromium-chat")
	var browser := start_process(browser_program, ["--user-data-dir=" + profile, "--remote-debugging-port=0", page])
	check_eq(await chat.line_after("Eve has joined from "), "127.0.0.1", chat.output())
	browser.kill()
	check(await wait_until(func() -> bool: return chat.output().contains("Eve has left")), chat.output())
	OS.execute("rm", ["-rf", profile])


func _run(scheme: String, set_up: Callable) -> void:
	var program := chromium()
	if program.is_empty():
		return
	echo = EchoServer.new()
	echo.before_listening = func(server: LodeWebSocketServer) -> void:
		server.permessage_deflate = true
		if set_up.is_valid():
			set_up.call(server)
	add_child(echo)
	var reported: Array[String] = []
	echo.server.client_close_request.connect(
		func(_id: int, code: int, reason: String) -> void: reported.append("%d %s" % [code, reason])
	)
	var page := ProjectSettings.globalize_path("res://suites/websocket/peers/page.html")
	var url := "file://%s#%s://localhost:%d/page" % [page, scheme, echo.port()]
	var profile := OS.get_cache_dir().path_join("lodewire-chromium-%d" % echo.port())
	var browser := start_process(program, ["--user-data-dir=" + profile, "--ignore-certificate-errors", url])
	check(await wait_until(func() -> bool: return echo.reports.size() == 1), "the page reports")
	check_eq(echo.reports, ["permessage-deflate; all came back; closed 4003 bye true"] as Array[String])
	check_eq(reported, ["4001 done"] as Array[String])
	browser.kill()
	OS.execute("rm", ["-rf", profile])
