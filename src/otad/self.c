#include "self.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "otad/base/file.h"
#include "otad/base/notify.h"
#include "otad/install/trial.h"

#define DELETED " (deleted)"

char *self_running_path(struct ota_error *err)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *copy;

	if (n < 0) {
		ota_fail_errno(err, errno, "read /proc/self/exe");
		return NULL;
	}
	path[n] = '\0';
	if ((size_t)n > strlen(DELETED) &&
	    strcmp(path + n - strlen(DELETED), DELETED) == 0)
		path[(size_t)n - strlen(DELETED)] = '\0';
	copy = strdup(path);
	if (!copy)
		ota_fail_memory(err, "starting");
	return copy;
}

static char *launched_path(const char *state_dir, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *dir = NULL;
	char *path;

	if (asprintf(&dir, "%s/bin", state_dir) < 0 ||
	    asprintf(&path, "%s/otad", dir) < 0) {
		ota_fail_memory(err, "starting");
		return NULL;
	}
	if (!file_make_dirs(dir, 0755, err)) {
		free(path);
		return NULL;
	}
	return path;
}

bool self_init(struct self *self, char **argv, const char *version,
	       const char *state_dir, struct ota_error *err)
{
	*self = (struct self){
		.argv = argv,
		.version = version,
		.launched = getenv("OTAD_LAUNCH") != NULL,
		.running = self_running_path(err),
	};
	if (!self->running)
		return false;
	self->path = self->launched ? launched_path(state_dir, err) :
				      strdup(self->running);
	if (!self->path && !self->launched)
		ota_fail_memory(err, "starting");
	return self->path || ota_wrap(err, "finding our own program");
}

void self_done(struct self *self)
{
	free(self->path);
	free(self->running);
	*self = (struct self){ 0 };
}

struct install_self self_describe(const struct self *self)
{
	bool same = strcmp(self->path, self->running) == 0;

	return (struct install_self){
		.path = self->path,
		.version = self->version,
		.running_path = same ? NULL : self->running,
	};
}

char *self_launch_state(struct ota_error *err)
{
	const char *list = getenv("STATE_DIRECTORY");
	char *path;

	if (!list || !*list)
		list = OTAD_STATE_DIR;
	path = strndup(list, strcspn(list, ":"));
	if (!path)
		ota_fail_memory(err, "finding the state directory");
	return path;
}

static bool is_on_trial(void)
{
	OTA_CLEANUP(freep) char *state_dir = self_launch_state(NULL);
	OTA_CLEANUP(freep) char *path = NULL;

	if (!state_dir ||
	    asprintf(&path, "%s/" TRIAL_FILE, state_dir) < 0) {
		path = NULL;
		return true; /* rather one start more */
	}
	return file_exists(path);
}

int self_exit_status(int status)
{
	if (status != SELF_EXIT_CONFIG || !getenv("OTAD_LAUNCH") ||
	    is_on_trial())
		return status;
	return EX_CONFIG;
}

void self_exec(const struct self *self, const char *path, struct ota_error *err)
{
	sigset_t none, ours;

	/* None of libmosquitto's and libcurl's descriptors is. */
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0) {
		ota_fail_errno(err, errno, "close_range");
		return;
	}
	notify_reloading();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, &ours);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	execv(path, self->argv);
	ota_fail_errno(err, errno, "execute %s", path);
	/* We go on: signals and children are the loop's again. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigprocmask(SIG_SETMASK, &ours, NULL);
	ota_rekind(err, OTA_ERROR_RESTART_FAILED);
	notify_ready();
}
