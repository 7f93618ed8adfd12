#include "support/install-fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/loop.h"
#include "otad/model/offer.h"
#include "otad/verify/hasher.h"

/* A test that hangs ends here; nothing is expected to take as long. */
#define DEADLINE_MS 30000
#define MAX_TEXT    65536

static void reexec(void *user_data, const char *path,
		   void (*failed)(void *installation,
				  const struct ota_error *err),
		   void *installation)
{
	struct install_fixture *fx = user_data;

	fx->n_reexecs++;
	snprintf(fx->reexec_path, sizeof(fx->reexec_path), "%s", path);
	fx->reexec_failed = failed;
	fx->reexec_installation = installation;
}

const char *install_path(const struct install_fixture *fx, const char *name)
{
	static char paths[5][256];
	static unsigned next;
	char *path = paths[next++ % 5];

	snprintf(path, sizeof(paths[0]), "%s/%s", fx->folder, name);
	return path;
}

static void make_folders(struct install_fixture *fx)
{
	static const char *const names[] = {"state", "download", "place",
					    "bin"};

	for (size_t i = 0; i < OTA_ARRAY_SIZE(names); i++)
		assert_int_equal(mkdir(install_path(fx, names[i]), 0755), 0);
	strcpy(fx->state, install_path(fx, "state"));
	strcpy(fx->artifact, install_path(fx, "download/artifact"));
	strcpy(fx->target, install_path(fx, "place/app"));
	strcpy(fx->staged, install_path(fx, "place/.app.otad-new"));
	strcpy(fx->backup, install_path(fx, "place/app.old"));
	strcpy(fx->calls, install_path(fx, "calls"));
}

static void use_own_programs(struct install_fixture *fx)
{
	char path[1024];

	fx->old_path = strdup(getenv("PATH"));
	assert_non_null(fx->old_path);
	snprintf(path, sizeof(path), "%s:%s", install_path(fx, "bin"),
		 fx->old_path);
	setenv("PATH", path, 1);
}

int install_fixture_setup(void **state)
{
	struct install_fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	strcpy(fx->folder, "/tmp/otad-test-install-XXXXXX");
	assert_non_null(mkdtemp(fx->folder));
	make_folders(fx);
	use_own_programs(fx);
	fx->loop = loop_new(&fx->err);
	fx->settings = module_settings_new("app", INSTALLER_CONFIG);
	assert_non_null(fx->loop);
	assert_non_null(fx->settings);
	fx->settings->path = strdup(fx->target);
	fx->settings->timeout_ms = DEADLINE_MS;
	fx->settings->health_period_ms = 0;
	fx->env = (struct install_env){
		.loop = fx->loop,
		.state_dir = fx->state,
		.self.version = "1.0.0",
		.confirm_timeout_ms = 300 * 1000,
		.max_trial_starts = 3,
		.reexec = reexec,
		.user_data = fx,
	};
	fx->request = (struct install_request){
		.settings = fx->settings,
		.device = DEVICE_SELF,
		.module = "app",
		.version = "2.0.0",
		.old_version = "1.0.0",
		.job = "0123456789abcdef",
		.artifact = fx->artifact,
		.artifact_fresh = true,
	};
	*state = fx;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	return remove(path);
}

int install_fixture_teardown(void **state)
{
	struct install_fixture *fx = *state;

	installation_free(fx->in);
	module_settings_unref(fx->settings);
	loop_free(fx->loop);
	setenv("PATH", fx->old_path, 1);
	free(fx->old_path);
	nftw(fx->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(fx);
	return 0;
}

void install_write_bytes(const char *path, const void *data, size_t size,
			 mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

void install_write(const char *path, const char *text, mode_t mode)
{
	install_write_bytes(path, text, strlen(text), mode);
}

void install_copy(const char *from, const char *path, const char *tail,
		  mode_t mode)
{
	static char buffer[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		assert_int_equal(write(out, buffer, (size_t)n), n);
	assert_int_equal(n, 0);
	assert_int_equal(write(out, tail, strlen(tail)), strlen(tail));
	assert_int_equal(fchmod(out, mode), 0);
	close(in);
	close(out);
}

const char *install_read(const char *path)
{
	static char text[MAX_TEXT];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		fail_msg("%s is not there", path);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	return text;
}

bool install_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

ino_t install_inode(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

void install_assert_text(const char *path, const char *text)
{
	assert_string_equal(install_read(path), text);
}

static struct digest digest_of(const char *path, uint64_t *ret_size)
{
	static char buffer[65536];
	OTA_CLEANUP(hasher_freep)
	struct hasher *hasher = hasher_new(HASHER_SHA256, NULL);
	OTA_CLEANUP(close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct digest digest = { .alg = DIGEST_NONE }, unused;
	ssize_t n;

	assert_non_null(hasher);
	assert_true(fd >= 0);
	*ret_size = 0;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		assert_true(hasher_update(hasher, buffer, (size_t)n, NULL));
		*ret_size += (uint64_t)n;
	}
	assert_true(hasher_finish(hasher, &unused, &digest, NULL));
	return digest;
}

void install_assert_same(const char *a, const char *b)
{
	uint64_t size_a, size_b;
	struct digest of_a = digest_of(a, &size_a);
	struct digest of_b = digest_of(b, &size_b);

	assert_string_equal(of_a.hex, of_b.hex);
}

void install_describe_artifact(struct install_fixture *fx)
{
	fx->request.digest = digest_of(fx->artifact, &fx->request.size_bytes);
}

void install_offer(struct install_fixture *fx, const char *text)
{
	install_write(fx->artifact, text, 0600);
	install_describe_artifact(fx);
}

void install_script(struct install_fixture *fx, const char *name,
		    const char *body)
{
	char path[256], text[8192];

	snprintf(path, sizeof(path), "%s/bin/%s", fx->folder, name);
	snprintf(text, sizeof(text), "#!/bin/sh\necho \"%s $*\" >> '%s'\n%s\n",
		 name, fx->calls, body);
	install_write(path, text, 0755);
}

static void on_done(struct installation *in, enum install_step step,
		    const struct ota_error *err, void *user_data)
{
	struct install_fixture *fx = user_data;

	assert_ptr_equal(in, fx->in);
	assert_int_equal(step, fx->step);
	assert_false(fx->done);
	fx->done = true;
	ota_error_clear(&fx->err);
	if (err)
		fx->err = *err;
}

static void on_progress(struct installation *in, unsigned percent,
			void *user_data)
{
	struct install_fixture *fx = user_data;

	assert_true(fx->n_percents < OTA_ARRAY_SIZE(fx->percents));
	fx->percents[fx->n_percents++] = percent;
}

void install_begin(struct install_fixture *fx)
{
	installation_free(fx->in);
	fx->in = installation_new(&fx->env, &fx->request, on_done, on_progress,
				  fx, &fx->err);
	if (!fx->in)
		fail_msg("%s", fx->err.text);
}

void install_wait(struct install_fixture *fx)
{
	uint64_t until = loop_now_ms(fx->loop) + DEADLINE_MS;

	while (!fx->done) {
		if (loop_now_ms(fx->loop) >= until)
			fail_msg("\"%s\" does not end",
				 install_step_name(fx->step));
		assert_true(loop_run_once(fx->loop, 1000, NULL));
	}
}

bool install_run(struct install_fixture *fx, enum install_step step)
{
	fx->done = false;
	fx->step = step;
	installation_run(fx->in, step);
	assert_false(fx->done); /* never from within */
	install_wait(fx);
	return fx->err.kind == OTA_ERROR_NONE;
}

static void must_succeed(struct install_fixture *fx, enum install_step step)
{
	if (!install_run(fx, step))
		fail_msg("%s: %s", install_step_name(step), fx->err.text);
}

void install_until(struct install_fixture *fx, enum install_step last)
{
	install_begin(fx);
	for (int step = INSTALL_BACKUP; step <= (int)last; step++)
		must_succeed(fx, (enum install_step)step);
}

void install_run_twice(struct install_fixture *fx, enum install_step step)
{
	for (int run = 0; run < 2; run++) {
		/* What this process has verified, the next one has not. */
		fx->request.artifact_fresh = false;
		install_begin(fx);
		must_succeed(fx, step);
	}
}

enum install_found install_inspect(struct install_fixture *fx)
{
	install_begin(fx);
	return installation_inspect(fx->in, &fx->err);
}
