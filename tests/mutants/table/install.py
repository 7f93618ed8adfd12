"""What is broken of src/install."""

from mutation import Mutant

MUTANTS = [
    Mutant("a swap done before is not synced",
           "target", "src/install/target.c",
           """	return file_sync_parent(in->target.path, err);
}

bool target_clean""",
           """	return true;
}

bool target_clean"""),
    Mutant("a copied backup is not synced",
           "target", "src/install/target.c",
           """	if (fsync(fd) < 0)
		return ota_fail_errno(err, errno, "sync %s", path);""",
           ""),
    Mutant("a staged file is not synced",
           "target", "src/install/stage.c",
           """	if (fsync(fd) < 0)
""",
           """	if (false)
"""),
    Mutant("the name of a staged copy is not synced",
           "target", "src/install/stage.c",
           """	return in->staging.move ||
	       file_sync_parent(in->target.staged, err);""",
           "	return true;"),
    Mutant("a staged file that cannot be synced is installed",
           "target", "src/install/stage.c",
           """	if (fsync(fd) < 0)
""",
           """	if (fsync(fd) < 0 && false)
"""),
    Mutant("what was staged is not compared with what was verified",
           "target", "src/install/stage.c",
           "	if (!digest_equal(found, &in->digest))",
           "	if (false)"),
    Mutant("an artifact of an earlier run is moved unhashed",
           "target", "src/install/stage.c",
           "	if (in->staging.move && in->artifact_fresh)",
           "	if (in->staging.move)"),
    Mutant("an artifact that others want is moved",
           "target", "src/install/stage.c",
           "	return !in->artifact_shared && S_ISREG",
           "	return S_ISREG"),
    Mutant("a failed staging leaves its file",
           "target", "src/install/stage.c",
           """	unlink(in->target.staged);
	in->file_next""",
           "	in->file_next"),
    Mutant("what is untouched is not synced on the way back",
           "target", "src/install/backup.c",
           "		go_on(in, file_sync_parent(in->target.path, &err) ? NULL : &err);",
           "		go_on(in, NULL);"),
    Mutant("a copy is written back only at its end",
           "target", "src/install/copy.c",
           """	if (fdatasync(copy->to_fd) < 0)
		return ota_fail_errno(err, errno, "sync %s", copy->to);
""",
           ""),
    Mutant("a target that cannot be looked at is untouched",
           "target", "src/install/installation.c",
           """	if (!install_record_read(in, why))
		return INSTALL_FOUND_UNKNOWN;""",
           """	if (!install_record_read(in, why))
		return INSTALL_FOUND_UNTOUCHED;"""),
    Mutant("the record of another job counts",
           "target", "src/install/record.c",
           """	if (text && lines_get(text, "JOB", job, sizeof(job)) && in->job &&
	    strcmp(job, in->job) == 0)""",
           "	if (text)"),
    Mutant("a device has the record of another",
           "target", "src/install/record.c",
           """	if (asprintf(&both, "%s/%s", in->device, in->module) >= 0)""",
           """	if (asprintf(&both, "%s", in->module) >= 0)"""),
    Mutant("a trial has one start more",
           "trial", "src/install/trial.c",
           "		over = trial.starts >= trial.max_starts;",
           "		over = trial.starts > trial.max_starts;"),
    Mutant("a start is counted in memory alone",
           "trial", "src/install/trial.c",
           "		counted = over || trial_write(state_dir, &trial, err);",
           "		counted = true;"),
    Mutant("a count that nobody can read is none",
           "trial", "src/install/trial.c",
           """		text, "STARTS", 0, TRIAL_MAX_STARTS_LIMIT, trial->max_starts);""",
           """		text, "STARTS", 0, TRIAL_MAX_STARTS_LIMIT, 0);"""),
    Mutant("a trial may have any number of starts",
           "trial", "src/install/trial.c",
           """		text, "MAX_STARTS", 1, TRIAL_MAX_STARTS_LIMIT,
""",
           """		text, "MAX_STARTS", 1, UINT32_MAX,
"""),
    Mutant("the new version becomes its own backup",
           "target", "src/install/backup.c",
           "	if (in->record.form != BACKUP_FORM_UNKNOWN) {",
           "	if (false) {"),
    Mutant("the end of another trial counts",
           "install-self", "src/install/self.c",
           """	if (in->job && strcmp(ret->job, in->job) == 0)
		return true;""",
           "	return true;"),
    Mutant("otad confirms itself without its broker",
           "install-self", "src/install/self.c",
           """	if (in->online)
		confirm_now(in);
}""",
           """	confirm_now(in);
}"""),
    Mutant("a swap that fails leaves the marker of a trial",
           "install-self", "src/install/self.c",
           """		if (!trial_remove(in->env->state_dir, NULL))
			ota_wrap(&err, "a trial marker stays behind");
""",
           ""),
    Mutant("otad is swapped without a marker",
           "install-self", "src/install/self.c",
           "	bool done = target_look(in, &err) && begin_trial(in, &err);",
           "	bool done = target_look(in, &err);"),
    Mutant("the new version runs on when the old one is back",
           "install-self", "src/install/self.c",
           "	in->must_leave = runs_new(in) && !(ended && runs(in->target.path));",
           "	in->must_leave = false;"),
    Mutant("a program without its library is installed",
           "install-self", "src/install/self.c",
           "		       result->exit_status == LOADER_EXIT_MISSING;",
           "		       false;"),
    Mutant("a device whose flashing failed counts as untouched",
           "install-exec", "src/install/exec.c",
           """	in->touched = true;
""",
           ""),
    Mutant("a device that is not well is confirmed",
           "install-exec", "src/install/exec.c",
           """	if (!err || err->kind != OTA_ERROR_BUSY) {
		installation_end(in, err);""",
           """	if (!err || err->kind != OTA_ERROR_BUSY) {
		installation_end(in, NULL);"""),
    Mutant("the old version is left though its backup is gone",
           "test_judge.py test_a_first_version_whose_backup_cannot_be_linked", "src/install/self.c",
           "	in->must_leave = runs_new(in) && !(ended && runs(in->target.path));",
           "	in->must_leave = runs_new(in);"),
    Mutant("a link is a backup",
           "target", "src/install/target.c",
           "	if (lstat(kept, &backup) < 0 || !S_ISREG(backup.st_mode))",
           "	if (stat(kept, &backup) < 0)"),
    Mutant("half a backup stays behind",
           "target", "src/install/target.c",
           "		    !target_remove(half_backup, err))",
           "		    false)"),
    Mutant("a target that is not mounted is untouched",
           "target", "src/install/target.c",
           """	if (!target_look(in, why))
		return INSTALL_FOUND_UNKNOWN;""",
           """	if (!target_look(in, why))
		return INSTALL_FOUND_UNTOUCHED;"""),
    Mutant("what was staged before stops the next one",
           "target", "src/install/stage.c",
           "	if (!target_remove(in->target.staged, &err)) {",
           "	if (false) {"),
    Mutant("hard links that came since the backup are overlooked",
           "target", "src/install/stage.c",
           "	if (!target_look(in, &err) || !target_refuse_links(in, &err)) {",
           "	if (!target_look(in, &err)) {"),
    Mutant("what has an MD5 alone cannot be staged",
           "target", "src/install/stage.c",
           """	const struct digest *found = in->digest.alg == DIGEST_MD5 ?
					     &result->md5 :
					     &result->sha256;""",
           "	const struct digest *found = &result->sha256;"),
    Mutant("the old file is not known without its backup",
           "target", "src/install/backup.c",
           """	if (in->target.exists)
		in->record.old = file_mark_of(&in->target.st);
""",
           ""),
    Mutant("a way back to nothing is not synced",
           "target", "src/install/backup.c",
           "	go_on(in, target_remove(in->target.path, &err) ? NULL : &err);",
           "	(void)err; unlink(in->target.path); go_on(in, NULL);"),
    Mutant("a way back is not synced",
           "target", "src/install/backup.c",
           "	go_on(in, file_rename(target->staged, target->path, &err) ? NULL : &err);",
           "	(void)err; rename(target->staged, target->path); go_on(in, NULL);"),
    Mutant("the record of an installation may come back",
           "target", "src/install/record.c",
           "	return path && file_remove(path, err);",
           """	return path && (unlink(path) == 0 || true);
}
#include <unistd.h>
void dummy_never(void);
void dummy_never(void)
{"""),
    Mutant("the mark of the old file is not read",
           "target", "src/install/record.c",
           """	if (lines_get(text, "OLD", value, sizeof(value)))
		parse_mark(value, &ret->old);
""",
           ""),
    Mutant("a link is a record",
           "target", "src/install/record.c",
           "	text = file_read_nofollow(path, RECORD_MAX_BYTES, &size, &why);",
           "	text = file_read(path, RECORD_MAX_BYTES, &size, &why);"),
    Mutant("one start is counted at every look",
           "trial", "src/install/trial.c",
           """		trial.pid = getpid();
		trial.pid_started = started;
""",
           ""),
    Mutant("a marker is larger than otad-launch reads",
           "trial", "src/install/trial.c",
           "	if (size > TRIAL_MAX_BYTES)",
           "	if (false)"),
    Mutant("a link is a marker",
           "trial", "src/install/trial.c",
           "	text = file_read_nofollow(path, TRIAL_MAX_BYTES, &size, err);",
           "	text = file_read(path, TRIAL_MAX_BYTES, &size, err);"),
    Mutant("MaxTrialStarts= is ignored",
           "install-self", "src/install/self.c",
           "		.max_starts = in->env->max_trial_starts,",
           "		.max_starts = TRIAL_MAX_STARTS_DEFAULT,"),
    Mutant("otad-launch does not hear of ConfirmTimeout=",
           "install-self", "src/install/self.c",
           """		.timeout_s = timeout_s < TRIAL_TIMEOUT_LIMIT_S ?
				     (unsigned)timeout_s :
				     TRIAL_TIMEOUT_LIMIT_S,""",
           "		.timeout_s = timeout_s ? 300 : 300,"),
    Mutant("a trial begins without a backup",
           "install-self", "src/install/self.c",
           "	if (in->record.backup_sha256.alg != DIGEST_SHA256)",
           "	if (false)"),
    Mutant("a trial whose marker stays is confirmed",
           "install-self", "src/install/self.c",
           """	installation_end(in, trial_remove(in->env->state_dir, &err) ? NULL :
								      &err);
}

static void confirm(""",
           """	(void)!trial_remove(in->env->state_dir, &err);
	installation_end(in, NULL);
}

static void confirm("""),
    Mutant("a device that said not now counts as touched",
           "install-exec", "src/install/exec.c",
           """	if (err && err->kind == OTA_ERROR_BUSY)
		in->touched = false;
""",
           ""),
    Mutant("an installation that is not on record goes on",
           "install-exec", "src/install/exec.c",
           """		if (!install_record_write(in, &why))
			err = &why;
""",
           """		(void)!install_record_write(in, &why);
"""),
    Mutant("a step begins without its record",
           "target", "src/install/installation.c",
           """	else if (install_record_read(in, &err))
		begin(in);
	else
		installation_end(in, &err);""",
           """	else {
		(void)!install_record_read(in, &err);
		begin(in);
	}"""),
    Mutant("a link is copied",
           "target", "src/install/copy.c",
           """	copy->from_fd = open(copy->from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
						 O_NONBLOCK);""",
           """	copy->from_fd = open(copy->from, O_RDONLY | O_CLOEXEC | 
						 O_NONBLOCK);"""),
    Mutant("a FIFO is copied",
           "target", "src/install/copy.c",
           """	if (!S_ISREG(st.st_mode))
		return ota_fail(err, OTA_ERROR_INTERNAL,""",
           """	if (false)
		return ota_fail(err, OTA_ERROR_INTERNAL,"""),
    Mutant("a copy goes through a link",
           "target", "src/install/copy.c",
           "O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC",
           "O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC"),
    Mutant("a write of a copy that was cut short counts as whole",
           "target", "src/install/copy.c",
           """		data += n;
		size -= (size_t)n;""",
           "		size = 0;"),
    Mutant("a copy is open to all while it is made",
           "target", "src/install/copy.c",
           "			   0600);",
           "			   0666);"),
    Mutant("a copy that failed stays",
           "target", "src/install/copy.c",
           """	if (copy->to && !copy->complete)
		unlink(copy->to);
""",
           ""),
    Mutant("a longer key is taken for a shorter one",
           "trial", "src/install/lines.c",
           """		if (length > key_length && text[key_length] == '=' &&
""",
           """		if (length > key_length &&
"""),
    Mutant("the beginning of a value is taken for all of it",
           "trial", "src/install/lines.c",
           """			if (length >= size || !is_printable(text, length))
				return false;""",
           """			if (length >= size)
				length = size - 1;
			if (!is_printable(text, length))
				return false;"""),
    Mutant("a library is a program",
           "elf", "src/install/elf.c",
           " || elf->entry == 0)",
           ")"),
    Mutant("segments have no ceiling",
           "elf", "src/install/elf.c",
           "elf->n_segments > MAX_SEGMENTS ||",
           "false ||"),
    Mutant("the name of a loader has no ceiling",
           "elf", "src/install/elf.c",
           "	if (segment->size_bytes == 0 || segment->size_bytes > size)",
           "	if (segment->size_bytes == 0)"),
    Mutant("a link is a program",
           "elf", "src/install/elf.c",
           "	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);",
           "	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);"),
    Mutant("a Restart= that fails is a failed installation",
           "install-binary", "src/install/binary.c",
           "		.kind = OTA_ERROR_RESTART_FAILED,",
           "		.kind = OTA_ERROR_INSTALL_FAILED,"),
    Mutant("tidying up before the swap restarts a service",
           "install-binary", "src/install/binary.c",
           """	if (err || !in->restored)
""",
           """	if (err)
"""),
    Mutant("what systemctl does not tell is as before",
           "install-binary", "src/install/health.c",
           """	in->health.seen = (struct service_state){ 0 };
""",
           ""),
    Mutant("an old trouble is told of another step",
           "install-binary", "src/install/installation.c",
           """	in->trouble[0] = '\\0';
	if (!begin)""",
           "	if (!begin)"),
]
