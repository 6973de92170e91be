#!/usr/bin/env python3
"""Does what docs/adding-a-layer.md says, in a copy of the tree, and runs the conformance test there.

usage: adding_a_layer_test.py BUILD_FOLDER [cmake options of the configuration]

A code block of the page says in its first line what becomes of it: `file=PATH` and one of `new`, `append`, `remove` or
`before="LINE"`.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = "docs/adding-a-layer.md"
COPIED = ("CMakeLists.txt", "cmake", "examples", "include", "src", "tests", "docs", "scripts")


def copy_tree(target):
    """Copies what differs and removes what is gone, the page's last layer too, so that a second run builds only what
    changed."""
    for name in COPIED:
        source = os.path.join(ROOT, name)
        if os.path.isfile(source):
            copy_file(source, os.path.join(target, name))
        for folder, _, files in os.walk(source):
            for file in files:
                path = os.path.join(folder, file)
                copy_file(path, os.path.join(target, os.path.relpath(path, ROOT)))
        for folder, _, files in os.walk(os.path.join(target, name)):
            for file in files:
                path = os.path.join(folder, file)
                if not os.path.exists(os.path.join(ROOT, os.path.relpath(path, target))):
                    os.remove(path)


def copy_file(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    content = open(source, "rb").read()
    if not os.path.exists(target) or open(target, "rb").read() != content:
        open(target, "wb").write(content)
        shutil.copystat(source, target)


def blocks(page):
    """(options by name, text) of each code block that names a file."""
    for info, text in re.findall(r"^```\w+ (file=.*?)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        words = [word.partition("=") for word in shlex.split(info)]
        yield {name: value for name, _, value in words}, text


def apply(options, text, tree):
    path = os.path.join(tree, options["file"])
    if "new" in options:
        content = text
    else:
        content = open(path, encoding="utf-8").read()
        if "append" in options:
            content += text
        elif "remove" in options:
            assert text in content, f"{options['file']} does not hold what the page removes:\n{text}"
            content = content.replace(text, "")
        else:
            place = options["before"]
            assert content.count(place) == 1, f"{options['file']} has '{place}' {content.count(place)} times, not once"
            content = content.replace(place, text + place)
    open(path, "w", encoding="utf-8").write(content)
    return path


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)


def main():
    folder, *configuration = sys.argv[1:]
    # Build folders stand to their trees as everywhere, so that ccache finds what is the same.
    tree = os.path.join(folder, "tree")
    build = os.path.join(tree, "build", "release")
    copy_tree(tree)
    page = open(os.path.join(tree, PAGE), encoding="utf-8").read()
    changed = [apply(options, text, tree) for options, text in blocks(page)]
    assert len(changed) >= 4, f"{PAGE} has {len(changed)} code blocks with a file"

    def build_and_test():
        made = run("cmake", "--build", build, "--target", "conformance_test")
        if made.returncode != 0:
            sys.exit(made.stdout[-6000:])
        return run(os.path.join(build, "bin", "conformance_test"), "--gtest_brief=1",
                   "--gtest_filter=*GoldenLayers*:*Layer*Options*:*cropping3d*:*Cropping3D*")

    made = run("cmake", "-S", tree, "-B", build, "-G", "Ninja", "-DFOVEA_BUILD_TOOLS=OFF", "-DFOVEA_BUILD_BENCH=OFF",
               *configuration)
    if made.returncode != 0:
        sys.exit(made.stdout[-6000:])
    tested = build_and_test()
    if tested.returncode != 0:
        sys.exit("the layer of the page fails the conformance test:\n" + tested.stdout[-6000:])
    print(tested.stdout.strip().splitlines()[-1])

    # An option that is forgotten is found.
    layer = os.path.join(tree, "src", "layers", "cropping3d.cpp")
    text = open(layer, encoding="utf-8").read()
    forgotten = text.replace('    visitor.field("cropping", options.cropping);\n', "")
    assert forgotten != text
    open(layer, "w", encoding="utf-8").write(forgotten)
    assert build_and_test().returncode != 0, "a layer that does not visit its option passes"
    print("an option that is not visited fails")


if __name__ == "__main__":
    main()
