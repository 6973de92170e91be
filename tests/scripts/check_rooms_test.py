"""check_rooms.py finds each kind of violation, and only those."""
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import check_rooms  # noqa: E402


class CheckRooms(unittest.TestCase):
    def violations(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            found, _ = check_rooms.check(pathlib.Path(folder))
            return [f"{path}:{number}: {rule}" for path, number, rule in found]

    def assert_one(self, files, *words):
        found = self.violations(files)
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_accepts_what_the_map_allows(self):
        self.assertEqual(
            self.violations(
                {
                    "include/fovea/tensor.h": "#include <vector>\n#include \"fovea/error.h\"\n",
                    "src/core/a.cpp": "#include \"core/a.h\"\n#include \"fovea/tensor.h\"\n#include <zlib.h>\n",
                    "src/graph/a.cpp": "#include \"ops/op.h\"\n",
                    "src/backends/cpu/a.cpp": "#include \"hwy/highway.h\"\n#include \"graph/graph.h\"\n",
                    "src/models/a.cpp": "#include \"layers/layer.h\"\n#include \"losses/loss.h\"\n",
                    "src/training/a.cpp": "#include \"plan/plan.h\"\n#include \"models/model.h\"\n",
                    "tools/fovea/main.cpp": "#include \"training/fit.h\"\n#include \"report/report.h\"\n",
                    "src/CMakeLists.txt": "fovea_room(core PRIVATE Threads::Threads)\nfovea_room(ops ROOMS core)\n",
                }
            ),
            [],
        )

    def test_a_lower_room_may_not_look_up(self):
        self.assert_one(
            {"src/core/a.cpp": "\n#include \"ops/op.h\"\n"}, "src/core/a.cpp:2:", "ops/op.h", "ops stands above core"
        )

    def test_the_wings_never_see_each_other(self):
        for path, include in [("src/layers/a.cpp", "plan/plan.h"), ("src/backends/cpu/a.cpp", "losses/loss.h")]:
            self.assert_one({path: f'#include "{include}"\n'}, path + ":1:", "never see each other")

    def test_rooms_side_by_side(self):
        self.assert_one({"src/data/a.cpp": '#include "saving/keras.h"\n'}, "data may not include saving/keras.h")

    def test_angle_brackets_and_spaces_hide_nothing(self):
        self.assert_one({"src/core/a.cpp": "  #  include <graph/graph.h>\n"}, "src/core/a.cpp:1:")

    def test_relative_paths_hide_nothing(self):
        files = {"src/core/a.cpp": '#include "../ops/op.h"\n', "src/ops/op.h": ""}
        self.assert_one(files, "src/core/a.cpp:1:", "core may not include ../ops/op.h")

    def test_tools_are_seen_by_nobody(self):
        files = {"src/report/a.cpp": '#include "tools/fovea/train.h"\n'}
        self.assert_one(files, "tools stands above report")

    def test_unknown_rooms(self):
        self.assert_one({"src/misc/a.cpp": ""}, "misc is no room")
        self.assert_one({"src/a.cpp": ""}, "belongs to no room")

    def test_public_headers(self):
        for include in ["<fmt/core.h>", "<sys/mman.h>", '"core/format.h"', "<fovea/tensor.h>"]:
            self.assert_one({"include/fovea/a.h": f"#pragma once\n#include {include}\n"}, "include/fovea/a.h:2:")

    def test_links(self):
        files = {"src/CMakeLists.txt": "# the map\nfovea_room(layers ROOMS initializers\n  plan PRIVATE x)\n"}
        self.assert_one(files, "src/CMakeLists.txt:2:", "layers may not link plan")


if __name__ == "__main__":
    unittest.main()
