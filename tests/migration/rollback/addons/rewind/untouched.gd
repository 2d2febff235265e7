extends RefCounted
# Names nothing that has moved but in words: ENetMultiplayerPeer.
