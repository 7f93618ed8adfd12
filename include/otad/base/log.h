#pragma once

/*
 * The journal, or plain text on standard error: journal fields when standard
 * error is connected to the journal ($JOURNAL_STREAM, systemd.exec(5)) or
 * when log_open() is told so and there is a journal, else lines
 * "LEVEL: text [OTA_JOB=.. OTA_STATE=..]". Control bytes are replaced. A reader
 * of standard error that stands still loses lines (and is told how many): it
 * does not stop the daemon.
 *
 * Mechanisms return errors and log at debug only; whoever decides what happens
 * next logs, once. Secrets and the query part of urls are never logged: see
 * log_url().
 */

#include "otad/base/cleanup.h"
#include "otad/base/error.h"

#include <stddef.h>

/* Values of syslog(3). */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5, /* an operator should know */
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* One per kind of event, explained in systemd/otad.catalog. */
struct log_message {
	const char *id; /* 32 hex digits, MESSAGE_ID= of systemd.journal-fields(7) */
};

/* OTA_...= of design.md, section 9. NULL members are left out. */
struct log_context {
	const char *device;
	const char *module;
	const char *version;
	const char *state;
	const char *error; /* name of an ota_error_kind */
	const char *job;
};

enum log_target {
	LOG_TARGET_AUTO,
	LOG_TARGET_STDERR,
	LOG_TARGET_JOURNAL,
};

/*
 * The level and the target are the only process-wide state of otad. Before it:
 * standard error, up to LOG_LEVEL_INFO. Standard descriptors that are closed lead
 * to /dev/null from then on: no file that is opened later is written to in their
 * place.
 */
void log_open(enum log_target target, enum log_level max_level);

/* `message` and `context` may be NULL. Never fails; keeps errno. */
void log_write(enum log_level level, const struct log_message *message,
	       const struct log_context *context, const char *format, ...)
	OTA_PRINTF(4, 5);

#define log_error(context, ...) log_write(LOG_LEVEL_ERROR, NULL, context, __VA_ARGS__)
#define log_warning(context, ...) log_write(LOG_LEVEL_WARNING, NULL, context, __VA_ARGS__)
#define log_notice(context, ...) log_write(LOG_LEVEL_NOTICE, NULL, context, __VA_ARGS__)
#define log_info(context, ...) log_write(LOG_LEVEL_INFO, NULL, context, __VA_ARGS__)
#define log_debug(context, ...) log_write(LOG_LEVEL_DEBUG, NULL, context, __VA_ARGS__)

/*
 * Copies `url` into `buffer` without user, query and fragment, control bytes
 * replaced by '?'; cut to `size`. Returns `buffer`.
 */
const char *log_url(const char *url, char *buffer, size_t size);
