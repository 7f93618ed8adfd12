#pragma once

/*
 * A child process in a process group of its own: bounded in time and output,
 * never waited for. Its standard output is read line by line, its standard
 * error kept for a message; both by the loop. When the direct child ends, the
 * rest of its group is killed; when we end, however, the direct child is.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct process;

/* Longer lines are cut there. */
#define PROCESS_MAX_LINE 512

struct process_request {
	const char *const *argv; /* NULL-terminated; argv[0] by $PATH if no '/' */
	const char *const *env;	 /* NULL-terminated KEY=VALUE, added to ours; NULL: none */
	const char *name; /* for messages: "Check= of module app" */
	/* SIGTERM to the group then, SIGKILL 5 s later; reported as ended another
	 * 5 s later, even if the kernel cannot end it. */
	uint64_t timeout_ms;
};

struct process_result {
	bool timed_out;
	int exit_status; /* -1 when ended by a signal */
	int signal;	 /* 0 when it exited */
	/* Last line of standard error; no blank one, no advice of systemctl(1). */
	char message[PROCESS_MAX_LINE];
};

/*
 * One line of standard output, without its newline, control bytes replaced.
 * May free `process`.
 */
typedef void (*process_line_fn)(struct process *process, const char *line,
				void *user_data);
/* Exactly once, from the loop, never inside process_new(). May free `process`. */
typedef void (*process_exit_fn)(struct process *process,
				const struct process_result *result,
				void *user_data);

/*
 * Copies `request`. `on_line` may be NULL. The child gets default signal
 * dispositions, an empty mask, /dev/null as input and no other descriptor; of
 * our environment not what is meant for this service alone ($NOTIFY_SOCKET,
 * $WATCHDOG_*, $LISTEN_*).
 * Returns owned, or NULL with `err` set (not-found, permission, incompatible:
 * no such program, not executable, not for this machine; they say so already
 * here).
 */
struct process *process_new(struct loop *loop,
			    const struct process_request *request,
			    process_line_fn on_line, process_exit_fn on_exit,
			    void *user_data, struct ota_error *err)
	OTA_MUST_CHECK;

/* Kills what still runs, without calling back. Accepts NULL, returns NULL. */
struct process *process_free(struct process *process);
OTA_DEFINE_CLEANUP(struct process *, process_free)

/* True for exit 0; else fills `err` with `kind` and a sentence naming why. */
bool process_result_check(const struct process_result *result,
			  const char *name, enum ota_error_kind kind,
			  struct ota_error *err) OTA_MUST_CHECK;
