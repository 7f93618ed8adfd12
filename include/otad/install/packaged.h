#pragma once

/*
 * The otad of the package and the self-updated one, STATE/bin/otad: the newer
 * runs. otad-launch knows nothing of it: it runs the self-updated one whenever
 * there is one. So the packaged otad, before it, removes that when it is older,
 * or does not even tell its version any more.
 *
 * Both are compared when the package's file has changed since the last time,
 * and at no other: an update that goes to an older version on purpose stays.
 * STATE/packaged remembers what was compared, a line
 * `PACKAGED=SIZE.MTIME.NANOSECONDS.INODE` of the package's file.
 */

#include "otad/base/error.h"
#include "otad/base/version.h"

#include <stdbool.h>

/* Borrowed. */
struct packaged {
	const char *state_dir;
	const char *path;    /* the package's otad, which calls this */
	const char *version; /* its version */
};

/* Which otad runs from the next start on. */
enum packaged_choice {
	PACKAGED_ALONE,	      /* there is no self-updated one that can run */
	PACKAGED_STAYS_AWAY,  /* the self-updated one, as before */
	PACKAGED_IS_OLDER,    /* the same; they were compared */
	PACKAGED_COMES_LATER, /* whatever runs is on trial, or being updated */
	PACKAGED_IS_NEWER,
};

/*
 * What `path` prints for --version; "": none, or not within 10 s. False: it could
 * not be asked, which says nothing about it.
 */
bool packaged_ask(const char *path, char ret_version[VERSION_MAX_BYTES + 1],
		  struct ota_error *err) OTA_MUST_CHECK;

/* Looks, runs both where needed, changes nothing. `updated`: as packaged_ask()
 * has it, "" where nothing was compared. */
bool packaged_choose(const struct packaged *packaged,
		     enum packaged_choice *ret_choice,
		     char ret_updated[VERSION_MAX_BYTES + 1],
		     struct ota_error *err) OTA_MUST_CHECK;

/*
 * Makes it so, and remembers it, durably; each step may be repeated after a
 * power cut. No otad may run on the state directory meanwhile: busy.
 */
bool packaged_take_over(const struct packaged *packaged,
			enum packaged_choice *ret_choice,
			char ret_updated[VERSION_MAX_BYTES + 1],
			struct ota_error *err) OTA_MUST_CHECK;
