/*
 * The trial marker as otad and as otad-launch read it: the judge must not see
 * another trial than otad does.
 */

#include "fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "otad/install/trial.h"

#include "../../src/launch/judge.h"

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

static void check_limits(const struct marker *marker)
{
	fuzz_check(marker->starts <= TRIAL_MAX_STARTS_LIMIT);
	fuzz_check(marker->max_starts >= 1 &&
		   marker->max_starts <= TRIAL_MAX_STARTS_LIMIT);
	fuzz_check(marker->timeout_s >= 1 &&
		   marker->timeout_s <= TRIAL_TIMEOUT_LIMIT_S);
	fuzz_check(marker->pid >= 0);
	fuzz_check(fuzz_is_clean(marker->job) && fuzz_is_clean(marker->version));
}

static void check_agreement(const struct trial *trial,
			    const struct marker *marker)
{
	fuzz_check(trial->starts == marker->starts);
	fuzz_check(trial->max_starts == marker->max_starts);
	fuzz_check(trial->timeout_s == marker->timeout_s);
	fuzz_check(trial->pid == marker->pid);
	/* What is longer the judge need not know: it only tells people. */
	if (strlen(trial->job) < sizeof(marker->job))
		fuzz_check(is_same(trial->job, marker->job));
	if (strlen(trial->version) < sizeof(marker->version))
		fuzz_check(is_same(trial->version, marker->version));
	if (trial->backup_sha256.alg == DIGEST_SHA256)
		fuzz_check(strcasecmp(trial->backup_sha256.hex,
				      marker->backup_sha256) == 0);
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
static void check_count(int state_fd, struct marker *marker, const char *dir)
{
	unsigned starts = marker->starts;
	struct ota_error err = OTA_ERROR_INIT;
	struct marker after;
	struct trial trial;

	fuzz_check(marker_count(state_fd, marker));
	fuzz_check(marker_read(state_fd, &after));
	fuzz_check(after.pid == getpid());
	fuzz_check(starts >= TRIAL_MAX_STARTS_LIMIT ||
		   after.starts == starts + 1);
	if (trial_read(dir, &trial, &err)) {
		fuzz_check(trial.starts == after.starts);
		trial_done(&trial);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *dir = fuzz_dir();
	struct ota_error err = OTA_ERROR_INIT;
	struct marker marker;
	struct trial trial;
	bool is_read;
	int state_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	fuzz_check(state_fd >= 0);
	fuzz_write(TRIAL_FILE, data, size);
	fuzz_check(marker_read(state_fd, &marker));
	check_limits(&marker);
	is_read = trial_read(dir, &trial, &err);
	if (is_read && is_text(data, size) && size <= MARKER_MAX_BYTES)
		check_agreement(&trial, &marker);
	if (is_read && size <= TRIAL_MAX_BYTES / 2)
		check_round_trip(&trial, dir);
	if (is_read)
		trial_done(&trial);
	check_count(state_fd, &marker, dir);
	close(state_fd);
	return 0;
}
