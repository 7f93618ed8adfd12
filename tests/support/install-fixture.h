#pragma once

/*
 * A folder of its own with a state directory, an artifact and a place for the
 * target; the real loop, real files, real processes. `systemctl` is a script in
 * the folder's bin/.
 */

#include "otad/install/installer.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;

struct install_fixture {
	char folder[64];
	struct loop *loop;
	struct install_env env;
	struct module_settings *settings;
	struct install_request request;
	struct installation *in; /* made anew by each install_begin() */

	/* FOLDER/state, /download/artifact, /place/app, and those beside it */
	char state[128], artifact[128], target[128], staged[128], backup[128];
	/* FOLDER/calls: a line for each thing that a script was asked to do */
	char calls[128];

	bool done;
	enum install_step step;
	struct ota_error err;
	unsigned percents[32], n_percents;
	char *old_path; /* of the test's environment */

	/* env.reexec */
	unsigned n_reexecs;
	char reexec_path[256];
	void (*reexec_failed)(void *installation, const struct ota_error *err);
	void *reexec_installation;
};

/* For cmocka: `*state` is a struct install_fixture of Type=config. */
int install_fixture_setup(void **state);
int install_fixture_teardown(void **state);

/* FOLDER/NAME in a static buffer that the next four calls leave alone. */
const char *install_path(const struct install_fixture *fx, const char *name);
void install_write(const char *path, const char *text, mode_t mode);
void install_write_bytes(const char *path, const void *data, size_t size,
			 mode_t mode);
/* Copies `from` with `mode`, and `tail` behind it. */
void install_copy(const char *from, const char *path, const char *tail,
		  mode_t mode);
/* Static buffer; fails the test when there is no such file. */
const char *install_read(const char *path);
bool install_exists(const char *path);
ino_t install_inode(const char *path);
void install_assert_text(const char *path, const char *text);
void install_assert_same(const char *a, const char *b);

/* The artifact, with its size and SHA-256 in the request. */
void install_offer(struct install_fixture *fx, const char *text);
/* What lies at fx->artifact. */
void install_describe_artifact(struct install_fixture *fx);

/* A script in FOLDER/bin that first notes its name and arguments in `calls`. */
void install_script(struct install_fixture *fx, const char *name,
		    const char *body);

/* A new installation of the request, as a restarted otad makes it. */
void install_begin(struct install_fixture *fx);
/* Runs a step of it to the end; false: fx->err. */
bool install_run(struct install_fixture *fx, enum install_step step);
/* Runs the loop until a step has ended, or fails the test. */
void install_wait(struct install_fixture *fx);
/* install_begin(), then the steps up to `last`, each of which has to succeed. */
void install_until(struct install_fixture *fx, enum install_step last);
/* Every step is run again by a new installation, as after a power cut. */
void install_run_twice(struct install_fixture *fx, enum install_step step);
enum install_found install_inspect(struct install_fixture *fx);
