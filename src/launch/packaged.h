#pragma once

/*
 * The otad of the package and the self-updated one: the newer runs. They are
 * compared when the package's file has changed since the last start, and at no
 * other time: an update that goes to an older version on purpose stays.
 * STATE/packaged remembers what was compared; lines `KEY=VALUE`, where a value
 * is "SIZE.MTIME.NANOSECONDS.INODE" of a file:
 *
 *	PACKAGED=<the package's file>
 *	PASSED_OVER=<the self-updated one, when it was the older>
 */

#include <stdbool.h>

/*
 * Whether the package's otad comes first; `target` (the self-updated one) and
 * `factory` are paths. Says so when they were compared. Not for a trial: during
 * one the marker decides, the package's turn comes after it.
 */
bool packaged_runs(int state_fd, const char *target, const char *factory);

/* For people: which otad would run, one line on standard output. */
void packaged_print(int state_fd, const char *state, const char *factory);
