# SPDX-License-Identifier: GPL-2.0-only
"""KTAP as KUnit prints it: a console in, a tree of tests out, in one pass.

The rules, after the kernel's Documentation/dev-tools/ktap.rst:

- Indentation alone decides where a line belongs: KTAP is nested by two or four spaces or a tab
  more than its parent. A result, plan or header at an indentation where no KTAP is open is a log
  line. A result beside an open subtest is that subtest's, if the names agree.
- Log lines belong to what comes next: to the next result, at whatever level; to the subtest
  that begins; to the plan's own test. So what KUnit prints at four spaces for a parameter is
  in the log of the parameter.
- SKIP, and XFAIL and TODO after `ok` as after `not ok`, are SKIPPED: they prove nothing. TIMEOUT
  is TEST_CRASHED and ERROR is FAILURE, also after `ok`. Any other `#` is part of the name.
- A time prefix in the middle of a line means that two messages share it: they are two lines.
- A last line without the line end that others have was cut: it counts only if it ends
  an open subtest and has its whole name.
- An oops is a log line, for KUnit survives one. A panic, a halt or a reboot ends the run; what
  comes later is log.
"""
