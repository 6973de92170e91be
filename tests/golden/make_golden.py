"""Asks real Keras for the golden files: python make_golden.py [--check] [group ...]

--check writes nothing here: it makes the files anew elsewhere and names those that differ.
"""

import argparse
import filecmp
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GROUPS = ("layers", "operations", "whole_numbers", "losses", "metrics", "optimizers", "callbacks", "trajectories", "h5", "keras2")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; all if none")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    groups = arguments.groups or GROUPS
    if unknown := set(groups) - set(GROUPS):
        parser.error(f"a group is one of {', '.join(GROUPS)}. Received: {', '.join(sorted(unknown))}")

    with tempfile.TemporaryDirectory() as scratch:
        for group in groups:
            folder = os.path.join(scratch, group)
            os.mkdir(folder)
            __import__(group).write_all(folder)
            print(f"{group}: {len(os.listdir(folder))} files", flush=True)
        if arguments.check:
            return report_differences(scratch, groups)
        for group in groups:  # Only now: a failed run leaves the old files alone.
            shutil.rmtree(os.path.join(HERE, group), ignore_errors=True)
            shutil.copytree(os.path.join(scratch, group), os.path.join(HERE, group))
    return 0


def report_differences(scratch, groups):
    differing = []
    for group in groups:
        made, kept = os.path.join(scratch, group), os.path.join(HERE, group)
        names = sorted(set(os.listdir(made)) | set(os.listdir(kept) if os.path.isdir(kept) else []))
        _, mismatch, missing = filecmp.cmpfiles(made, kept, names, shallow=False)
        differing += [f"{group}/{name}" for name in mismatch + missing]
    print("\n".join(f"differs: {name}" for name in differing) or "all files are the same, byte for byte")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
