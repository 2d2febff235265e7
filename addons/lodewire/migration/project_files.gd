extends RefCounted
## The files of a project: reads them, writes changes, and restores the originals.

## The folder of the originals. Its name begins with a dot, so that the editor ignores it.
const BACKUP := ".lodewire_migration"
const MANIFEST := "manifest.json"
const ADDON := "addons/lodewire"
const BOM := [0xEF, 0xBB, 0xBF]

## A text file with its exact bytes.
class TextFile:
	## Relative to the project.
	var path := ""
	var text := ""
	var has_bom := false
	## True if it could be read as text, so that it can be written again without loss.
	var is_text := false

	func bytes_of(content: String) -> PackedByteArray:
		return (PackedByteArray(BOM) if has_bom else PackedByteArray()) + content.to_utf8_buffer()

	## The addon that the file belongs to, or "".
	func addon() -> String:
		return path.get_slice("/", 1) if path.begins_with("addons/") else ""


var root := ""
## Links to files and folders, which are not followed: they belong to another project.
var links: Array[String] = []
## The folder with the originals if a [method write] failed and could not be reverted.
var originals := ""


func _init(folder: String) -> void:
	root = folder


## The paths of all files with these extensions, sorted. Files that the editor ignores are skipped.
func list(endings: Array[String]) -> PackedStringArray:
	var found := PackedStringArray()
	_list("", endings, found)
	found.sort()
	return found


func _list(folder: String, endings: Array[String], found: PackedStringArray) -> void:
	var directory := DirAccess.open(root.path_join(folder))
	if directory == null:
		return
	directory.include_hidden = true
	if not folder.is_empty() and directory.file_exists(".gdignore"):
		return
	for file in directory.get_files():
		if not file.get_extension().to_lower() in endings:
			continue
		if directory.is_link(file):
			links.append(folder.path_join(file))
		else:
			found.append(folder.path_join(file))
	for name in directory.get_directories():
		var path := folder.path_join(name)
		if name.begins_with(".") or path == ADDON:
			continue
		if directory.is_link(name):
			links.append(path)
			continue
		_list(path, endings, found)


## Reads a file; see [member TextFile.is_text].
func read(path: String) -> TextFile:
	var file := TextFile.new()
	file.path = path
	var bytes := FileAccess.get_file_as_bytes(root.path_join(path))
	file.has_bom = bytes.slice(0, 3) == PackedByteArray(BOM)
	if file.has_bom:
		bytes = bytes.slice(3)
	if _is_utf8(bytes):
		file.text = bytes.get_string_from_utf8()
		file.is_text = file.text.to_utf8_buffer() == bytes
	return file


## Writes new texts, [TextFile] to [String], after a backup of the originals. Returns "" or an error message: then nothing has
## changed, or [member originals] is set.
func write(texts: Dictionary) -> String:
	originals = ""
	var steps := steps_to_undo()
	var step := "%03d" % (1 if steps.is_empty() else steps[-1].to_int() + 1)
	var folder := root.path_join(BACKUP).path_join(step)
	var problem := _keep(texts, folder)
	if not problem.is_empty():
		_remove_step(folder)
		return problem
	var before := {}
	var after := {}
	for file: TextFile in texts:
		before[file.path] = file.bytes_of(file.text)
		after[file.path] = file.bytes_of(texts[file])
	problem = _replace(after)
	if problem.is_empty():
		return ""
	var changed := {}
	for path: String in before:
		var at := root.path_join(path)
		if not FileAccess.file_exists(at) or FileAccess.get_file_as_bytes(at) != before[path]:
			changed[path] = before[path]
	var problem_back := _replace(changed)
	if problem_back.is_empty():
		_remove_step(folder)
		return problem
	originals = folder.path_join("files")
	return "%s; and restoring the files failed: %s" % [problem, problem_back]


## Copies the originals to a folder, with a list of them. Returns "" or an error message.
func _keep(texts: Dictionary, folder: String) -> String:
	var entries := []
	for file: TextFile in texts:
		var before := FileAccess.get_file_as_bytes(root.path_join(file.path))
		if before != file.bytes_of(file.text):
			return "%s has changed since it was read" % file.path
		entries.append({"path": file.path, "before": _hash(before), "after": _hash(file.bytes_of(texts[file]))})
		var problem := _store(folder.path_join("files").path_join(file.path), before)
		if not problem.is_empty():
			return problem
	# These files should not be added to version control.
	var problem := _store(root.path_join(BACKUP).path_join(".gitignore"), "*\n".to_utf8_buffer())
	if not problem.is_empty():
		return problem
	return _store(folder.path_join(MANIFEST), JSON.stringify({"files": entries}, "\t").to_utf8_buffer())


## Removes one backup, and with the last one the folder of all backups.
func _remove_step(folder: String) -> void:
	_remove(folder)
	if steps_to_undo().is_empty():
		_remove(root.path_join(BACKUP))


## The names of the backups, oldest first.
func steps_to_undo() -> PackedStringArray:
	var folder := root.path_join(BACKUP)
	if not DirAccess.dir_exists_absolute(folder):
		return PackedStringArray()
	var steps := DirAccess.get_directories_at(folder)
	steps.sort()
	return steps


## Restores every file that the last [method write] changed. Returns their paths, or an error message as a String; then it may be
## called again.
func undo() -> Variant:
	var steps := steps_to_undo()
	if steps.is_empty():
		return "there is nothing to undo: no %s" % BACKUP
	var folder := root.path_join(BACKUP).path_join(steps[-1])
	var manifest: Variant = JSON.parse_string(FileAccess.get_file_as_string(folder.path_join(MANIFEST)))
	if not manifest is Dictionary or not manifest.get("files") is Array:
		return "%s cannot be read" % folder.path_join(MANIFEST)
	var contents := {}
	var changed := PackedStringArray()
	for entry: Dictionary in manifest.files:
		var path: String = entry.path
		var original := FileAccess.get_file_as_bytes(folder.path_join("files").path_join(path))
		if _hash(original) != entry.before:
			return "the copy of %s in %s is damaged" % [path, folder]
		if not FileAccess.file_exists(root.path_join(path)):
			changed.append(path + " (gone)")
			continue
		var hash_now := _hash(FileAccess.get_file_as_bytes(root.path_join(path)))
		if hash_now == entry.after:
			contents[path] = original
		elif hash_now != entry.before:
			changed.append(path)
	if not changed.is_empty():
		return (
			"these files have changed since: %s. Nothing is restored; the originals are in %s"
			% [", ".join(changed), folder.path_join("files")]
		)
	var problem := _replace(contents)
	if not problem.is_empty():
		return "%s. The originals are in %s" % [problem, folder.path_join("files")]
	_remove_step(folder)
	return PackedStringArray(contents.keys())


## Writes new bytes to files, by path. All are written next to the targets before the first target is replaced, so that a full
## disk changes none. Returns "" or an error message.
func _replace(contents: Dictionary) -> String:
	var problem := ""
	for path: String in contents:
		problem = _stage(root.path_join(path), contents[path])
		if not problem.is_empty():
			break
	for path: String in contents:
		var target := root.path_join(path)
		var staged := _staged(target)
		if problem.is_empty():
			var error := _rename(staged, target)
			if error != OK:
				problem = "%s cannot be replaced: %s" % [target, error_string(error)]
		if FileAccess.file_exists(staged):
			DirAccess.remove_absolute(staged)
	return problem


## The path of the new bytes until they replace the file. The editor ignores names that begin with a dot.
static func _staged(target: String) -> String:
	return target.get_base_dir().path_join(".%s.lodewire" % target.get_file())


## Writes the new bytes of a file next to it, with its permissions.
func _stage(target: String, bytes: PackedByteArray) -> String:
	var staged := _staged(target)
	var permissions := 0
	if FileAccess.file_exists(target):
		# A read-only file must not be replaced either.
		if FileAccess.open(target, FileAccess.READ_WRITE) == null:
			return "%s cannot be written: %s" % [target, error_string(FileAccess.get_open_error())]
		permissions = FileAccess.get_unix_permissions(target)
	var problem := _store(staged, bytes)
	# Windows has no Unix permissions.
	if not problem.is_empty() or permissions == 0 or FileAccess.get_unix_permissions(staged) == permissions:
		return problem
	var error := FileAccess.set_unix_permissions(staged, permissions)
	return "" if error == OK else "cannot keep the permissions of %s: %s" % [target, error_string(error)]


## Writes a file, and reads it again to verify it.
func _store(path: String, bytes: PackedByteArray) -> String:
	DirAccess.make_dir_recursive_absolute(path.get_base_dir())
	var error := _put(path, bytes)
	if error != OK:
		return "%s cannot be written: %s" % [path, error_string(error)]
	if FileAccess.get_file_as_bytes(path) != bytes:
		return "%s cannot be written: it is not complete (is the disk full?)" % path
	return ""


func _put(path: String, bytes: PackedByteArray) -> Error:
	var file := FileAccess.open(path, FileAccess.WRITE)
	if file == null:
		return FileAccess.get_open_error()
	file.store_buffer(bytes)
	var error := file.get_error()
	file.flush()
	error = error if error != OK else file.get_error()
	file.close()
	return error


func _rename(from: String, to: String) -> Error:
	return DirAccess.rename_absolute(from, to)


## Removes a folder of the backup with its content.
static func _remove(folder: String) -> void:
	var directory := DirAccess.open(folder)
	if directory == null:
		return
	directory.include_hidden = true
	for name in directory.get_directories():
		_remove(folder.path_join(name))
	for name in directory.get_files():
		directory.remove(name)
	DirAccess.remove_absolute(folder)


static func _hash(bytes: PackedByteArray) -> String:
	var context := HashingContext.new()
	context.start(HashingContext.HASH_SHA256)
	if not bytes.is_empty():
		context.update(bytes)
	return context.finish().hex_encode()


## The engine logs an error for invalid UTF-8.
static func _is_utf8(bytes: PackedByteArray) -> bool:
	var at := 0
	var length := bytes.size()
	while at < length:
		var first := bytes[at]
		at += 1
		if first < 0x80:
			if first == 0:
				return false
			continue
		var more := 1 if first >= 0xC2 and first < 0xE0 else 2 if first & 0xF0 == 0xE0 else 3 if first & 0xF8 == 0xF0 else 0
		if more == 0 or at + more > length:
			return false
		for _byte in more:
			if bytes[at] & 0xC0 != 0x80:
				return false
			at += 1
	return true
