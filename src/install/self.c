/* Type=self: otad itself, on trial before otad-launch. */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "otad/base/file.h"
#include "otad/install/trial.h"

#include "command.h"
#include "elf.h"
#include "installation.h"

/* ld.so(8), --list: a library is missing. */
#define LOADER_EXIT_MISSING 127

static bool prepare(struct installation *in, struct ota_error *err)
{
	return in->env->self.path ||
	       ota_fail(err, OTA_ERROR_INCOMPATIBLE,
			"otad does not know its own program file");
}

static void backup(struct installation *in)
{
	struct backup_request request = {
		.running = in->env->self.running_path,
		.want_sha256 = true,
	};

	target_back_up(in, &request, installation_end);
}

static void stage(struct installation *in)
{
	target_stage(in, true, installation_end);
}

/* ---- CHECK ---- */

static void on_libraries_listed(struct process *process,
				const struct process_result *result,
				void *user_data)
{
	struct installation *in = user_data;
	bool missing = !result->signal && !result->timed_out &&
		       result->exit_status == LOADER_EXIT_MISSING;
	struct ota_error err;

	if (missing)
		ota_fail(&err, OTA_ERROR_INCOMPATIBLE,
			 "the artifact does not run here: %s",
			 result->message[0] ? result->message :
					      "a library is missing");
	in->process = process_free(process);
	if (missing)
		installation_end(in, &err);
	else
		command_check(in, installation_end);
}

static void check(struct installation *in)
{
	char loader[PATH_MAX];
	const char *argv[] = { loader, "--list", NULL, NULL };
	struct ota_error err;

	if (!target_look(in, &err) ||
	    !elf_check(in->target.staged, loader, sizeof(loader), &err)) {
		installation_end(in, &err);
		return;
	}
	/* Maps the libraries and runs nothing of the program. */
	argv[2] = in->target.staged;
	if (!loader[0])
		command_check(in, installation_end);
	else if (!installation_spawn(in, argv, NULL, "list of libraries", NULL,
				     on_libraries_listed, &err))
		installation_end(in, &err);
}

/* ---- SWAP ---- */

static void describe_trial(const struct installation *in, struct trial *ret)
{
	uint64_t timeout_s = (in->env->confirm_timeout_ms + 999) / 1000;

	*ret = (struct trial){
		.job = in->job,
		.version = in->version,
		.old_version = in->old_version,
		.target = in->target.path,
		.backup = in->target.backup,
		.backup_sha256 = in->record.backup_sha256,
		.max_starts = in->env->max_trial_starts,
		.timeout_s = timeout_s < TRIAL_TIMEOUT_LIMIT_S ?
				     (unsigned)timeout_s :
				     TRIAL_TIMEOUT_LIMIT_S,
	};
	trial_set_first_start(ret);
}

static bool begin_trial(struct installation *in, struct ota_error *err)
{
	struct trial trial;

	if (in->record.backup_sha256.alg != DIGEST_SHA256)
		return ota_fail(err, OTA_ERROR_INSTALL_FAILED,
				"there is no backup to come back to");
	describe_trial(in, &trial);
	/* Of an earlier attempt: it would look like the end of this one. */
	return (!trial_is_there(in->env->state_dir) ||
		trial_remove(in->env->state_dir, err)) &&
	       trial_write(in->env->state_dir, &trial, err);
}

static void swap(struct installation *in)
{
	struct ota_error err;
	bool done = target_look(in, &err) && begin_trial(in, &err);

	if (done && !target_swap(in, &err)) {
		done = false;
		/* What it would judge is the old version. */
		if (!trial_remove(in->env->state_dir, NULL))
			ota_wrap(&err, "a trial marker stays behind");
	}
	installation_end(in, done ? NULL : &err);
}

/* ---- ACTIVATE ---- */

static void reexec_failed(void *installation, const struct ota_error *err)
{
	struct installation *in = installation;
	struct ota_error why = *err;

	if (!in->running || in->ended)
		return;
	why.kind = OTA_ERROR_RESTART_FAILED;
	installation_end(in, &why);
}

static void reexec(struct installation *in)
{
	in->env->reexec(in->env->user_data, in->target.path, reexec_failed, in);
}

static void activate(struct installation *in)
{
	struct ota_error err;

	if (target_look(in, &err))
		reexec(in);
	else
		installation_end(in, &err);
}

/* ---- CONFIRM ---- */

static void confirm_now(struct installation *in)
{
	struct ota_error err;

	in->awaits_online = false;
	installation_end(in, trial_remove(in->env->state_dir, &err) ? NULL :
								      &err);
}

static void confirm(struct installation *in)
{
	in->awaits_online = true;
	snprintf(in->trouble, sizeof(in->trouble),
		 "the new version is not connected to its cloud");
	if (in->online)
		confirm_now(in);
}

static void online(struct installation *in)
{
	if (in->awaits_online)
		confirm_now(in);
}

/* ---- ROLL_BACK ---- */

static bool runs(const char *path)
{
	struct stat running, file;

	return path && stat("/proc/self/exe", &running) == 0 &&
	       stat(path, &file) == 0 && running.st_dev == file.st_dev &&
	       running.st_ino == file.st_ino;
}

/* Is this process the version that is to be left? After target_look(). */
static bool runs_new(const struct installation *in)
{
	if (runs(in->target.backup))
		return false;
	if (runs(in->target.path))
		return !target_is_unchanged(in);
	/* Its file is gone: only the version tells. */
	return strcmp(in->env->self.version, in->version) == 0;
}

static bool read_own_end(const struct installation *in, struct trial *ret)
{
	if (!trial_read_ended(in->env->state_dir, ret, NULL))
		return false;
	if (in->job && strcmp(ret->job, in->job) == 0)
		return true;
	trial_done(ret);
	return false;
}

static bool is_ended(const struct installation *in)
{
	struct trial ended;

	if (!read_own_end(in, &ended))
		return false;
	trial_done(&ended);
	return true;
}

/* Written before the exec: the old version must know that it is back. */
static bool end_trial(struct installation *in, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *marker = NULL;
	struct trial trial;

	if (asprintf(&marker, "%s/" TRIAL_FILE, in->env->state_dir) < 0) {
		marker = NULL;
		return ota_fail_memory(err, "rolling back");
	}
	describe_trial(in, &trial);
	trial.reason = (char *)"otad put the old version back";
	trial.kind = OTA_ERROR_HEALTH_CHECK_FAILED;
	/* Else otad-launch would count the old version's starts. */
	return trial_write_ended(in->env->state_dir, &trial, err) &&
	       file_remove(marker, err);
}

static void leave(struct installation *in)
{
	struct ota_error err;

	if (end_trial(in, &err))
		reexec(in);
	else
		installation_end(in, &err);
}

static void restored(struct installation *in, const struct ota_error *err)
{
	struct ota_error why;

	if (err)
		installation_end(in, err);
	else if (in->must_leave && file_exists(in->target.path))
		leave(in);
	else
		installation_end(in, trial_remove(in->env->state_dir, &why) ?
					     NULL :
					     &why);
}

static void roll_back(struct installation *in)
{
	struct ota_error err;
	bool ended;

	if (!target_look(in, &err)) {
		installation_end(in, &err);
		return;
	}
	ended = is_ended(in);
	/* What is in place after the end is the old version, whatever has become
	 * of its backup. */
	in->must_leave = runs_new(in) && !(ended && runs(in->target.path));
	if (!ended)
		target_restore(in, restored);
	else if (in->must_leave)
		reexec(in); /* ended already, but the execv(2) failed */
	else
		installation_end(in, NULL); /* otad-launch did it all */
}

/* ---- the rest ---- */

static enum install_found inspect(struct installation *in,
				  struct ota_error *why)
{
	enum install_found found = target_inspect(in, why);
	struct trial ended;

	if (found == INSTALL_FOUND_UNKNOWN)
		return found;
	/* With the staged file still there, there was nothing to judge. */
	if (!in->record.undoing && target_is_staged(&in->target))
		return INSTALL_FOUND_UNTOUCHED;
	if (read_own_end(in, &ended)) {
		ota_fail(why, ended.kind, "%s",
			 ended.reason ? ended.reason :
					"otad-launch put the old version back");
		trial_done(&ended);
		return INSTALL_FOUND_ROLLED_BACK;
	}
	if (found != INSTALL_FOUND_SWAPPED)
		return found;
	return runs(in->target.path) ? INSTALL_FOUND_RUNNING :
				       INSTALL_FOUND_SWAPPED;
}

static void clean(struct installation *in)
{
	/* A way back that failed: otad-launch shall go on judging. */
	struct trial trial;
	struct ota_error err;
	bool on_trial = target_inspect(in, &err) != INSTALL_FOUND_UNTOUCHED;

	if (on_trial) {
		on_trial = trial_read(in->env->state_dir, &trial, NULL);
		if (on_trial)
			trial_done(&trial);
	}
	if (!on_trial && trial_is_there(in->env->state_dir) &&
	    !trial_remove(in->env->state_dir, &err))
		installation_end(in, &err);
	else
		installation_end(in, target_clean(in, &err) ? NULL : &err);
}

const struct installer_ops self_installer = {
	.prepare = prepare,
	.backup = backup,
	.stage = stage,
	.check = check,
	.swap = swap,
	.activate = activate,
	.confirm = confirm,
	.roll_back = roll_back,
	.clean = clean,
	.inspect = inspect,
	.has_backup = target_has_backup,
	.online = online,
};
