extends RefCounted
## A diff for `patch -p1` and `git apply`. The migration never changes the number of lines, so lines are compared in order.

const CONTEXT := 2


## The diff of a file, or "" if nothing differs.
static func of(path: String, before: String, after: String) -> String:
	var old := _lines(before)
	var new := _lines(after)
	var out := PackedStringArray()
	var line := 0
	while line < old.size():
		if old[line] == new[line]:
			line += 1
			continue
		var first := maxi(line - CONTEXT, 0)
		var past := line + 1
		# Changes with little between them are one hunk.
		var looking := past
		while looking < old.size() and looking < past + 2 * CONTEXT:
			looking += 1
			if old[looking - 1] != new[looking - 1]:
				past = looking
		var end := mini(past + CONTEXT, old.size())
		out.append("@@ -%d,%d +%d,%d @@" % [first + 1, end - first, first + 1, end - first])
		_append(out, old, new, first, end)
		line = end
	if out.is_empty():
		return ""
	return "--- a/%s\n+++ b/%s\n%s\n" % [path, path, "\n".join(out)]


static func _append(out: PackedStringArray, old: PackedStringArray, new: PackedStringArray, first: int, end: int) -> void:
	var at := first
	while at < end:
		if old[at] == new[at]:
			out.append(" " + old[at])
			at += 1
			continue
		var past := at
		while past < end and old[past] != new[past]:
			past += 1
		for line in range(at, past):
			out.append("-" + old[line])
		for line in range(at, past):
			out.append("+" + new[line])
		at = past


## The lines; a missing end of the last line is marked.
static func _lines(text: String) -> PackedStringArray:
	var lines := text.split("\n")
	if lines[-1].is_empty():
		lines.remove_at(lines.size() - 1)
	else:
		lines[-1] += "\n\\ No newline at end of file"
	return lines
