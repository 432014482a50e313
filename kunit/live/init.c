// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only program of a live kernel: uses it, looks at the page consistency
 * checker meanwhile, and tells what it saw in KTAP on the console.
 *
 * Its arguments are the chapters to go through, and at last how to end:
 * "power-off" or "restart". Each chapter is a KTAP test with a plan of its own.
 * What was observed stands in diagnostic lines before the result it belongs to,
 *
 *   # pc <what> <key>=<value> ...
 *
 * and is judged on the host: "ok" says no more than that it could be observed.
 *
 * There is no C library but the kernel tree's own nolibc, which is included
 * from the command line.
 */

#include <linux/ioctl.h>
#include <asm/ioctls.h>

#define DEBUGFS "/sys/kernel/debug"
#define CHECKER DEBUGFS "/page_consistency"
#define TEST_SIDE DEBUGFS "/pc_live"
#define SUITES DEBUGFS "/kunit"

/* syslog()'s action, whose name is the kernel's alone. */
#define CONSOLE_LEVEL 8

#define ROUNDS 3
#define PAGES 256
#define CHILDREN 8
#define QUIET_TRIES 1000

/* A line is written at once: the kernel may print beside us. */
static char line[1024];
static unsigned int line_length;
static int console = 1;
static unsigned int result_number;
static unsigned int failures;

static int stats_file = -1;
static int validate_file = -1;
static int census_file = -1;
static int command_file = -1;

static void put(const char *text)
{
	while (*text && line_length < sizeof(line) - 1)
		line[line_length++] = *text++;
}

static void put_number(long number)
{
	put(itoa(number));
}

static void put_field(const char *key, long number)
{
	put(" ");
	put(key);
	put("=");
	put_number(number);
}

/* Waits until the line is out, so that the kernel's own come before or after. */
static void end_line(void)
{
	const char *rest = line;
	ssize_t written;

	line[line_length++] = '\n';
	while (line_length) {
		written = write(console, rest, line_length);
		if (written <= 0)
			break;
		rest += written;
		line_length -= written;
	}
	line_length = 0;
	ioctl(console, TCSBRK, (void *)1);
}

static void begin_note(const char *what)
{
	put("    # pc ");
	put(what);
}

static void complain(const char *what, const char *about, int error)
{
	put("    # cannot ");
	put(what);
	put(" ");
	put(about);
	put(": errno ");
	put_number(error);
	end_line();
}

static void result_with(int good, const char *name, const char *directive)
{
	put(good ? "    ok " : "    not ok ");
	put_number(++result_number);
	put(" ");
	put(name);
	put(directive);
	end_line();
	failures += !good;
}

static void result(int good, const char *name)
{
	result_with(good, name, "");
}

static const char *joined(const char *name, const char *rest)
{
	static char text[128];

	text[0] = '\0';
	strlcat(text, name, sizeof(text));
	strlcat(text, rest, sizeof(text));
	return text;
}

/* Whether the text, without what ends it, is in the buffer. */
static int read_again(int file, char *text, size_t size)
{
	size_t length = 0;
	ssize_t part;

	if (lseek(file, 0, SEEK_SET) < 0)
		return 0;
	while (length < size - 1) {
		part = read(file, text + length, size - 1 - length);
		if (part < 0)
			return 0;
		if (!part)
			break;
		length += part;
	}
	text[length] = '\0';
	return length > 0;
}

static int is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Lines of labels and values as fields of the note that was begun. */
static void put_fields(const char *text)
{
	while (*text) {
		char field[64];
		unsigned int length = 0;

		for (; *text && *text != '\n'; text++) {
			if (is_space(*text) || *text == ':') {
				if (length && field[length - 1] != '=' &&
				    length < sizeof(field) - 1)
					field[length++] = '=';
			} else if (length < sizeof(field) - 1) {
				field[length++] = *text;
			}
		}
		field[length] = '\0';
		put(" ");
		put(field);
		if (*text)
			text++;
	}
}

/* What the checker counted, as a note. */
static int note_stats(const char *when, int number)
{
	static char text[1024];

	if (!read_again(stats_file, text, sizeof(text))) {
		complain("read", CHECKER "/stats", errno);
		return 0;
	}
	begin_note("stats when=");
	put(when);
	put_field("number", number);
	put_fields(text);
	end_line();
	return 1;
}

/* What is set, at a moment at which nothing was allocated or freed. */
static int note_census(void)
{
	static char before[1024], after[1024], text[1024];
	int number;

	for (number = 0; number < QUIET_TRIES; number++) {
		if (!read_again(stats_file, before, sizeof(before)) ||
		    !read_again(census_file, text, sizeof(text)) ||
		    !read_again(stats_file, after, sizeof(after))) {
			complain("read", TEST_SIDE "/census", errno);
			return 0;
		}
		if (!strcmp(before, after)) {
			begin_note("census");
			put_field("tries", number + 1);
			put_fields(text);
			put_fields(before);
			end_line();
			return 1;
		}
	}
	put("    # pages came and went all the time: nothing to compare");
	end_line();
	return 0;
}

/* What validate answers to a write: good if it could be written at all. */
static int note_validate(void)
{
	ssize_t answer = write(validate_file, "1", 1);
	int error = answer < 0 ? errno : 0;

	begin_note("validate");
	put_field("answer", answer);
	put_field("errno", error);
	end_line();
	return answer == 1 || error == EIO;
}

static int command(const char *word)
{
	if (write(command_file, word, strlen(word)) == (ssize_t)strlen(word))
		return 1;
	complain("have the test side do", word, errno);
	return 0;
}

static void check_files(void)
{
	int good = 1;

	if (stats_file < 0 || validate_file < 0) {
		put("    # there is no " CHECKER
		    ": is CONFIG_DEBUG_FS off, or the checker not there?");
		end_line();
		good = 0;
	}
	if (census_file < 0 || command_file < 0) {
		put("    # there is no " TEST_SIDE
		    ": is CONFIG_DEBUG_FS off, or the test side not built in?");
		end_line();
		good = 0;
	}
	result(good, "debugfs");
}

/* The number behind a label of the census. */
static long census_number(const char *label)
{
	static char text[1024];
	const char *rest = text;

	if (!read_again(census_file, text, sizeof(text)))
		return 0;
	while (rest && strncmp(rest, label, strlen(label)))
		rest = strchr(rest, '\n') ? strchr(rest, '\n') + 1 : NULL;
	return rest ? atol(rest + strlen(label)) : 0;
}

static long size_of_page(void)
{
	return census_number("page_size ") ?: 4096;
}

/* Touches every page of fresh memory. */
static int use_memory(void)
{
	size_t step = size_of_page(), size = PAGES * step, i;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		complain("map", "memory", errno);
		return 0;
	}
	for (i = 0; i < size; i += step)
		memory[i] = 1;
	if (munmap(memory, size)) {
		complain("unmap", "memory", errno);
		return 0;
	}
	return 1;
}

/* Writes a file of as many pages in the file system of memory, and removes it. */
static int use_files(void)
{
	static char block[4096];
	size_t left = PAGES * size_of_page();
	int file = open("/work", O_CREAT | O_TRUNC | O_WRONLY, 0600);
	int good = file >= 0;

	while (good && left) {
		good = write(file, block, sizeof(block)) == sizeof(block);
		left -= sizeof(block);
	}
	if (!good)
		complain("write", "/work", errno);
	if (file >= 0)
		close(file);
	if (unlink("/work") && good) {
		complain("remove", "/work", errno);
		good = 0;
	}
	return good;
}

static int use_processes(void)
{
	int number, status;
	pid_t child;

	for (number = 0; number < CHILDREN; number++) {
		child = fork();
		if (child < 0) {
			complain("start", "a process", errno);
			return 0;
		}
		if (!child)
			exit(!use_memory());
		if (waitpid(child, &status, 0) != child || status) {
			complain("see the end of", "a process", errno);
			return 0;
		}
	}
	return 1;
}

static void go_to_work(const char *name, int (*use)(void))
{
	int good = note_stats(name, 0);
	int number;

	for (number = 1; number <= ROUNDS; number++) {
		good = use() && good;
		good = note_stats(name, number) && good;
	}
	begin_note("work name=");
	put(name);
	put_field("rounds", ROUNDS);
	put_field("pages", PAGES);
	put_field("processes", CHILDREN);
	end_line();
	result(good, name);
}

static void healthy(void)
{
	check_files();
	result(note_stats("begin", 0), "stats");
	result(note_validate(), "validate");
	go_to_work("memory", use_memory);
	go_to_work("files", use_files);
	go_to_work("processes", use_processes);
	result(note_census(), "census");
	result(note_validate(), "validate again");
	result(note_stats("end", 0), "stats again");
}

/* The damage is done, validate has looked, and now somebody comes by. */
static void come_by(const char *act)
{
	int good;

	result(note_validate() && note_stats("validated", 0), "validate");
	note_census();
	good = command(act) && note_stats("reported", 0);
	result(good, act);
}

static void flip_then_free(const char *flip)
{
	int good = command("get") && note_stats("before", 0) && command(flip);

	note_census();
	result(good, flip);
	come_by("put");
}

static void flip_then_alloc(const char *flip)
{
	int good = command("get") && command("put");

	good = good && note_stats("before", 0) && command(flip);
	note_census();
	result(good, flip);
	come_by("fetch");
	command("put");
}

static void flip_primary_then_free(void)
{
	flip_then_free("flip-primary");
}

static void flip_secondary_then_free(void)
{
	flip_then_free("flip-secondary");
}

static void flip_primary_then_alloc(void)
{
	flip_then_alloc("flip-primary");
}

static void flip_secondary_then_alloc(void)
{
	flip_then_alloc("flip-secondary");
}

static void claim(const char *first, const char *second)
{
	int good = command("get") && (!first || command(first));

	good = good && note_stats("before", 0);
	note_census();
	result(good, "prepare");
	good = command(second) && note_stats("reported", 0);
	result(good, second);
}

static void double_free(void)
{
	claim("claim-free", "claim-free");
	command("claim-alloc");
	command("put");
}

static void double_alloc(void)
{
	claim(NULL, "claim-alloc");
	command("put");
}

static void show_cost(void)
{
	static char text[4096];
	const char *rest = text;
	int file = open(TEST_SIDE "/cost", O_RDONLY);
	int good = file >= 0 && read_again(file, text, sizeof(text));

	if (!good)
		complain("read", TEST_SIDE "/cost", errno);
	while (good && *rest) {
		const char *end = strchr(rest, '\n');

		begin_note("cost");
		put(" ");
		for (; *rest && rest != end; rest++)
			put(*rest == ' ' ? "=" : (char[]){ *rest, '\0' });
		end_line();
		rest += !!end;
	}
	if (file >= 0)
		close(file);
	result(good, "cost");
}

static void key_off(void)
{
	result(command("key-off"), "key-off");
	show_cost();
}

/* Opens /sys/kernel/debug/kunit/<suite>/<file>. */
static int open_of_suite(const char *suite, const char *file, int flags)
{
	char path[256] = SUITES "/";

	strlcat(path, suite, sizeof(path));
	strlcat(path, "/", sizeof(path));
	strlcat(path, file, sizeof(path));
	return open(path, flags);
}

/* The suite's own KTAP, further to the right. */
static int show_results(const char *suite)
{
	static char text[1 << 16];
	const char *rest = text;
	int file = open_of_suite(suite, "results", O_RDONLY);
	int good = file >= 0 && read_again(file, text, sizeof(text));

	if (!good)
		complain("read the results of", suite, errno);
	while (good && *rest) {
		put("        ");
		while (*rest && *rest != '\n') {
			put((char[]){ *rest, '\0' });
			rest++;
		}
		end_line();
		rest += !!*rest;
	}
	if (file >= 0)
		close(file);
	return good;
}

static void run_again(const char *suite)
{
	int file = open_of_suite(suite, "run", O_WRONLY);
	int good;

	if (file < 0 && errno == ENOENT) {
		result_with(1, joined(suite, " again"),
			    " # SKIP this kernel cannot run a suite again");
		return;
	}
	note_stats("before", 0);
	good = file >= 0 && write(file, "1", 1) == 1;
	if (!good)
		complain("run", suite, errno);
	if (file >= 0)
		close(file);
	note_stats("after", 0);
	result(good && show_results(suite), joined(suite, " again"));
}

/* Calls for each suite; returns how many there are. */
static int visit_suites(void (*call)(const char *suite))
{
	static char entries[8192];
	int directory = open(SUITES, O_RDONLY | O_DIRECTORY);
	int position = 0, seen = 0, size;

	if (directory < 0)
		return 0;
	size = getdents64(directory, (void *)entries, sizeof(entries));
	while (position < size) {
		struct linux_dirent64 *entry = (void *)(entries + position);

		position += entry->d_reclen;
		if (entry->d_name[0] == '.')
			continue;
		seen++;
		if (call)
			call(entry->d_name);
	}
	close(directory);
	return seen;
}

static void run_suite(const char *suite)
{
	result(show_results(suite), joined(suite, " at boot"));
	run_again(suite);
}

static void kunit(void)
{
	if (!visit_suites(run_suite)) {
		complain("find suites in", SUITES, errno);
		result(0, "suites");
	}
}

/* With how many results each has: the suites are counted. */
struct chapter {
	const char *name;
	void (*run)(void);
	int results;
};

static const struct chapter chapters[] = {
	{ "healthy", healthy, 9 },
	{ "kunit", kunit, 0 },
	{ "flip-primary-then-free", flip_primary_then_free, 3 },
	{ "flip-secondary-then-free", flip_secondary_then_free, 3 },
	{ "flip-primary-then-alloc", flip_primary_then_alloc, 3 },
	{ "flip-secondary-then-alloc", flip_secondary_then_alloc, 3 },
	{ "double-free", double_free, 2 },
	{ "double-alloc", double_alloc, 2 },
	{ "cost", show_cost, 1 },
	{ "key-off", key_off, 2 },
};

static void begin_chapter(const char *name, int results)
{
	result_number = 0;
	failures = 0;
	put("    KTAP version 1");
	end_line();
	put("    # Subtest: ");
	put(name);
	end_line();
	put("    1..");
	put_number(results);
	end_line();
}

static void run_chapter(const char *name, int number)
{
	unsigned int i;
	int results;

	for (i = 0; i < sizeof(chapters) / sizeof(*chapters); i++) {
		if (strcmp(chapters[i].name, name))
			continue;
		results = chapters[i].results ?: 2 * visit_suites(NULL) ?: 1;
		begin_chapter(name, results);
		chapters[i].run();
		break;
	}
	if (i == sizeof(chapters) / sizeof(*chapters)) {
		put("# there is no such chapter");
		end_line();
		failures = 1;
	}
	put(failures ? "not ok " : "ok ");
	put_number(number);
	put(" ");
	put(name);
	end_line();
}

static void prepare(void)
{
	int file = open("/dev/console", O_RDWR);

	if (file >= 0)
		console = file;
	/* From here on the console is ours, but for warnings and worse. */
	my_syscall3(__NR_syslog, CONSOLE_LEVEL, NULL, 5);
	put("# pc init begins");
	end_line();
	mkdir("/sys", 0755);
	if (mount("sysfs", "/sys", "sysfs", 0, NULL))
		complain("mount", "sysfs", errno);
	if (mount("debugfs", DEBUGFS, "debugfs", 0, NULL))
		complain("mount", "debugfs", errno);
	/* All are kept open: what is looked at must not change by looking. */
	stats_file = open(CHECKER "/stats", O_RDONLY);
	validate_file = open(CHECKER "/validate", O_WRONLY);
	census_file = open(TEST_SIDE "/census", O_RDONLY);
	command_file = open(TEST_SIDE "/command", O_WRONLY);
}

static int is_end(const char *argument)
{
	return !strcmp(argument, "power-off") || !strcmp(argument, "restart");
}

/* User Mode Linux appends arguments of its own. */
int main(int argc, char *argv[])
{
	int end = 1, number;

	while (end < argc && !is_end(argv[end]))
		end++;
	prepare();
	put("KTAP version 1");
	end_line();
	put("1..");
	put_number(end - 1);
	end_line();
	for (number = 1; number < end; number++)
		run_chapter(argv[number], number);
	/* The kernel's own last words do not come out everywhere. */
	put("# pc init ends");
	end_line();
	reboot(end < argc && !strcmp(argv[end], "restart") ?
	       LINUX_REBOOT_CMD_RESTART : LINUX_REBOOT_CMD_POWER_OFF);
	complain("end", "this kernel", errno);
	return 1;
}
