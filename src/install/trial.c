#include "otad/install/trial.h"

#include <fcntl.h>
#include <string.h>

#include "otad/base/file.h"
#include "otad/base/units.h"

#include "lines.h"

void trial_done(struct trial *trial)
{
	free(trial->job);
	free(trial->version);
	free(trial->old_version);
	free(trial->target);
	free(trial->backup);
	free(trial->reason);
	*trial = (struct trial){ 0 };
}

static char *trial_path(const char *state_dir, const char *name,
			struct ota_error *err)
{
	char *path;

	if (asprintf(&path, "%s/%s", state_dir, name) < 0) {
		ota_fail_memory(err, "trial marker");
		return NULL;
	}
	return path;
}

/* Not there: NULL, and no failure. */
static bool parse_text(const char *text, const char *key, char **ret,
		       struct ota_error *err)
{
	char value[TRIAL_MAX_BYTES];

	if (!lines_get(text, key, value, sizeof(value)) || !value[0])
		return true;
	*ret = strdup(value);
	return *ret || ota_fail_memory(err, "trial marker");
}

static uint64_t parse_number(const char *text, const char *key, uint64_t min,
			     uint64_t max, uint64_t otherwise)
{
	char value[32];
	uint64_t number;

	if (!lines_get(text, key, value, sizeof(value)) ||
	    !units_parse_number(value, min, max, &number))
		return otherwise;
	return number;
}

static bool parse(const char *text, struct trial *trial, struct ota_error *err)
{
	char hex[DIGEST_HEX_SIZE], kind[32];

	if (!parse_text(text, "JOB", &trial->job, err) ||
	    !parse_text(text, "VERSION", &trial->version, err) ||
	    !parse_text(text, "OLD_VERSION", &trial->old_version, err) ||
	    !parse_text(text, "TARGET", &trial->target, err) ||
	    !parse_text(text, "BACKUP", &trial->backup, err) ||
	    !parse_text(text, "REASON", &trial->reason, err))
		return false;
	if (!trial->job || !trial->version)
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"the trial marker names no job and version");
	if (lines_get(text, "BACKUP_SHA256", hex, sizeof(hex)))
		digest_set(&trial->backup_sha256, DIGEST_SHA256, hex);
	if (!lines_get(text, "ERROR", kind, sizeof(kind)) ||
	    !ota_error_kind_parse(kind, &trial->kind))
		trial->kind = OTA_ERROR_HEALTH_CHECK_FAILED;
	trial->max_starts = (unsigned)parse_number(
		text, "MAX_STARTS", 1, TRIAL_MAX_STARTS_LIMIT,
		TRIAL_MAX_STARTS_DEFAULT);
	trial->timeout_s = (unsigned)parse_number(
		text, "TIMEOUT", 1, TRIAL_TIMEOUT_LIMIT_S,
		TRIAL_TIMEOUT_DEFAULT_S);
	/* What nobody can count must not go on. */
	trial->starts = (unsigned)parse_number(
		text, "STARTS", 0, TRIAL_MAX_STARTS_LIMIT, trial->max_starts);
	trial->pid = (long)parse_number(text, "PID", 1, INT32_MAX, 0);
	trial->pid_started =
		parse_number(text, "PID_STARTED", 1, UINT64_MAX, 0);
	return true;
}

static bool read_file(const char *state_dir, const char *name,
		      struct trial *ret_trial, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = trial_path(state_dir, name, err);
	OTA_CLEANUP(freep) char *text = NULL;
	struct trial trial = { 0 };
	size_t size;

	if (!path)
		return false;
	text = file_read_nofollow(path, TRIAL_MAX_BYTES, &size, err);
	if (!text)
		return false;
	if (!parse(text, &trial, err)) {
		trial_done(&trial);
		return ota_wrap(err, "%s", path);
	}
	*ret_trial = trial;
	return true;
}

bool trial_read(const char *state_dir, struct trial *ret_trial,
		struct ota_error *err)
{
	return read_file(state_dir, TRIAL_FILE, ret_trial, err);
}

bool trial_read_ended(const char *state_dir, struct trial *ret_trial,
		      struct ota_error *err)
{
	return read_file(state_dir, TRIAL_ENDED_FILE, ret_trial, err);
}

static void put_trial(FILE *out, const struct trial *trial)
{
	lines_put(out, "JOB", trial->job);
	lines_put(out, "VERSION", trial->version);
	lines_put(out, "OLD_VERSION", trial->old_version);
	lines_put(out, "TARGET", trial->target);
	lines_put(out, "BACKUP", trial->backup);
	if (trial->backup_sha256.alg == DIGEST_SHA256)
		lines_put(out, "BACKUP_SHA256", trial->backup_sha256.hex);
	lines_put_number(out, "MAX_STARTS", trial->max_starts);
	lines_put_number(out, "TIMEOUT", trial->timeout_s);
	lines_put_number(out, "STARTS", trial->starts);
	if (trial->pid > 0)
		lines_put_number(out, "PID", (unsigned long long)trial->pid);
	if (trial->pid_started > 0)
		lines_put_number(out, "PID_STARTED", trial->pid_started);
}

static bool write_file(const char *state_dir, const char *name,
		       const struct trial *trial, bool durable,
		       struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = trial_path(state_dir, name, err);
	OTA_CLEANUP(freep) char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (!path)
		return false;
	out = open_memstream(&text, &size);
	if (!out)
		return ota_fail_memory(err, "trial marker");
	put_trial(out, trial);
	if (trial->reason) {
		lines_put(out, "REASON", trial->reason);
		lines_put(out, "ERROR", ota_error_kind_name(trial->kind));
	}
	if (fclose(out) != 0)
		return ota_fail_memory(err, "trial marker");
	/* otad-launch reads no more of it. */
	if (size > TRIAL_MAX_BYTES)
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"the trial marker is larger than %d bytes",
				TRIAL_MAX_BYTES);
	return durable ? file_write(path, text, size, 0644, err) :
			 file_write_lazy(path, text, size, 0644, err);
}

bool trial_write(const char *state_dir, const struct trial *trial,
		 struct ota_error *err)
{
	return write_file(state_dir, TRIAL_FILE, trial, true, err);
}

bool trial_write_ended(const char *state_dir, const struct trial *trial,
		       struct ota_error *err)
{
	return write_file(state_dir, TRIAL_ENDED_FILE, trial, false, err);
}

bool trial_remove(const char *state_dir, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *marker = trial_path(state_dir, TRIAL_FILE, err);
	OTA_CLEANUP(freep) char *ended =
		trial_path(state_dir, TRIAL_ENDED_FILE, err);

	if (!marker || !ended)
		return false;
	if (file_exists(ended) && !file_exists(marker))
		return file_remove(ended, err);
	/* The marker first: from then on nobody judges. */
	return file_remove(marker, err) &&
	       (!file_exists(ended) || file_remove(ended, err));
}

bool trial_is_there(const char *state_dir)
{
	OTA_CLEANUP(freep) char *marker = trial_path(state_dir, TRIAL_FILE, NULL);
	OTA_CLEANUP(freep) char *ended =
		trial_path(state_dir, TRIAL_ENDED_FILE, NULL);

	return !marker || !ended || file_exists(marker) || file_exists(ended);
}

/* Field 22 of /proc/self/stat, which execv(2) leaves alone; 0: unknown. */
static uint64_t process_started(void)
{
	OTA_CLEANUP(freep) char *stat = NULL;
	size_t size;
	char *field, *end;
	uint64_t started;

	stat = file_read("/proc/self/stat", 4096, &size, NULL);
	/* The second field is a name in brackets that may hold anything. */
	field = stat ? strrchr(stat, ')') : NULL;
	for (int n = 2; field && n < 22; n++) {
		field = strchr(field, ' ');
		field += field != NULL;
	}
	if (!field)
		return 0;
	end = strchr(field, ' ');
	if (end)
		*end = '\0';
	return units_parse_number(field, 0, UINT64_MAX, &started) ? started : 0;
}

void trial_set_first_start(struct trial *trial)
{
	trial->starts = 1;
	trial->pid = getpid();
	trial->pid_started = process_started();
}

bool trial_count_start(const char *state_dir, bool *ret_over,
		       struct ota_error *err)
{
	struct trial trial;
	struct ota_error why;
	uint64_t started = process_started();
	bool over, counted;

	if (!trial_read(state_dir, &trial, &why)) {
		if (why.kind == OTA_ERROR_NOT_FOUND) {
			*ret_over = false;
			return true;
		}
		if (err)
			*err = why;
		return false;
	}
	over = false;
	counted = true;
	if (trial.pid != getpid() || started == 0 ||
	    trial.pid_started != started) {
		over = trial.starts >= trial.max_starts;
		trial.starts++;
		trial.pid = getpid();
		trial.pid_started = started;
		counted = over || trial_write(state_dir, &trial, err);
	}
	trial_done(&trial);
	if (counted)
		*ret_over = over;
	return counted;
}
