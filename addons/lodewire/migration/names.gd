extends RefCounted
## The replacement of each class, method and signal.

## Classes that are replaced by name: every method, property and constant has a counterpart.
const RENAMED := {
	"ENetConnection": "LodeENetConnection",
	"ENetPacketPeer": "LodeENetPacketPeer",
	"ENetMultiplayerPeer": "LodeENetMultiplayerPeer",
	"DTLSServer": "LodeDTLSServer",
	"PacketPeerDTLS": "LodePacketPeerDTLS",
	# Godot 3's classes, which a project may have declared itself since.
	"WebSocketServer": "LodeWebSocketServer",
	"WebSocketClient": "LodeWebSocketClient",
	"NetworkedMultiplayerENet": "LodeENetMultiplayerPeer",
	"NetworkedMultiplayerPeer": "MultiplayerPeer",
}

## The two classes of Godot 4 that clients may keep, since the protocol is the same.
const SOCKET := "WebSocketPeer"
const SOCKET_MULTIPLAYER := "WebSocketMultiplayerPeer"
const LODE_SOCKET := "LodeWebSocketPeer"

## Names that are no longer the engine's, so that a script may declare them.
const GODOT_3: Array[String] = [
	"WebSocketServer", "WebSocketClient", "NetworkedMultiplayerENet", "NetworkedMultiplayerPeer",
]

## In scripts with these names, `WebSocketPeer` may be the type of `get_peer()`.
const SOCKET_OWNERS: Array[String] = [
	"WebSocketServer", "WebSocketClient", "LodeWebSocketServer", "LodeWebSocketClient",
]

## Constants that Godot 3 had in another class.
const MOVED_CONSTANTS := {"COMPRESS_": "LodeENetConnection"}

## A script without any of these words needs no change.
const OF_INTEREST: Array[String] = [
	"ENet", "DTLS", "WebSocket", "NetworkedMultiplayer", "network_peer", "close_connection", "get_tree()",
	"peer_connected", "peer_disconnected", "server_disconnected", "refuse_new_connections",
	"connection_succeeded", "connection_failed", "connected_to_server", "connection_established",
	"connection_closed", "connection_error", "client_connected", "client_disconnected", "client_close_request",
	"data_received", "server_close_request", "peer_packet",
]

## Signals of the network classes, for which Godot 3's `connect(name, object, method)` is rewritten.
const SIGNALS: Array[String] = [
	"client_connected", "client_disconnected", "client_close_request", "data_received", "server_close_request",
	"connection_established", "connection_closed", "connection_error", "peer_packet", "peer_connected",
	"peer_disconnected", "connection_succeeded", "connection_failed", "server_disconnected", "connected_to_server",
	"network_peer_connected", "network_peer_disconnected", "network_peer_packet",
]

## Members of Godot 3's SceneTree that the engine's converter keeps there under a new name; they belong to the MultiplayerAPI now.
const OF_TREE := {
	"network_peer": "multiplayer_peer",
	"multiplayer_peer": "multiplayer_peer",
	"set_network_peer": "set_multiplayer_peer",
	"set_multiplayer_peer": "set_multiplayer_peer",
	"get_network_peer": "get_multiplayer_peer",
	"get_multiplayer_peer": "get_multiplayer_peer",
	"has_network_peer": "has_multiplayer_peer",
	"has_multiplayer_peer": "has_multiplayer_peer",
	"is_network_server": "is_server",
	"is_server": "is_server",
	"get_network_unique_id": "get_unique_id",
	"get_unique_id": "get_unique_id",
	"get_network_connected_peers": "get_peers",
	"get_peers": "get_peers",
	"get_rpc_sender_id": "get_remote_sender_id",
	"get_remote_sender_id": "get_remote_sender_id",
}

const SIGNALS_OF_TREE := {
	"network_peer_connected": "peer_connected",
	"network_peer_disconnected": "peer_disconnected",
	"peer_connected": "peer_connected",
	"peer_disconnected": "peer_disconnected",
	"connected_to_server": "connected_to_server",
	"connection_failed": "connection_failed",
	"server_disconnected": "server_disconnected",
}

## Families of names that are one class, under its name in Lodewire.
const CLASS_OF := {
	"NetworkedMultiplayerENet": "LodeENetMultiplayerPeer",
	"ENetMultiplayerPeer": "LodeENetMultiplayerPeer",
	"LodeENetMultiplayerPeer": "LodeENetMultiplayerPeer",
	"ENetConnection": "LodeENetConnection",
	"LodeENetConnection": "LodeENetConnection",
	"PacketPeerDTLS": "LodePacketPeerDTLS",
	"LodePacketPeerDTLS": "LodePacketPeerDTLS",
	"DTLSServer": "LodeDTLSServer",
	"LodeDTLSServer": "LodeDTLSServer",
	"WebSocketMultiplayerPeer": "WebSocketMultiplayerPeer",
}

const _DTLS := "pass TLSOptions to create_server() or create_client() as the last argument (docs/migration.md, ENetMultiplayerPeer)"
const _COMPRESSION := (
	"call `peer.host.compress(LodeENetConnection.COMPRESS_…)` after create_server() or create_client();"
	+ " both sides need the same mode"
)
const _SIGNALS := "this signal belongs to the MultiplayerAPI now: use `multiplayer.%s`"
const _ORDERED := "this was removed: set `transfer_mode` to TRANSFER_MODE_UNRELIABLE_ORDERED for packets that need an order"
const _CHANNELS := "the number of channels is an argument of create_server() and create_client()"

## Members that have to be checked by hand: the class, the member, and the reason.
const LOOK := {
	"LodeENetMultiplayerPeer": {
		"compression_mode": _COMPRESSION,
		"set_compression_mode": _COMPRESSION,
		"get_compression_mode": _COMPRESSION,
		"use_dtls": _DTLS,
		"set_dtls_enabled": _DTLS,
		"is_dtls_enabled": _DTLS,
		"dtls_verify": _DTLS,
		"set_dtls_verify_enabled": _DTLS,
		"dtls_hostname": _DTLS,
		"set_dtls_hostname": _DTLS,
		"set_dtls_key": _DTLS,
		"set_dtls_certificate": _DTLS,
		"always_ordered": _ORDERED,
		"set_always_ordered": _ORDERED,
		"channel_count": _CHANNELS,
		"set_channel_count": _CHANNELS,
		"get_last_packet_channel": "call `get_packet_channel()` before reading the packet",
		"server_relay": "this is `multiplayer.server_relay` now",
		"set_server_relay_enabled": "this is `multiplayer.server_relay` now",
		"connection_succeeded": _SIGNALS % "connected_to_server",
		"connection_failed": _SIGNALS % "connection_failed",
		"server_disconnected": _SIGNALS % "server_disconnected",
	},
	"LodeENetConnection": {
		"refuse_new_connections": (
			"the engine's class does nothing without DTLS; here every new client is refused, so check the code that relied on that"
		),
	},
	"WebSocketMultiplayerPeer": {
		"create_server": (
			"use `LodeWebSocketServer.new()` and `listen(port, PackedStringArray(), true)` for a server; declare the variable as"
			+ " MultiplayerPeer if it may also be a client (docs/migration.md, WebSocketMultiplayerPeer)"
		),
	},
}

const ACCEPT_STREAM := (
	"this server accepts and polls each peer: LodeWebSocketServer does both (docs/migration.md, TCPServer and"
	+ " WebSocketPeer); a client can keep its WebSocketPeer"
)
const EITHER_SOCKET := (
	"use LodeWebSocketPeer if it comes from get_peer() of LodeWebSocketServer or LodeWebSocketClient, and keep"
	+ " WebSocketPeer otherwise"
)
const CALLED_WITHOUT_OBJECT := "connect() takes a Callable in Godot 4; pass bound arguments with `.bind(…)`"
const CLOSE_CONNECTION := "if this is an ENet peer, Godot 4 calls it `close()`"
const DTLS_CHAIN := "in Godot 4: `setup(TLSOptions.server(key, certificate))`, and the chain in `ca_chain` before it"
const NAME_IN_STRING := "this string is the name of a replaced class: change it if it is used as a class name"
const C_SHARP := "C# has no types for classes of extensions: see docs/migration.md, C#"
const UNREADABLE := "this file is not UTF-8 text, and was not read"
const WEB := (
	"this project is exported to the web, where a script with a Lodewire class name does not load: see docs/web-export.md"
)
const OF_GODOT_3 := "this is a Godot 3 project: convert it first with `godot --headless --path . --convert-3to4`"
const NO_SUCH_MEMBER := "%s has no %s"
