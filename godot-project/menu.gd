extends Control
## The menu of the demos.

const SCENES := {
	"Chat": ["res://chat/chat.tscn", "WebSocket, with a page for the browser"],
	"Arena": ["res://arena/arena.tscn", "ENet over DTLS: a server that decides, eight bots and you"],
	"Documents: WebSocketServer": ["res://examples/websocket.tscn", "our server, the engine's client"],
	"Documents: ENetConnection": ["res://examples/enet.tscn", "our server, the engine's client"],
	"Documents: DTLSServer": ["res://examples/dtls.tscn", "our server, the engine's client"],
}

@onready var _buttons: GridContainer = %Buttons


func _ready() -> void:
	if not ClassDB.class_exists("LodeWebSocketServer"):
		%Hint.text = "The addon is not built yet: run `cargo xtask build --debug` once."
	for title: String in SCENES:
		var button := Button.new()
		button.text = title
		button.custom_minimum_size = Vector2(320, 48)
		button.pressed.connect(get_tree().change_scene_to_file.bind(SCENES[title][0]))
		var label := Label.new()
		label.text = SCENES[title][1]
		_buttons.add_child(button)
		_buttons.add_child(label)
	(_buttons.get_child(0) as Button).grab_focus()
