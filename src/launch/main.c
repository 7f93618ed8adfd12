/*
 * otad-launch: what the service manager starts instead of otad, and the judge
 * of trials. It needs no library but libc and is never updated over the air.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "judge.h"
#include "packaged.h"

static const char usage[] =
	"Usage: otad-launch [OPTION]... [--] [ARGUMENT...]\n"
	"Judges the trial of a self-updated otad, then runs it with ARGUMENTs.\n"
	"\n"
	"  --deadline      wait for the trial's end; end it when its time is over\n"
	"  --which         say which otad would run, and why; start nothing\n"
	"  --state DIR     state directory (default: $STATE_DIRECTORY, else " OTAD_STATE_DIR ")\n"
	"  --factory PATH  otad as packaged (default: " OTAD_FACTORY_PATH ")\n"
	"  --help, --version\n";

struct options {
	bool deadline, which;
	const char *state;
	const char *factory;
	char **arguments; /* argv of otad; its [0] is free */
};

/* True: go on. Else the program ends with `*ret_status`. */
static bool parse(int argc, char **argv, struct options *options,
		  int *ret_status)
{
	int i;

	for (i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (strcmp(argv[i], "--deadline") == 0) {
			options->deadline = true;
		} else if (strcmp(argv[i], "--which") == 0) {
			options->which = true;
		} else if (strcmp(argv[i], "--state") == 0 && more) {
			options->state = argv[++i];
		} else if (strcmp(argv[i], "--factory") == 0 && more) {
			options->factory = argv[++i];
		} else if (strcmp(argv[i], "--help") == 0 ||
			   strcmp(argv[i], "--version") == 0) {
			fputs(argv[i][2] == 'h' ? usage :
						  "otad-launch " OTAD_VERSION "\n",
			      stdout);
			*ret_status = 0;
			return false;
		} else {
			i += strcmp(argv[i], "--") == 0;
			break;
		}
	}
	options->arguments = argv + i - 1;
	return true;
}

static const char *find_state(const struct options *options)
{
	static char first[PATH_MAX];
	const char *list = getenv("STATE_DIRECTORY");

	if (options->state)
		return options->state;
	if (!list || !*list)
		return OTAD_STATE_DIR;
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(list, ":"), list);
	return first;
}

static bool can_run(const char *path)
{
	return access(path, X_OK) == 0;
}

/* Installed: the packaged otad. In a build tree: the otad built with us. */
static const char *find_factory(const struct options *options)
{
	static char path[PATH_MAX + sizeof("otad")];
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (options->factory)
		return options->factory;
	path[length > 0 ? length : 0] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return OTAD_FACTORY_PATH;
	*slash = '\0';
	if (strcmp(path, OTAD_LAUNCH_DIR) == 0 && can_run(OTAD_FACTORY_PATH))
		return OTAD_FACTORY_PATH;
	strcpy(slash, "/otad");
	return can_run(path) ? path : OTAD_FACTORY_PATH;
}

/* Comes back with the reason when it cannot. */
static int run(const char *path, char **arguments)
{
	int why;

	arguments[0] = (char *)path;
	execv(path, arguments);
	why = errno;
	if (why != ENOENT)
		say("cannot execute %s: %s", path, strerror(why));
	return why;
}

/* True unless there is a trial that has to end but cannot. */
static bool judge(int state_fd, const char *target, struct marker *marker,
		  bool has_factory)
{
	const char *kind = "restart-failed";
	char reason[160];

	if (!can_run(target)) {
		snprintf(reason, sizeof(reason), "cannot be executed: %s",
			 strerror(errno));
	} else if (marker->starts >= marker->max_starts) {
		snprintf(reason, sizeof(reason),
			 "started %u times and never confirmed",
			 marker->starts);
	} else if (!marker_count(state_fd, marker)) {
		snprintf(reason, sizeof(reason), "cannot be counted: %s",
			 strerror(errno));
		kind = "internal";
	} else {
		say("trial of %s: start %u of %u", marker->version,
		    marker->starts, marker->max_starts);
		return true;
	}
	return trial_end(state_fd, marker, reason, kind, has_factory);
}

/* Cut off with a marker, but before there was any self-updated version. */
static bool is_before_first_swap(int state_fd)
{
	return faccessat(state_fd, TARGET, F_OK, 0) < 0 && errno == ENOENT &&
	       faccessat(state_fd, STAGED, F_OK, 0) == 0;
}

static int launch(int state_fd, const char *state, const char *factory,
		  char **arguments)
{
	static char target[PATH_MAX + sizeof(TARGET)];
	static char backup[PATH_MAX + sizeof(BACKUP)];
	static char launched[] = "OTAD_LAUNCH=1";
	static char told[2 * PATH_MAX];
	static struct marker marker;
	bool on_trial, target_ok = true;
	char reason[160];
	int why;

	snprintf(target, sizeof(target), "%s/" TARGET, state);
	snprintf(backup, sizeof(backup), "%s/" BACKUP, state);
	snprintf(told, sizeof(told), "OTAD_LAUNCH_FACTORY=%s", factory);
	putenv(launched);
	putenv(told);

	on_trial = state_fd >= 0 && marker_read(state_fd, &marker) &&
		   !is_before_first_swap(state_fd);
	if (on_trial)
		target_ok = judge(state_fd, target, &marker, can_run(factory));
	else if (packaged_runs(state_fd, target, factory))
		run(factory, arguments);
	why = target_ok ? run(target, arguments) : 0;
	/* No program at all: the trial needs no further start. */
	if (on_trial && target_ok && marker_read(state_fd, &marker)) {
		snprintf(reason, sizeof(reason), "cannot be executed: %s",
			 strerror(why));
		target_ok = trial_end(state_fd, &marker, reason,
				      "restart-failed", can_run(factory));
		if (target_ok)
			run(target, arguments);
	}
	/* A trial that cannot be ended leaves the files as they are. */
	if (target_ok || backup_is_right(state_fd, &marker))
		run(backup, arguments);
	run(factory, arguments);
	say("there is no otad to run: not %s, %s or %s", target, backup,
	    factory);
	return 1;
}

int main(int argc, char **argv)
{
	struct options options = { .deadline = false };
	const char *state, *factory;
	int state_fd, status;

	if (!parse(argc, argv, &options, &status))
		return status;
	state = find_state(&options);
	factory = find_factory(&options);
	state_fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (options.which) {
		packaged_print(state_fd, state, factory);
		return 0;
	}
	if (!options.deadline)
		return launch(state_fd, state, factory, options.arguments);
	if (state_fd < 0) {
		say("cannot open %s: %s", state, strerror(errno));
		return 1;
	}
	return deadline_watch(state_fd, state, can_run(factory));
}
