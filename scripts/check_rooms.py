#!/usr/bin/env python3
"""Holds every #include to the map of rooms in docs/design.md.

A room is a folder below src/; it may include its own headers, those of the rooms that it may know, and the public
headers fovea/*.h. A public header may include the standard library and other public headers only. The ROOMS that
src/CMakeLists.txt links are held to the same map.

usage: check_rooms.py [--root DIR]
"""
import argparse
import pathlib
import re
import sys

BELOW = {"core", "ops", "graph"}
MACHINE_WING = {"backends", "plan"}
KERAS_WING = {"initializers", "layers", "models", "losses", "metrics", "optimizers"}
BOTH = BELOW | MACHINE_WING | KERAS_WING

# Room -> the rooms that it may know.
MAP = {
    "core": set(),
    "ops": {"core"},
    "graph": {"core", "ops"},
    "backends": BELOW,
    "plan": BELOW | {"backends"},
    "initializers": BELOW,
    "layers": BELOW | {"initializers"},
    "losses": BELOW,
    "metrics": BELOW,
    "optimizers": BELOW,
    "models": BELOW | (KERAS_WING - {"models"}),
    "data": BOTH,
    "saving": BOTH,
    "callbacks": BOTH | {"data", "saving"},
    "training": BOTH | {"data", "saving", "callbacks"},
    "applications": BOTH | {"data", "saving", "callbacks", "training"},
    "report": BOTH | {"data", "saving", "callbacks", "training"},
}
MAP["tools"] = set(MAP)

SUFFIXES = {".h", ".hpp", ".cpp", ".cc", ".inc"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
ROOM_CALL = re.compile(r"^\s*fovea_room\(\s*(\w+)([^)]*)\)", re.MULTILINE)

STANDARD = set(
    """algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes climits
    clocale cmath codecvt compare complex concepts condition_variable coroutine csetjmp csignal cstdarg cstddef cstdint
    cstdio cstdlib cstring ctime cuchar cwchar cwctype deque exception execution filesystem format forward_list fstream
    functional future initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map memory
    memory_resource mutex new numbers numeric optional ostream queue random ranges ratio regex scoped_allocator
    semaphore set shared_mutex source_location span sstream stack stdexcept stop_token streambuf string string_view
    strstream syncstream system_error thread tuple type_traits typeindex typeinfo unordered_map unordered_set utility
    valarray variant vector version""".split()
)


def files_below(folder):
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())


def includes(path):
    """Yields (line number, '"' or '<', name) of every #include."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match[1], match[2]


def why_not(room, other):
    if (room in MACHINE_WING and other in KERAS_WING) or (room in KERAS_WING and other in MACHINE_WING):
        return "{backends, plan} and {%s} never see each other" % ", ".join(sorted(KERAS_WING))
    if room in MAP[other]:
        return f"{other} stands above {room}"
    return f"{room} may know {', '.join(sorted(MAP[room])) or 'no other room'}"


def room_of_include(root, path, bracket, name):
    """The room that an include in `path` leads to, or None for public and outside headers."""
    first = name.split("/")[0]
    if "/" in name and (first in MAP or (first.isidentifier() and (root / "src" / first).is_dir())):
        return first
    beside = (path.parent / name).resolve()
    if bracket == '"' and beside.is_file():
        if beside.is_relative_to(root / "src"):
            return beside.relative_to(root / "src").parts[0]
        if beside.is_relative_to(root / "tools"):
            return "tools"
    return None


def check_room_file(root, path, room):
    for number, bracket, name in includes(path):
        other = room_of_include(root, path, bracket, name)
        if other is None or other == room:
            continue
        if other not in MAP:
            yield number, f"includes {name}, but {other} is no room on the map"
        elif other not in MAP[room]:
            yield number, f"{room} may not include {name}: {why_not(room, other)}"


def check_public_header(path):
    for number, bracket, name in includes(path):
        if not (name in STANDARD if bracket == "<" else name.startswith("fovea/")):
            yield number, f"a public header may not include {name}: only the standard library and fovea/*.h"


def check_links(path):
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8")
    for match in ROOM_CALL.finditer(text):
        room, arguments = match[1], match[2].split()
        number = text.count("\n", 0, match.start(1)) + 1
        if room not in MAP:
            yield number, f"{room} is no room on the map"
            continue
        linked = arguments[arguments.index("ROOMS") + 1 :] if "ROOMS" in arguments else []
        if "PRIVATE" in linked:
            linked = linked[: linked.index("PRIVATE")]
        for other in linked:
            if other not in MAP:
                yield number, f"{other} is no room on the map"
            elif other not in MAP[room]:
                yield number, f"{room} may not link {other}: {why_not(room, other)}"


def check(root):
    """Returns ([(path, line, rule)], number of files read)."""
    root = root.resolve()
    violations = []
    count = 0

    def note(path, found):
        violations.extend((path.relative_to(root), number, rule) for number, rule in found)

    for path in files_below(root / "src"):
        count += 1
        parts = path.relative_to(root / "src").parts
        if len(parts) == 1:
            note(path, [(1, "a file in src/ itself belongs to no room")])
        elif parts[0] not in MAP:
            note(path, [(1, f"{parts[0]} is no room on the map")])
        else:
            note(path, check_room_file(root, path, parts[0]))
    for path in files_below(root / "tools"):
        count += 1
        note(path, check_room_file(root, path, "tools"))
    for path in files_below(root / "include"):
        count += 1
        note(path, check_public_header(path))
    note(root / "src" / "CMakeLists.txt", check_links(root / "src" / "CMakeLists.txt"))
    return violations, count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default_root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--root", type=pathlib.Path, default=default_root, help="the tree to read (default: this one)")
    violations, count = check(parser.parse_args().root)
    for path, number, rule in violations:
        print(f"{path}:{number}: {rule}")
    if violations:
        print(f"rooms: {len(violations)} violations; docs/design.md draws the map")
        return 1
    if count == 0:
        print("rooms: no source files found")
        return 1
    print(f"rooms: {count} files keep to the map")
    return 0


if __name__ == "__main__":
    sys.exit(main())
