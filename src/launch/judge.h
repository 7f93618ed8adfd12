#pragma once

/*
 * The judge of trials: include/otad/install/trial.h has the marker's format. It
 * takes the paths from its own state directory and believes no marker further
 * than it can read it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TARGET "bin/otad"
#define BACKUP "bin/otad.old"
#define STAGED "bin/.otad.otad-new"

#define MARKER_MAX_BYTES 4096

struct marker {
	char text[MARKER_MAX_BYTES + 1]; /* "" when it is no readable file */
	char job[256], version[256];
	char backup_sha256[65];
	unsigned starts, max_starts, timeout_s;
	pid_t pid; /* 0: none */
};

/* False when there is none. Damaged parts get their default. */
bool marker_read(int state_fd, struct marker *ret);

/* One more start, by this process; durable. False, with errno: it cannot be
 * counted. */
bool marker_count(int state_fd, struct marker *marker);

/*
 * Ends the trial: the old version in place of the new one, for good. Without a
 * backup of the right digest both files go and the factory version, if
 * `has_factory`, is what is left. False when the disk does not let it. `kind`
 * is the name of an ota_error_kind.
 */
bool trial_end(int state_fd, const struct marker *marker, const char *reason,
	       const char *kind, bool has_factory);

/* The backup is what the marker says it is. */
bool backup_is_right(int state_fd, const struct marker *marker);

/* deadline.c: waits for the end of the trial's time. The exit status. */
int deadline_watch(int state_fd, const char *state_dir, bool has_factory);

/* One line for the journal. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
