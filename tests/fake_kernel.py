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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from images import HEADER, SECTION

Step = Literal["config", "build", "exec"]

_TOOLS = "flex bison bc python3 awk cmp find ld ar nm objcopy gcc".split()  # noqa: SIM905
_SPDX = "# SPDX-License-Identifier: GPL-2.0-only\n"
_KUNIT = """\
# SPDX-License-Identifier: GPL-2.0-only
import argparse, json, logging, os, re, shutil, signal, subprocess, sys, time

root = os.path.realpath(__file__).split("tools/testing/kunit")[0]
switches = json.load(open(os.path.join(root, "fake-kernel")))
if switches["exits"]:
    print(switches["exits"])
    sys.exit()
parser = argparse.ArgumentParser()
parser.add_argument("step", choices=["config", "build", "exec"])
parser.add_argument("--arch", default="um")
parser.add_argument("--build_dir", required=True)
parser.add_argument("--kunitconfig", action="append", required=True)
parser.add_argument("--kconfig_add", action="append", default=[])
parser.add_argument("--make_options", action="append", default=[])
parser.add_argument("--kernel_args", action="append", default=[])
parser.add_argument("--qemu_args", action="append", default=[])
parser.add_argument("--cross_compile")
parser.add_argument("--jobs", type=int)
parser.add_argument("--timeout", type=int)
parser.add_argument("--raw_output", nargs="?")
parser.add_argument("filter_glob", nargs="?", default="")
options = parser.parse_intermixed_args()


def build_path(name):
    return os.path.join(options.build_dir, name)


def console():
    text = switches["console"]
    if isinstance(text, dict):
        text = text[options.arch]
    if "@BUILD@" not in text:
        return text
    source = open(os.path.join(root, "mm/pageconsistency/build_id.c")).read()
    build = re.search(r'pc_build_id = "(\\w+)"', source)
    return text.replace("@BUILD@", build[1])


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
    refused = re.search("Missing: (.*)", switches["config_refuses"])
    if refused and refused[1] in open(build_path(".config")).read():
        logging.error(switches["config_refuses"])
        os.remove(build_path(".config"))
        sys.exit(1)
    if switches["config_stderr"]:
        logging.error(switches["config_stderr"])
        sys.exit(1)
elif options.step == "build":
    has_suite = os.path.exists(os.path.join(root, "mm/pageconsistency/suite.c"))
    if switches["build_stderr"] and (has_suite or not switches["builds_without_suite"]):
        logging.error(switches["build_stderr"].replace("@ROOT@", root.rstrip("/")))
        sys.exit(1)
    if switches["edits"]:
        with open(switches["edits"], "a") as file:
            file.write("# edited\\n")
    open(build_path("suite.o"), "w").close()
    if not has_suite:
        sys.exit()
    if switches["cases"]:
        suite = open(os.path.join(root, "mm/pageconsistency/suite.c")).read()
        names = re.findall(r"KUNIT_CASE\\((\\w+)\\)", suite)
        source = switches["source"]
        source += "".join(f"static void {name}(void *test) {{ use(test); }}\\n" for name in names)
        source += "static struct kunit_case pc_cases[] = {"
        source += "".join(f'{{ {name}, "{name}" }}, ' for name in names) + "{ 0 } };\\n"
        source += switches["registration"]
        os.makedirs(build_path("mm/pageconsistency"), exist_ok=True)
        with open(build_path("mm/pageconsistency/suite.c"), "w") as file:
            file.write(source)
        command = ["gcc", "-O1", "-ffreestanding", "-nostdlib", "-no-pie", "-static", "-gdwarf-4"]
        command += ["-Wl,-e,0,-T," + os.path.join(root, "section.lds"), "-o", "vmlinux"]
        command += ["mm/pageconsistency/suite.c"]
        subprocess.run(command, cwd=options.build_dir, check=True)
    elif switches["image"]:
        for name in ("vmlinux", "linux"):
            shutil.copyfile(switches["image"], build_path(name))
else:
    assert os.path.exists(build_path("vmlinux")), "no image"
    sys.stdout.write(console())
    if switches["exec_stderr"]:
        sys.exit(switches["exec_stderr"])
"""

_QEMU_CONFIG = """\
QEMU_ARCH = QemuArchParams(linux_arch='x86', kconfig='', qemu_arch='fake',
                           kernel_path='vmlinux', kernel_command_line='', extra_qemu_params=[])
"""
_SOURCE = """
struct kunit_case {
	void (*run_case)(void *test);
	const char *name;
};

struct kunit_suite {
	char name[256];
	struct kunit_case *test_cases;
};

static struct dual_bitmap db;

static __attribute__((noinline)) void use(int *test)
{
	*(volatile int *)test = dual_bitmap_test(&db);
}
"""
_REGISTRATION = """
static struct kunit_suite pc_suite = { "pageconsistency", pc_cases };

static struct kunit_suite *registered
	__attribute__((used, section(".kunit_test_suites"))) = &pc_suite;
"""
_MAKE = f"""\
#!/bin/sh
# Compiles one object, as far as its ELF header goes.
for argument; do
	case $argument in
	O=*) build=${{argument#O=}} ;;
	esac
done
mkdir -p "$(dirname "$build/$argument")"
cp {sys.executable} "$build/$argument"
"""


def make_fake_tree(
    path: Path,
    *,
    version: str = "6.12.1",
    console: str | Mapping[str, str] = "",
    config_refuses: str = "",
    config_stderr: str = "",
    exits: str = "",
    builds_without_suite: bool = False,
    build_stderr: str = "",
    exec_stderr: str = "",
    hang: Step | None = None,
    flood: Step | None = None,
    leave_child: Step | None = None,
    ignore_signals: bool = False,
    edits: Path | None = None,
    architectures: Sequence[str] = (),
    image: Path | None = Path(sys.executable),
    cases: bool = False,
    header: str | None = None,
) -> Path:
    """Write the tree, or change what the one at `path` does; returns `path`.

    `console` is what a boot prints, or for each architecture; "@BUILD@" in it becomes the build id
    of the suite that the shadow tree holds. `config_stderr`, `build_stderr` and `exec_stderr` make
    that step print them as kunit.py would, and fail; "@ROOT@" in the build's is the path of
    the (shadow) tree. `config_refuses` fails as long as the option that it says is missing is
    asked for, `exits` ends every step with success and these words, and with
    `builds_without_suite` the build's failure needs a suite. `hang`, `flood` and `leave_child`
    name the step that never ends (a boot prints its console first), prints without end, or leaves
    a process behind; `ignore_signals` makes SIGINT and SIGTERM have no effect. The build adds a
    line to the file `edits`. `image` is copied as the built image, None for none; with `cases` the
    image is compiled instead, and registers the suite's case functions. `architectures` are those
    beside User Mode Linux; all are built for this machine. `header` is the tree's own
    dual_bitmap.h.
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
        "section.lds": SECTION,
        **{f"tools/testing/kunit/qemu_configs/{arch}.py": _QEMU_CONFIG for arch in architectures},
        "tools/testing/kunit/configs/default.config": "CONFIG_KUNIT=y\n",
    }
    if header is not None:
        files["include/linux/dual_bitmap.h"] = header
    switches = {
        "console": console,
        "config_refuses": config_refuses,
        "config_stderr": config_stderr,
        "exits": exits,
        "builds_without_suite": builds_without_suite,
        "build_stderr": build_stderr,
        "exec_stderr": exec_stderr,
        "hang": hang,
        "flood": flood,
        "leave_child": leave_child,
        "ignore_signals": ignore_signals,
        "edits": str(edits or ""),
        "cases": cases,
        "source": HEADER + _SOURCE,
        "registration": _REGISTRATION,
        "image": str(image.resolve()) if image else "",
    }
    files["fake-kernel"] = json.dumps(switches)
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
    return make_fake_make(directory)


def make_fake_make(directory: Path) -> Path:
    """Write stubs of make and QEMU alone: with the machine's gcc images can be compiled."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (("make", _MAKE), ("qemu-system-fake", "#!/bin/sh\n")):
        (directory / name).write_text(text, "utf-8")
        (directory / name).chmod(0o755)
    return directory


def calls(build_directory: Path) -> list[list[str]]:
    """The argument lists that the stub kunit.py was called with, oldest first."""
    log = build_directory / "kunit-calls"
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return [json.loads(line) for line in lines]


def last_session(build_directory: Path) -> int:
    """The id of the session that the last call of the stub kunit.py ran in."""
    return int((build_directory / "kunit-session").read_text("utf-8"))
