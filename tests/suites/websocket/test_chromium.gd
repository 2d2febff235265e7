extends "res://test_case.gd"
## A page in a real browser: ws and wss, text and bytes, compression, and close codes.

const EchoServer := preload("res://suites/websocket/echo_server.gd")

var echo: EchoServer


func deadline_of(_method: String) -> float:
	return 60.0


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
	var told: Array[String] = []
	echo.server.client_close_request.connect(
		func(_id: int, code: int, reason: String) -> void: told.append("%d %s" % [code, reason])
	)
	var page := ProjectSettings.globalize_path("res://suites/websocket/peers/page.html")
	var url := "file://%s#%s://localhost:%d/page" % [page, scheme, echo.port()]
	var profile := OS.get_cache_dir().path_join("lodewire-chromium-%d" % echo.port())
	var browser := start_process(program, ["--user-data-dir=" + profile, "--ignore-certificate-errors", url])
	check(await until(func() -> bool: return echo.reports.size() == 1, 50.0), "the page reports")
	check_eq(echo.reports, ["permessage-deflate; all came back; closed 4003 bye true"] as Array[String])
	check_eq(told, ["4001 done"] as Array[String])
	browser.kill()
	OS.execute("rm", ["-rf", profile])
