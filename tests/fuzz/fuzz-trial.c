/*
 * The trial marker as otad and as otad-launch read it: the judge must not see
 * another trial than otad does.
 */

#include "fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "otad/install/trial.h"

/* All of the launcher is one program: its marker is seen from within. */
#define main launch_main
int launch_main(int argc, char **argv);
#include "../../src/launch/main.c"
#undef main

static bool is_text(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != '\n' && (data[i] < 0x20 || data[i] > 0x7e))
			return false;
	return true;
}

static bool is_same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b) == 0;
}

static void check_limits(const struct launch *marker)
{
	fuzz_check(marker->starts <= TRIAL_MAX_STARTS_LIMIT);
	fuzz_check(marker->max_starts >= 1 &&
		   marker->max_starts <= TRIAL_MAX_STARTS_LIMIT);
	fuzz_check(marker->timeout_s >= 1 &&
		   marker->timeout_s <= TRIAL_TIMEOUT_LIMIT_S);
	fuzz_check(marker->pid != 1 && marker->pid <= INT_MAX);
}

/* Line by line as long as the launcher is concerned. */
static bool is_value(const struct launch *marker, const char *key,
		     const char *value)
{
	const char *found = find(marker->text, key);

	return strcspn(found, "\n") == strlen(value) &&
	       strncasecmp(found, value, strlen(value)) == 0;
}

static void check_agreement(const struct trial *trial,
			    const struct launch *marker)
{
	fuzz_check(trial->starts == marker->starts);
	fuzz_check(trial->max_starts == marker->max_starts);
	fuzz_check(trial->timeout_s == marker->timeout_s);
	fuzz_check(trial->pid == marker->pid || trial->pid == 1);
	fuzz_check(is_value(marker, "JOB=", trial->job));
	if (trial->backup_sha256.alg == DIGEST_SHA256)
		fuzz_check(is_value(marker, "BACKUP_SHA256=",
				    trial->backup_sha256.hex));
}

static void check_round_trip(const struct trial *trial, const char *dir)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct trial again;

	fuzz_check(trial_write_ended(dir, trial, &err));
	fuzz_check(trial_read_ended(dir, &again, &err));
	fuzz_check(is_same(trial->job, again.job));
	fuzz_check(is_same(trial->version, again.version));
	fuzz_check(is_same(trial->reason, again.reason ? again.reason : ""));
	fuzz_check(!trial->reason || trial->kind == again.kind);
	fuzz_check(trial->starts == again.starts &&
		   trial->max_starts == again.max_starts &&
		   trial->timeout_s == again.timeout_s &&
		   trial->pid == again.pid &&
		   trial->pid_started == again.pid_started);
	trial_done(&again);
}

/* After a start was counted, both still read the same trial. */
static void check_count(const struct launch *marker, const char *dir)
{
	struct ota_error err = OTA_ERROR_INIT;
	struct launch after = { .state_fd = marker->state_fd };
	struct trial trial;
	char head[64];

	snprintf(head, sizeof(head), "STARTS=%u\nPID=%d\n", marker->starts + 1,
		 getpid());
	fuzz_check(write_marker(marker, "trial", head));
	fuzz_check(read_marker(&after));
	fuzz_check((pid_t)after.pid == getpid());
	fuzz_check(marker->starts >= TRIAL_MAX_STARTS_LIMIT ||
		   after.starts == marker->starts + 1);
	fuzz_check(after.max_starts == marker->max_starts &&
		   after.timeout_s == marker->timeout_s);
	if (trial_read(dir, &trial, &err)) {
		fuzz_check(trial.starts == after.starts);
		trial_done(&trial);
	}
}

/* A start counts once a process, and the last one is over. */
static void check_start(const struct trial *trial, const char *dir)
{
	struct ota_error err = OTA_ERROR_INIT;
	bool over, again;
	struct trial now;

	fuzz_check(trial_count_start(dir, &over, &err));
	fuzz_check(over == (trial->starts >= trial->max_starts));
	if (over)
		return;
	fuzz_check(trial_count_start(dir, &again, &err) && !again);
	fuzz_check(trial_read(dir, &now, &err));
	fuzz_check(now.starts == trial->starts + 1 && now.pid == getpid());
	fuzz_check(is_same(now.job, trial->job));
	trial_done(&now);
}

static void check_removed(const char *dir)
{
	struct ota_error err = OTA_ERROR_INIT;
	bool over;

	fuzz_check(trial_is_there(dir));
	fuzz_check(trial_remove(dir, &err));
	fuzz_check(!trial_is_there(dir) && trial_remove(dir, &err));
	fuzz_check(trial_count_start(dir, &over, &err) && !over);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *dir = fuzz_dir();
	struct ota_error err = OTA_ERROR_INIT;
	struct launch marker = {
		.state_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	struct trial trial;
	bool is_read;

	fuzz_check(marker.state_fd >= 0);
	fuzz_write(TRIAL_FILE, data, size);
	fuzz_check(read_marker(&marker));
	check_limits(&marker);
	is_read = trial_read(dir, &trial, &err);
	if (is_read && is_text(data, size) && size <= TRIAL_MAX_BYTES)
		check_agreement(&trial, &marker);
	if (is_read && size <= TRIAL_MAX_BYTES / 2)
		check_round_trip(&trial, dir);
	if (is_read && size <= TRIAL_MAX_BYTES / 2)
		check_start(&trial, dir);
	if (is_read)
		trial_done(&trial);
	fuzz_write(TRIAL_FILE, data, size);
	check_count(&marker, dir);
	check_removed(dir);
	close(marker.state_fd);
	return 0;
}
