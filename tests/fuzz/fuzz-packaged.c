/*
 * What `otad --take-over` and `--which` go by: a byte says what is there, one
 * how the self-updated otad ends that is asked for its version. Then
 * STATE/packaged, a record of STATE/install, and what that otad prints, with a
 * byte 0x1E between them.
 */

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otad/base/file.h"
#include "otad/base/loop.h"
#include "otad/base/process.h"
#include "otad/install/packaged.h"
#include "otad/install/trial.h"

#include "../../src/base/line-buffer.h"

#define VERSION "1.0.1"
#define OWN_PROGRAM "packaged-otad"
#define SEPARATOR '\x1e'

enum {
	HAS_RECORD = 1,
	HAS_INSTALL = 2,
	HAS_UPDATED = 4,
	HAS_BACKUP = 8,
	HAS_MARKER = 16,
	HAS_JOB = 32,
	IS_KNOWN = 64,    /* the record begins with this package */
	IS_NO_PROGRAM = 128, /* what was self-updated cannot be started */
};

/* ---- an otad that prints what the input has for it ---- */

static struct {
	const char *output;
	size_t size;
	uint8_t ends;
	bool starts;
	unsigned asked;
} updated_otad;

static const enum ota_error_kind cannot_start[] = {
	OTA_ERROR_NOT_FOUND,
	OTA_ERROR_PERMISSION,
	OTA_ERROR_INCOMPATIBLE,
	OTA_ERROR_INTERNAL,
};

struct process {
	struct loop_source *soon;
	process_line_fn on_line;
	process_exit_fn on_exit;
	void *user_data;
};

static bool print_line(void *user_data, const char *line)
{
	struct process *process = user_data;

	process->on_line(process, line, process->user_data);
	return true;
}

static void run(struct loop_source *source, void *user_data)
{
	static const struct process_result results[] = {
		{ .exit_status = 0 },
		{ .exit_status = 1 },
		{ .exit_status = -1, .signal = 11 },
		{ .exit_status = -1, .signal = 15, .timed_out = true },
	};
	struct process *process = user_data;
	OTA_CLEANUP(freep)
	struct line_buffer *buffer = calloc(1, sizeof(*buffer));

	fuzz_check(buffer);
	fuzz_check(line_buffer_add(buffer, updated_otad.output,
				   updated_otad.size, print_line, process));
	fuzz_check(line_buffer_end(buffer, print_line, process));
	process->on_exit(process, &results[updated_otad.ends % 4],
			 process->user_data);
}

struct process *__wrap_process_new(struct loop *loop,
				   const struct process_request *request,
				   process_line_fn on_line,
				   process_exit_fn on_exit, void *user_data,
				   struct ota_error *err);
struct process *__wrap_process_new(struct loop *loop,
				   const struct process_request *request,
				   process_line_fn on_line,
				   process_exit_fn on_exit, void *user_data,
				   struct ota_error *err)
{
	struct process *process = calloc(1, sizeof(*process));

	fuzz_check(process && request->timeout_ms > 0);
	fuzz_check(strcmp(request->argv[1], "--version") == 0);
	fuzz_check(!request->argv[2]);
	updated_otad.asked++;
	if (!updated_otad.starts) {
		free(process);
		ota_fail(err, cannot_start[updated_otad.ends % 4],
			 "no program");
		return NULL;
	}
	*process = (struct process){
		.soon = loop_add_defer(loop, run, process, err),
		.on_line = on_line,
		.on_exit = on_exit,
		.user_data = user_data,
	};
	fuzz_check(process->soon);
	return process;
}

struct process *__wrap_process_free(struct process *process);
struct process *__wrap_process_free(struct process *process)
{
	if (process)
		loop_source_free(process->soon);
	free(process);
	return NULL;
}

/* ---- the state directory ---- */

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	return path;
}

static bool is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static void place(bool wanted, const char *name, const char *text)
{
	if (wanted)
		fuzz_write(name, (const uint8_t *)text, strlen(text));
	else
		unlink(path_of(name));
}

static void place_updated(unsigned has)
{
	place(has & HAS_UPDATED, "bin/otad", "updated");
	if (has & HAS_UPDATED)
		fuzz_check(chmod(path_of("bin/otad"), 0755) == 0);
	place(has & HAS_BACKUP, "bin/otad.old", "older");
	place(has & HAS_MARKER, TRIAL_FILE, "");
	place(has & HAS_JOB, "jobs/0123456789abcdef.json", "{}");
}

/* NULL: there is none. Owned. */
static char *read_record(void)
{
	size_t size;

	return file_read(path_of("packaged"), 1000000, &size, NULL);
}

static const struct packaged *packaged(void)
{
	static char path[256];
	static struct packaged made = { .path = path, .version = VERSION };

	if (made.state_dir)
		return &made;
	made.state_dir = fuzz_dir();
	place(true, OWN_PROGRAM, "packaged");
	strcpy(path, path_of(OWN_PROGRAM));
	mkdir(path_of("bin"), 0755);
	mkdir(path_of("install"), 0755);
	mkdir(path_of("jobs"), 0755);
	return &made;
}

/* The line by which this package is known; there is no other state yet. */
static const char *known_line(void)
{
	static char *line; /* for good */
	char updated[VERSION_MAX_BYTES + 1];
	struct ota_error err = OTA_ERROR_INIT;
	enum packaged_choice choice;

	if (line)
		return line;
	fuzz_check(packaged_take_over(packaged(), &choice, updated, &err));
	fuzz_check(choice == PACKAGED_ALONE);
	line = read_record();
	fuzz_check(line && strncmp(line, "PACKAGED=", 9) == 0);
	return line;
}

static void write_record(unsigned has, const char *text)
{
	OTA_CLEANUP(freep) char *whole = NULL;

	fuzz_check(asprintf(&whole, "%s%s",
			    has & IS_KNOWN ? known_line() : "", text) >= 0);
	place(has & (HAS_RECORD | IS_KNOWN), "packaged", whole);
}

/* ---- what must hold ---- */

/* It stands in the first line of an otad that ended well. */
static void check_version(const char *version)
{
	size_t size = strlen(version);

	fuzz_check(updated_otad.asked && updated_otad.starts);
	fuzz_check(updated_otad.ends % 4 == 0);
	fuzz_check(version_is_valid(version));
	fuzz_check(updated_otad.size >= strlen("otad ") + size);
	fuzz_check(memcmp(updated_otad.output, "otad ", 5) == 0);
	fuzz_check(memcmp(updated_otad.output + 5, version, size) == 0);
}

static void check_choice(unsigned has, enum packaged_choice choice,
			 const char *updated)
{
	bool asked = updated_otad.asked > 0;

	if (updated[0])
		check_version(updated);
	switch (choice) {
	case PACKAGED_ALONE:
		fuzz_check(!asked && !(has & HAS_UPDATED));
		break;
	case PACKAGED_STAYS_AWAY:
		fuzz_check(!asked && has & HAS_UPDATED);
		break;
	case PACKAGED_COMES_LATER:
		fuzz_check(!asked);
		fuzz_check(has & HAS_MARKER ||
			   (has & HAS_INSTALL && has & HAS_JOB));
		break;
	case PACKAGED_IS_OLDER:
		fuzz_check(asked && updated[0]);
		fuzz_check(version_compare(VERSION, updated) <= 0);
		break;
	case PACKAGED_IS_NEWER:
		fuzz_check(asked && has & HAS_UPDATED);
		fuzz_check(!updated[0] ||
			   version_compare(VERSION, updated) > 0);
		break;
	}
	/* Of no memory, say, nobody concludes that it is no program. */
	if (asked && !updated_otad.starts)
		fuzz_check(cannot_start[updated_otad.ends % 4] !=
			   OTA_ERROR_INTERNAL);
	if (has & HAS_MARKER)
		fuzz_check(choice == PACKAGED_COMES_LATER);
	if (has & IS_KNOWN)
		fuzz_check(!asked);
}

static void check_untouched(unsigned has, const char *record)
{
	OTA_CLEANUP(freep) char *now = read_record();

	fuzz_check(is_there("bin/otad") == !!(has & HAS_UPDATED));
	fuzz_check(is_there("bin/otad.old") == !!(has & HAS_BACKUP));
	fuzz_check(!now == !record && (!now || strcmp(now, record) == 0));
}

/* It is made so, and not asked about again. */
static void check_taken_over(unsigned has, enum packaged_choice choice)
{
	bool removed = choice == PACKAGED_IS_NEWER;
	char updated[VERSION_MAX_BYTES + 1];
	struct ota_error err = OTA_ERROR_INIT;
	enum packaged_choice again;

	fuzz_check(is_there("bin/otad") == (has & HAS_UPDATED && !removed));
	fuzz_check(is_there("bin/otad.old") == (has & HAS_BACKUP && !removed));
	updated_otad.asked = 0;
	fuzz_check(packaged_choose(packaged(), &again, updated, &err));
	fuzz_check(updated_otad.asked == 0);
	fuzz_check(again == (is_there("bin/otad") ? PACKAGED_STAYS_AWAY :
						    PACKAGED_ALONE));
}

static void check_all(unsigned has)
{
	OTA_CLEANUP(freep) char *record = read_record();
	char updated[VERSION_MAX_BYTES + 1], same[VERSION_MAX_BYTES + 1];
	struct ota_error err = OTA_ERROR_INIT;
	enum packaged_choice told, choice;

	updated_otad.asked = 0;
	if (!packaged_choose(packaged(), &told, updated, &err)) {
		/* It could not be asked: that says nothing about it. */
		fuzz_check(!updated_otad.starts && updated_otad.asked == 1);
		fuzz_check(err.kind == OTA_ERROR_INTERNAL);
		fuzz_check(!packaged_take_over(packaged(), &choice, same, &err));
		check_untouched(has, record);
		return;
	}
	check_choice(has, told, updated);
	check_untouched(has, record);
	fuzz_check(packaged_take_over(packaged(), &choice, same, &err));
	fuzz_check(choice == told && strcmp(updated, same) == 0);
	if (choice == PACKAGED_COMES_LATER)
		check_untouched(has, record);
	else
		check_taken_over(has, choice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned has = fuzz_take_byte(&data, &size);
	uint8_t ends = fuzz_take_byte(&data, &size);
	OTA_CLEANUP(freep)
	char *record = fuzz_take_text(&data, &size, SEPARATOR);
	OTA_CLEANUP(freep)
	char *install = fuzz_take_text(&data, &size, SEPARATOR);
	OTA_CLEANUP(freep) char *output = fuzz_copy(data, size);

	updated_otad.output = output;
	updated_otad.size = size;
	updated_otad.ends = ends;
	updated_otad.starts = !(has & IS_NO_PROGRAM);
	known_line(); /* while there is nothing else */
	write_record(has, record);
	place(has & HAS_INSTALL, "install/self%2Fdefault", install);
	place_updated(has);
	check_all(has);
	return 0;
}
