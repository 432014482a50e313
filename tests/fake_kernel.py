# SPDX-License-Identifier: GPL-2.0-only
"""A kernel tree of a dozen files whose kunit.py builds and boots in milliseconds.

    tree = make_fake_tree(tmp_path / "linux", console="KTAP version 1\\n1..0\\n")

The stub kunit.py takes the command line of the real one and behaves as the keyword arguments
of `make_fake_tree` say; calling it again on the same path changes the behaviour. It logs every
call as a JSON line (the argument list) to `kunit-calls` in the build directory, and the
session it runs in to `kunit-session`, see `calls` and `last_session`.

`make_fake_tools(directory)` makes stubs of make, gcc, flex and so on: put the directory first
in PATH to be independent of the machine.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Literal

Step = Literal["config", "build", "exec"]

_TOOLS = "make flex bison bc python3 awk cmp find ld ar nm objcopy gcc".split()  # noqa: SIM905
_SPDX = "# SPDX-License-Identifier: GPL-2.0-only\n"
_KUNIT = """\
# SPDX-License-Identifier: GPL-2.0-only
import argparse, json, logging, os, re, shutil, signal, subprocess, sys, time

root = os.path.realpath(__file__).split("tools/testing/kunit")[0]
switches = json.load(open(os.path.join(root, "fake-kernel.json")))
parser = argparse.ArgumentParser()
parser.add_argument("step", choices=["config", "build", "exec"])
parser.add_argument("--arch", default="um")
parser.add_argument("--build_dir", required=True)
parser.add_argument("--kunitconfig", action="append", required=True)
parser.add_argument("--kconfig_add", action="append", default=[])
parser.add_argument("--make_options", action="append", default=[])
parser.add_argument("--kernel_args", action="append", default=[])
parser.add_argument("--jobs", type=int)
parser.add_argument("--timeout", type=int)
parser.add_argument("--raw_output", nargs="?")
parser.add_argument("filter_glob", nargs="?", default="")
options = parser.parse_intermixed_args()


def build_path(name):
    return os.path.join(options.build_dir, name)


def console():
    if "@BUILD@" not in switches["console"]:
        return switches["console"]
    suite = open(os.path.join(root, "mm/pageconsistency/suite.c")).read()
    build = re.search(r'pc_build_id = "(\\w+)"', suite)
    return switches["console"].replace("@BUILD@", build[1])


with open(build_path("kunit-calls"), "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
with open(build_path("kunit-session"), "w") as log:
    log.write(str(os.getsid(0)))

if switches["ignore_signals"]:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if switches["leave_child"] == options.step:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(f"[00:00:00] fake kunit.py: {options.step}", flush=True)
if switches["hang"] == options.step:
    if options.step == "exec":
        sys.stdout.write(console())
        sys.stdout.flush()
    while True:
        time.sleep(60)
while switches["flood"] == options.step:
    print("x" * 1000)

if options.step == "config":
    with open(build_path(".config"), "w") as config:
        for fragment in options.kunitconfig:
            config.write(open(fragment).read())
        config.write("".join(option + "\\n" for option in options.kconfig_add))
    if switches["config_stderr"]:
        logging.error(switches["config_stderr"])
        sys.exit(1)
elif options.step == "build":
    if switches["build_stderr"]:
        logging.error(switches["build_stderr"].replace("@ROOT@", root.rstrip("/")))
        sys.exit(1)
    open(build_path("suite.o"), "w").close()
    if switches["cases"]:
        suite = open(os.path.join(root, "mm/pageconsistency/suite.c")).read()
        names = re.findall(r"KUNIT_CASE\\((\\w+)\\)", suite)
        code = "".join(f"void {name}(void) {{}}\\n" for name in names).encode()
        compiler = ["gcc", "-xc", "-c", "-", "-o", build_path("vmlinux")]
        subprocess.run(compiler, input=code, check=True)
    elif switches["image"]:
        for name in ("vmlinux", "linux"):
            shutil.copyfile(switches["image"], build_path(name))
else:
    assert os.path.exists(build_path("vmlinux")), "no image"
    sys.stdout.write(console())
    if switches["exec_stderr"]:
        sys.exit(switches["exec_stderr"])
"""


def make_fake_tree(
    path: Path,
    *,
    version: str = "6.12.1",
    console: str = "",
    config_stderr: str = "",
    build_stderr: str = "",
    exec_stderr: str = "",
    hang: Step | None = None,
    flood: Step | None = None,
    leave_child: Step | None = None,
    ignore_signals: bool = False,
    image: Path | None = Path(sys.executable),
    cases: bool = False,
    header: str | None = None,
) -> Path:
    """Write the tree, or change what the one at `path` does; returns `path`.

    `console` is what a boot prints; "@BUILD@" in it becomes the build id of the suite that the
    shadow tree holds. `config_stderr`, `build_stderr` and `exec_stderr` make
    that step print them as kunit.py would, and fail; "@ROOT@" in the build's is the path of
    the (shadow) tree. `hang`, `flood` and `leave_child` name the step that never ends (a
    boot prints its console first), prints without end, or leaves a process behind;
    `ignore_signals` makes SIGINT and SIGTERM have no effect. `image` is copied as the built
    image, None for none; with `cases` the image is compiled instead, and defines the suite's case
    functions. `header` is the tree's own dual_bitmap.h.
    """
    numbers = dict(zip(("VERSION", "PATCHLEVEL", "SUBLEVEL"), version.split("."), strict=False))
    files = {
        "Makefile": _SPDX
        + "".join(f"{k} = {v}\n" for k, v in numbers.items())
        + "EXTRAVERSION =\n",
        "Kbuild": _SPDX,
        "Kconfig": 'source "mm/Kconfig.debug"\n',
        "scripts/Kbuild.include": _SPDX,
        "mm/Makefile": _SPDX + "obj-y += slab.o\n",
        "mm/slab.c": "int pc_slab;\n",
        "mm/Kconfig.debug": "config PAGE_OWNER\n\tbool\n",
        "include/linux/bitmap.h": "/* bitmap */\n",
        "include/kunit/test.h": "/* kunit */\n",
        "arch/um/Makefile": _SPDX,
        "arch/um/include/asm/page.h": "/* page */\n",
        "tools/testing/kunit/kunit.py": _KUNIT,
        "tools/testing/kunit/configs/default.config": "CONFIG_KUNIT=y\n",
    }
    if header is not None:
        files["include/linux/dual_bitmap.h"] = header
    switches = {
        "console": console,
        "config_stderr": config_stderr,
        "build_stderr": build_stderr,
        "exec_stderr": exec_stderr,
        "hang": hang,
        "flood": flood,
        "leave_child": leave_child,
        "ignore_signals": ignore_signals,
        "cases": cases,
        "image": str(image.resolve()) if image else "",
    }
    files["fake-kernel.json"] = json.dumps(switches)
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")
    return path


def make_fake_tools(directory: Path) -> Path:
    """Write stubs of all that a native build looks for; returns `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    true = shutil.which("true")
    assert true is not None
    for tool in _TOOLS:
        (directory / tool).symlink_to(true)
    return directory


def calls(build_directory: Path) -> list[list[str]]:
    """The argument lists that the stub kunit.py was called with, oldest first."""
    lines = (build_directory / "kunit-calls").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def last_session(build_directory: Path) -> int:
    """The id of the session that the last call of the stub kunit.py ran in."""
    return int((build_directory / "kunit-session").read_text("utf-8"))
