"""What is broken of src/update."""

from mutation import Mutant

MUTANTS = [
    Mutant("a gateway without its topics is online",
           "updater-session", "src/update/session.c",
           """		session_refuse(session, device);
	}
	session_advance""",
           """	}
	session_advance"""),
    Mutant("a loss of the connection is kept from the outbox",
           "updater-session", "src/update/session.c",
           """	if (session->open)
		outbox_close(session->outbox);
""",
           ""),
    Mutant("what an old connection waited for holds up the new one",
           "updater-session", "src/update/session.c",
           "		*link = (struct link){ .last_sent_ms = link->last_sent_ms };",
           "		(void)link;"),
    Mutant("a stop does not wait for the reports",
           "updater-session", "src/update/session.c",
           """	if (!session->online)
		flush_ms = 0;""",
           """	flush_ms = 0;
	if (!session->online)
		;"""),
    Mutant("a stop waits for reports for ever",
           "updater-session", "src/update/session.c",
           """	session_set_timer(session, SESSION_TIMER_FLUSH, flush_ms, on_flush_time);
}""",
           "}"),
    Mutant("a refused topic is never asked for again",
           "updater-session", "src/update/session-intro.c",
           """	session_link(device)->stage = STAGE_REFUSED;
	session_set_timer(session, SESSION_TIMER_REFUSED, SUBSCRIBE_AGAIN_MS,
			  on_subscribe_again);""",
           "	session_link(device)->stage = STAGE_REFUSED;"),
    Mutant("a device asks only once to come online",
           "updater-session", "src/update/session-intro.c",
           """	session->online_asked = true;
""",
           ""),
    Mutant("reports go before the versions",
           "updater-session", "src/update/session-intro.c",
           """	return session->cursor >= inventory_count(session->inventory) &&
	       session->n_pending == 0 && session->untold == 0;""",
           "	return true;"),
    Mutant("the result of a job is no result",
           "updater", "src/update/session-send.c",
           """	if (publication->result)
		return OUTBOX_RESULT;
""",
           ""),
    Mutant("a report that was not sent counts as sent",
           "updater-session", "src/update/session-send.c",
           "		return OUTBOX_NOT_NOW;",
           "		return OUTBOX_SENT;"),
    Mutant("a state has no deadline",
           "machine", "src/update/machine.c",
           """	job->record_attempts = 0;
	job_arm_deadline(job);
""",
           """	job->record_attempts = 0;
"""),
    Mutant("a job that is resumed has no deadline",
           "walk binary", "src/update/machine.c",
           """	job_arm_deadline(job);
	resume_action(job)(job);""",
           "	resume_action(job)(job);"),
    Mutant("the way back has no deadline",
           "walk binary", "src/update/machine.c",
           """	if (job->undoing && !job_state_is_terminal(job->state))
		return COPY_DEADLINE_MS + job->settings->timeout_ms;
	return job_deadline""",
           """	if (job->undoing && !job_state_is_terminal(job->state))
		return LOOP_NEVER;
	return job_deadline"""),
    Mutant("a download has ten times its deadline",
           "bounds", "src/update/machine.c",
           "#define DOWNLOAD_DEADLINE_MS (7 * DAY_MS)",
           "#define DOWNLOAD_DEADLINE_MS (70 * DAY_MS)"),
    Mutant("recording a state has no ceiling",
           "machine", "src/update/machine.c",
           "		if (job->record_attempts < JOB_RECORD_ATTEMPTS) {",
           "		if (true) {"),
    Mutant("the attempts to record are never counted anew",
           "machine", "src/update/machine.c",
           """	job->record_attempts = 0;
	job_arm_deadline(job);
""",
           """	job_arm_deadline(job);
"""),
    Mutant("a state that is not recorded is gone on with",
           "machine", "src/update/machine.c",
           """			set_state(job, before);
			cannot_record""",
           "			cannot_record"),
    Mutant("an error that comes late is told",
           "updater", "src/update/machine.c",
           """	if (!job->unrecorded && find_rule(job, JOB_EVENT_FAILED))
		job_set_cause""",
           "		job_set_cause"),
    Mutant("a version that does not start is left in place",
           "machine", "src/update/machine.c",
           "	RULE(RESTARTING, FAILED, is_forward, start_undo, RESTARTING),",
           "	RULE(RESTARTING, FAILED, is_forward, end_job, FAILED),"),
    Mutant("a version that is not well is left in place",
           "machine", "src/update/machine.c",
           "	RULE(CONFIRMING, FAILED, is_forward, start_undo, CONFIRMING),",
           "	RULE(CONFIRMING, FAILED, is_forward, end_job, FAILED),"),
    Mutant("what could not be put back is rolled back",
           "diagram", "src/update/machine.c",
           "	RULE(INSTALLING, ABANDONED, is_undoing, end_job, FAILED),",
           "	RULE(INSTALLING, ABANDONED, is_undoing, end_job, ROLLED_BACK),"),
    Mutant("a way back that fails is waited for",
           "updater", "src/update/machine.c",
           """	RULE(RESTARTING, FAILED, is_undoing, retry_undo, RESTARTING),
""",
           ""),
    Mutant("a way back is forgotten by a restart",
           "machine", "src/update/machine.c",
           """	if (job->undoing && !job_state_is_terminal(job->state))
		return start_undo;
	switch""",
           "	switch"),
    Mutant("a device that was away gets its artifact unverified",
           "diagram", "src/update/machine.c",
           "wait_for_return, VERIFYING)",
           "wait_for_return, BACKING_UP)"),
    Mutant("a device that is away is waited for for ever",
           "updater-devices", "src/update/runner-away.c",
           """	return job->away_attempts < AWAY_ATTEMPTS &&
	       job->away_ms < job->updater->config->update.away_timeout_ms;""",
           "	return true;"),
    Mutant("a device that is away keeps its place",
           "updater-devices", "src/update/runner-away.c",
           """	gate_leave(&job->updater->gate, job);
""",
           ""),
    Mutant("an artifact that is gone is fetched for ever",
           "updater-resume", "src/update/runner-download.c",
           "	if (++job->refetches > JOB_MAX_REFETCHES) {",
           "	if (false) {"),
    Mutant("an artifact is not checked against its offer",
           "updater", "src/update/runner-download.c",
           "	if (!artifact_check(job->artifact, job->offer, &err)) {",
           "	if (false) {"),
    Mutant("a signature that cannot be fetched is a good one",
           "updater-signature", "src/update/runner-download.c",
           """		ok = false;
	} else {""",
           """		ok = true;
	} else {"""),
    Mutant("a new url is not recorded",
           "updater-resume", "src/update/runner-download.c",
           """	return runner_record(job, err);
}

/* ---- verifying""",
           """	return true;
}

/* ---- verifying"""),
    Mutant("the end of a job is not reported",
           "updater", "src/update/runner-end.c",
           """	return reporter_result(updater->reporter, job, running_after(job),
			       job->updated_ms, err);""",
           "	return true;"),
    Mutant("a rollback is not reported",
           "updater", "src/update/runner-end.c",
           """	return reporter_result(updater->reporter, job, running_after(job),
			       job->updated_ms, err);""",
           """	return job->state == JOB_STATE_ROLLED_BACK || reporter_result(updater->reporter, job, running_after(job),
			       job->updated_ms, err);"""),
    Mutant("a report that could not be made is given up",
           "updater", "src/update/runner-end.c",
           """	return reporter_result(updater->reporter, job, running_after(job),
			       job->updated_ms, err);""",
           """	(void)!reporter_result(updater->reporter, job, running_after(job),
			       job->updated_ms, err);
	return true;"""),
    Mutant("a failed job tells the new version",
           "updater", "src/update/runner-end.c",
           """	return module ? module_version(module) : "0";""",
           "	return job->offer->version;"),
    Mutant("the file of an ended job stays",
           "updater", "src/update/runner-end.c",
           "	return path ? file_remove(path, err) : ota_fail_memory(err, job->id);",
           "	return path != NULL;"),
    Mutant("an offer that waits for an end is lost",
           "updater", "src/update/runner-end.c",
           """	else
		waiting = OTA_TAKE(job->waiting);""",
           """	else
		waiting = NULL;"""),
    Mutant("those who wait for an end are not woken",
           "updater-devices", "src/update/runner-end.c",
           """	updater_wake_jobs(updater);
}

static void end_step""",
           """}

static void end_step"""),
    Mutant("a history that takes no line keeps the report",
           "updater", "src/update/runner-end.c",
           """	if (job->record_attempts < HISTORY_ATTEMPTS)
		return false;""",
           "	return false;"),
    Mutant("the end of a job is told once or never",
           "updater", "src/update/runner-end.c",
           """	job_retry_later(job, job->record_attempts++, runner_finish);
	return false;""",
           "	return false;"),
    Mutant("a way back has no ceiling",
           "updater", "src/update/runner-install.c",
           "	if (++job->undo_attempts < runner_undo_attempts(job))",
           "	if (++job->undo_attempts)"),
    Mutant("a power cut behind the swap installs twice",
           "updater-resume", "src/update/runner-install.c",
           """	if (found == INSTALL_FOUND_UNTOUCHED)
		start_install(job);
	else
		job_handle(job, JOB_EVENT_INSTALLED);""",
           "	start_install(job);"),
    Mutant("a version that is gone is confirmed",
           "updater-resume", "src/update/runner-install.c",
           """	if (found == INSTALL_FOUND_UNTOUCHED) {
		ota_fail(&err, OTA_ERROR_INSTALL_FAILED,""",
           """	if (false) {
		ota_fail(&err, OTA_ERROR_INSTALL_FAILED,"""),
    Mutant("a trial that otad-launch ended is confirmed",
           "updater-resume", "src/update/runner-install.c",
           """	if (*ret_found == INSTALL_FOUND_ROLLED_BACK)
		was_rolled_back(job, &err);
	else if""",
           "	if"),
    Mutant("a new otad is confirmed without its broker",
           "updater-resume", "src/update/runner-install.c",
           """	if (job->updater->session && session_is_online(job->updater->session))
		installation_online""",
           """	if (true)
		installation_online"""),
    Mutant("a new otad that is online already is never confirmed",
           "updater-resume", "src/update/runner-install.c",
           """	if (job->updater->session && session_is_online(job->updater->session))
		installation_online(job->installation);
""",
           ""),
    Mutant("Check= is left out",
           "updater", "src/update/runner-install.c",
           "		installation_run(installation, INSTALL_CHECK);",
           "		installation_run(installation, INSTALL_SWAP);"),
    Mutant("an artifact that others want is moved away",
           "updater-devices", "src/update/runner-install.c",
           """		.artifact_shared = runner_shares_artifact(job),
""",
           ""),
    Mutant("a battery that runs low stops nothing",
           "updater", "src/update/runner.c",
           "	return has_power(job, err) && wave_goes_on(job, err);",
           "	return wave_goes_on(job, err);"),
    Mutant("the SHA-256 of an artifact is not compared",
           "updater", "src/update/artifact.c",
           """	return check_digest(&offer->sha256, &artifact->sha256, err) &&
	       check_digest(&offer->md5, &artifact->md5, err);""",
           "	return check_digest(&offer->md5, &artifact->md5, err);"),
    Mutant("what lies there complete is believed",
           "updater", "src/update/artifact-work.c",
           "	return artifact->inherited && !digest_equal(found, &artifact->digest);",
           "	return false;"),
    Mutant("a part of an artifact counts as the whole",
           "updater", "src/update/artifact-work.c",
           "	if (file_exists(record) || lstat(artifact->path, &st) < 0)",
           "	if (lstat(artifact->path, &st) < 0)"),
    Mutant("what a job waits for is swept away",
           "updater-resume", "src/update/artifact-files.c",
           "		if (!is_wanted(&wanted, path) && lstat",
           "		if (lstat"),
    Mutant("nothing is ever swept away",
           "updater-resume", "src/update/artifact-files.c",
           """	if (!file_remove(path, &err))
		log_warning(NULL, "%s", err.text);
	return true;""",
           "	return true;"),
    Mutant("the last cause is told, not the first",
           "machine", "src/update/job.c",
           """	if (job->cause != OTA_ERROR_NONE)
		return;
""",
           ""),
    Mutant("a way back is not recorded",
           "updater-resume", "src/update/job.c",
           """	    !json_add_bool(json, "undoing", job->undoing) ||
""",
           ""),
    Mutant("an offer that waits is lost by a restart",
           "updater-resume", "src/update/job.c",
           """	if (waiting && !(job->waiting = offer_from_json(waiting, err)))
		return NULL;
""",
           ""),
    Mutant("a restart begins AwayTimeout= anew",
           "updater-resume", "src/update/job.c",
           """	    !json_add_int(json, "away_ms", (int64_t)job->away_ms))""",
           "	    false)"),
    Mutant("a restart counts refetches anew",
           "updater-resume", "src/update/job.c",
           """	    !json_add_int(json, "refetches", job->refetches) ||
""",
           ""),
    Mutant("a module has the job of another",
           "updater-resume", "src/update/updater-jobs.c",
           """	while (job && strcmp(job->offer->module, module) != 0)
		job = job->same_device;
""",
           ""),
    Mutant("an installation has no place after a restart",
           "updater-devices", "src/update/updater-jobs.c",
           """	if (job_is_installing(job))
		gate_enter(&updater->gate, job);
""",
           ""),
    Mutant("a refused offer is not told of",
           "updater", "src/update/updater-offers.c",
           """	job_fail(job, why);
}

static bool begin(""",
           """}

static bool begin("""),
    Mutant("an offer that cannot be recorded is not told of",
           "updater", "src/update/updater-offers.c",
           """		/* Some platforms say it only once: they must hear of it. */
		refuse(updater, module, offer, &why);
""",
           ""),
    Mutant("the policy is not asked",
           "updater", "src/update/updater-offers.c",
           """	if (policy_accepts(&facts, offer, err))
		return has_not""",
           """	if (true)
		return has_not"""),
    Mutant("a hold is not synced",
           "updater-resume", "src/update/updater-hold.c",
           "	return store_write(path, json, err);",
           "	return store_write_lazy(path, json, err);"),
    Mutant("a registered device is not synced",
           "updater-resume", "src/update/updater-devices.c",
           "	return store_write(path, json, err);",
           "	return store_write_lazy(path, json, err);"),
    Mutant("the failures of a wave are not synced",
           "updater-resume", "src/update/wave.c",
           "	else if (store_write(path, json, &err))",
           "	else if (store_write_lazy(path, json, &err))"),
    Mutant("without otad-launch no start is counted",
           "updater-operator", "src/update/updater-trial.c",
           "	if (!trial_count_start(updater->store.dir, &updater->trial_over, &why)) {",
           "	if (false) {"),
    Mutant("an own start that cannot be counted goes on",
           "updater-operator", "src/update/updater-trial.c",
           """		log_error(NULL, "The trial ends: %s", why.text);
		updater->trial_over = true;""",
           """		log_error(NULL, "The trial ends: %s", why.text);"""),
    Mutant("without otad-launch a trial has no last start",
           "updater-operator", "src/update/updater-trial.c",
           """	if (!job || !updater->trial_over)
		return;""",
           "	return;"),
    Mutant("the marker of a trial under way is removed",
           "updater-operator", "src/update/updater-trial.c",
           """		!has_job(updater, trial.job) &&
""",
           ""),
    Mutant("the marker of a trial that is over stays",
           "updater-operator", "src/update/updater.c",
           """	updater_drop_stale_marker(updater);
	return true;""",
           "	return true;"),
    Mutant("a hold is not recorded",
           "updater-operator", "src/update/updater-hold.c",
           """	if (!save_hold(updater, until_ms, copy, err))
		return false;
""",
           ""),
    Mutant("a damaged hold holds nothing",
           "updater-operator", "src/update/updater-hold.c",
           """	updater->held = true;
	json = store_read""",
           "	json = store_read"),
    Mutant("a release is forgotten by a restart",
           "updater-operator", "src/update/updater-hold.c",
           """	if (!file_remove(path, err))
		return false;
	updater->held""",
           "	updater->held"),
    Mutant("an offer that waits is not recorded",
           "updater-operator", "src/update/updater-offers.c",
           """	if (!runner_record(job, err))
		log_warning(NULL, "The waiting""",
           """	if (false)
		log_warning(NULL, "The waiting"""),
    Mutant("what is being installed is cancelled",
           "updater-operator", "src/update/updater-offers.c",
           """	if (job->state >= JOB_STATE_INSTALLING)
		return ota_fail(err, OTA_ERROR_BUSY,
				"%s %s is %s, too late""",
           """	if (false)
		return ota_fail(err, OTA_ERROR_BUSY,
				"%s %s is %s, too late"""),
    Mutant("what an operator let start is not recorded",
           "updater-operator", "src/update/updater-offers.c",
           """	if (!runner_record(job, err)) {
		job->approved = false;
		return false;
	}
""",
           ""),
    Mutant("a way back that was asked for is not recorded",
           "updater-operator", "src/update/updater-offers.c",
           "	if (!runner_has_backup(job, err) || !runner_record(job, err)) {",
           "	if (!runner_has_backup(job, err)) {"),
    Mutant("what nobody wants makes no room",
           "updater-operator", "src/update/updater-offers.c",
           """	artifact_store_sweep(updater->artifacts, 0);
""",
           ""),
    Mutant("an installation does not hear of the broker",
           "updater-resume", "src/update/updater-session.c",
           """		if (job->state == JOB_STATE_CONFIRMING && job->installation &&
		    !job->undoing)
			installation_online(job->installation);
""",
           ""),
    Mutant("an exec that fails is waited for",
           "updater-session", "src/update/updater-session.c",
           """	updater->reexec.failed(updater->reexec.installation, &err);
""",
           ""),
    Mutant("an exec that fails leaves otad offline",
           "updater-session", "src/update/updater-session.c",
           """	connect_again(updater);
	updater->reexec.failed""",
           "	updater->reexec.failed"),
    Mutant("want of memory is damage to a state file",
           "state-memory", "src/update/store.c",
           """		if (why.kind != OTA_ERROR_PROTOCOL &&
		    why.kind != OTA_ERROR_NOT_FOUND && /* a link to nothing */
		    !store_is_damage(&why)) {""",
           "		if (false) {"),
    Mutant("a device's end is told as the gateway's",
           "updater-devices", "src/update/reporter.c",
           """		.event = REPORT_PROGRESS,
		.device = job->offer->device,""",
           """		.event = REPORT_PROGRESS,
		.device = DEVICE_SELF,"""),
    Mutant("an end without a session counts as told",
           "updater-resume", "src/update/reporter.c",
           """	if (!reporter->session)
		return ota_fail(err, OTA_ERROR_BUSY, "no session just now");
	report = make_report""",
           """	if (!reporter->session)
		return true;
	report = make_report"""),
    Mutant("what was told of a download is not recorded",
           "updater-resume", "src/update/reporter.c",
           """	runner_record_progress(job);
""",
           ""),
    Mutant("a reload changes the rules of a trial",
           "updater-resume", "src/update/updater-session.c",
           """		if (!may_follow(job))
			continue;
""",
           ""),
    Mutant("a rollback is forgotten by a restart",
           "updater-operator", "src/update/module-record.c",
           """	return job->state != JOB_STATE_ROLLED_BACK ||
	       (replace(&record->version, job->old_version) &&
		replace(&record->previous, NULL));""",
           "	return true;"),
    Mutant("three failures refuse a version for ever",
           "store", "src/update/module-record.c",
           "	return now_ms < ms || now_ms - ms >= STRIKES_REFUSE_MS;",
           "	return now_ms < ms;"),
    Mutant("a clock that was ahead refuses for years",
           "store", "src/update/module-record.c",
           "	return now_ms < ms || now_ms - ms >= STRIKES_REFUSE_MS;",
           "	return now_ms - ms >= STRIKES_REFUSE_MS;"),
    Mutant("a power cut counts a failure twice",
           "store", "src/update/module-record.c",
           "	bool is_new = strcmp(record->last_job, job->id) != 0;",
           "	bool is_new = true;"),
    Mutant("a power cut adds a line to the history twice",
           "store", "src/update/history.c",
           """	if (there)
		return true;
""",
           ""),
    Mutant("otad is installed beside another",
           "updater-devices", "src/update/gate.c",
           "	if (is_self(job) ? gate->installing > 0 : gate->selves > 0)",
           "	if (!is_self(job) && gate->selves > 0)"),
    Mutant("a stream of others holds otad back",
           "updater-devices", "src/update/gate.c",
           """	else if (gate->selves_waiting > 0 && !is_self(job))
""",
           """	else if (false)
"""),
    Mutant("a hold has no end",
           "updater-operator", "src/update/updater-turns.c",
           "	if (hold_has_ended(updater) && !updater_release(updater, &err))",
           "	if (false && !updater_release(updater, &err))"),
    Mutant("a clock that is set wakes nobody",
           "updater-operator", "src/update/updater-turns.c",
           """	if (wake_ms != LOOP_NEVER && wake_ms > WAKE_MAX_MS)
		wake_ms = WAKE_MAX_MS;
""",
           ""),
    Mutant("what a package has outdated is installed",
           "updater-operator", "src/update/updater-turns.c",
           """	if (is_outdated(job))
		end_outdated(job);
	else
		job_resume(job);""",
           "	job_resume(job);"),
    Mutant("all devices are installed at once",
           "updater-devices", "src/update/gate.c",
           "	return !*ret_reason;",
           "	return true;"),
    Mutant("an older version is accepted",
           "policy", "src/update/policy.c",
           """	if (facts->update->allow_downgrade || !facts->running ||
	    version_compare(offer->version, facts->running) > 0)""",
           "	if (true)"),
    Mutant("the room for an update is asked for once",
           "policy", "src/update/policy.c",
           "__builtin_mul_overflow(size_bytes, 2, &need)",
           "__builtin_mul_overflow(size_bytes, 1, &need)"),
    Mutant("a folder that cannot be read is an empty one",
           "store", "src/update/store.c",
           """	if (ok && errno != 0)
		ok = ota_fail_errno""",
           """	if (false)
		ok = ota_fail_errno"""),
    Mutant("a damaged state file stops the start",
           "store", "src/update/store.c",
           """		if (why.kind != OTA_ERROR_PROTOCOL &&
		    why.kind != OTA_ERROR_NOT_FOUND && /* a link to nothing */
		    !store_is_damage(&why)) {""",
           "		if (true) {"),
    Mutant("a file in the place of a folder stops the start",
           "store", "src/update/store.c",
           "	    (st.st_mode & S_IFMT) == wanted)",
           "	    wanted == S_IFDIR || (st.st_mode & S_IFMT) == wanted)"),
    Mutant("what a power cut left in the history stays there",
           "store", "src/update/history.c",
           "		if (kind != LINE_UNREADABLE || (at == tail && start > 0))",
           "		if (true)"),
    Mutant("a line of the history that mentions a job is taken for its own",
           "store", "src/update/history.c",
           "		return strcmp(job, id) == 0 ? LINE_OF_JOB : LINE_OF_ANOTHER;",
           "		return memmem(line, size, id, strlen(id)) ? LINE_OF_JOB : LINE_OF_ANOTHER;"),
    Mutant("what is installed again and again is not refused",
           "store", "src/update/module-record.c",
           "	if (is_new && (is_strike(job) || is_repeated(record, job, now_ms)) &&",
           "	if (is_new && is_strike(job) &&"),
    Mutant("what is installed again after a day is a failure",
           "store", "src/update/module-record.c",
           "	       !is_long_ago(record->updated_ms, now_ms) &&",
           ""),
    Mutant("anybody reads the state",
           "store", "src/update/store.c",
           "#define STATE_MODE 0600",
           "#define STATE_MODE 0644"),
    Mutant("a file is given up for one bad moment of the disk",
           "store", "src/update/store.c",
           """	if (!text && store_is_damage(err))
		text = file_read""",
           """	if (false)
		text = file_read"""),
    Mutant("what was set aside is set aside again",
           "store", "src/update/store.c",
           """	if (!has_suffix(path, ".json"))
		return true;
""",
           ""),
    Mutant("what the disk cannot read stops every start",
           "store", "src/update/store.c",
           "	return why->sys_errno == EIO || why->sys_errno == EBADMSG ||",
           "	return why->sys_errno == EBADMSG ||"),
    Mutant("a link to a folder that is not mounted is set aside",
           "store", "src/update/store.c",
           "S_ISLNK(st.st_mode) ||",
           "false ||"),
    Mutant("an artifact has the strikes of another",
           "store", "src/update/module-record.c",
           """		     digest ? digest->hex : "") < 0)""",
           """		     "") < 0)"""),
    Mutant("strikes of another artifact count on",
           "store", "src/update/module-record.c",
           """		record->strikes = 0;
	}
	record->strikes++;""",
           """	}
	record->strikes++;"""),
    Mutant("a bad signature is no strike",
           "store", "src/update/module-record.c",
           """	       job->cause == OTA_ERROR_SIGNATURE_INVALID ||
""",
           ""),
    Mutant("a success clears no strikes",
           "store", "src/update/module-record.c",
           """	if (!is_repeated(record, job, now_ms))
		module_record_forgive(record);
""",
           ""),
    Mutant("after a rollback there is a way further back",
           "store", "src/update/module-record.c",
           """	       (replace(&record->version, job->old_version) &&
		replace(&record->previous, NULL));""",
           "	       (replace(&record->version, job->old_version));"),
    Mutant("why it failed is not remembered",
           "store", "src/update/module-record.c",
           """	       add_text(json, "last_message", record->last_message) &&
""",
           ""),
    Mutant("want of memory sets a record aside",
           "store", "src/update/module-record.c",
           """		if (err->kind != OTA_ERROR_PROTOCOL && !store_is_damage(err))
			return NULL;
""",
           ""),
    Mutant("the whole history goes when it is too long",
           "store", "src/update/history.c",
           "	half = half ? half + 1 : text + size;",
           "	half = text + size;"),
    Mutant("a shortened history has no lasting name",
           "store", "src/update/history.c",
           "	return file_write(path, shorter, (size_t)bytes, HISTORY_MODE, err);",
           "	return file_write_lazy(path, shorter, (size_t)bytes, HISTORY_MODE, err);"),
    Mutant("a line of the history that is not synced counts",
           "store", "src/update/history.c",
           """	(void)!ftruncate(fd, end);
	return false;""",
           "	return false;"),
    Mutant("anybody reads the history",
           "store", "src/update/history.c",
           "#define HISTORY_MODE 0600",
           "#define HISTORY_MODE 0644"),
    Mutant("a sum that stands alone is written over",
           "store", "src/update/history.c",
           """	return json_get(json, "gone") ? LINE_OF_ANOTHER : LINE_UNREADABLE;""",
           "	return LINE_UNREADABLE;"),
    Mutant("the history does not tell why",
           "store", "src/update/history.c",
           """	    !json_add_string(json, "error", ota_error_kind_name(job->cause)) ||
""",
           ""),
    Mutant("half a line of the history is a whole one",
           "store", "src/update/history.c",
           "	if (pwrite(fd, line, (size_t)size, end) == size && fdatasync(fd) == 0)",
           "	if (pwrite(fd, line, (size_t)size, end) > 0 && fdatasync(fd) == 0)"),
    Mutant("a hold that cannot be taken off holds for ever",
           "updater-operator", "src/update/policy.c",
           "	return facts->hold_until_ms > facts->now_ms ?",
           "	return true ?"),
    Mutant("a hold that cannot be taken off is tried without a pause",
           "updater-operator", "src/update/policy.c",
           "		       POLICY_HOLD_AGAIN_MS;",
           "		       0;"),
    Mutant("the reason of a hold is lost by a restart",
           "updater-operator", "src/update/updater-hold.c",
           """	    (reason && !json_add_string(json, "reason", reason)))""",
           "	    (false))"),
    Mutant("the end of a hold is lost by a restart",
           "updater-operator", "src/update/updater-hold.c",
           """	updater->hold_until_ms = json_get_int(json, "until_ms", 0);
""",
           ""),
    Mutant("a release wakes nobody",
           "updater-operator", "src/update/updater-hold.c",
           """		  "Updates go on again");
	updater_wake_jobs(updater);""",
           """		  "Updates go on again");"""),
    Mutant("what was counted is lost by a restart",
           "updater-operator", "src/update/updater.c",
           """	if (!history_count(&updater->store, &updater->totals, &why))
		log_warning(NULL, "%s", why.text);
""",
           ""),
    Mutant("a start is counted by otad-launch and by otad",
           "updater-operator", "src/update/updater-trial.c",
           """	if (!updater->trial || updater->launched)
		return;""",
           """	if (!updater->trial)
		return;"""),
    Mutant("what a package has brought is installed once more",
           "updater-operator", "src/update/updater-turns.c",
           "version_compare(job->offer->version, running) <= 0;",
           "version_compare(job->offer->version, running) < 0;"),
    Mutant("an operator starts what is held",
           "updater-operator", "src/update/updater-offers.c",
           """	if (updater->held)
		return ota_fail""",
           """	if (false)
		return ota_fail"""),
    Mutant("the version before ends a trial",
           "updater-operator", "src/update/updater-offers.c",
           "	if (is_running(module, offer) && !(job && job_is_installing(job))) {",
           "	if (is_running(module, offer)) {"),
    Mutant("an offer is lost to a job that has ended",
           "updater-operator", "src/update/updater-offers.c",
           """	if (!job_state_is_terminal(job->state) &&
	    offer_same_job""",
           "	if (offer_same_job"),
    Mutant("a way back is begun twice",
           "updater-operator", "src/update/updater-offers.c",
           """	if (job->undoing || job->unrecorded)
		return false;
""",
           ""),
    Mutant("an execv on its way is called back",
           "updater-operator", "src/update/updater-offers.c",
           """	       (job->state == JOB_STATE_RESTARTING &&
		!installer_restarts_self(job->settings->type));""",
           "	       job->state == JOB_STATE_RESTARTING;"),
    Mutant("an operator cannot try again what failed too often",
           "updater-operator", "src/update/updater-offers.c",
           """		module_record_forgive(record);
""",
           ""),
    Mutant("a refusal for strikes tells another reason",
           "updater-operator", "src/update/updater-offers.c",
           """	return ota_fail(err, record->last_error ? record->last_error :
						  OTA_ERROR_INSTALL_FAILED,""",
           "	return ota_fail(err, OTA_ERROR_INTERNAL,"),
    Mutant("what an operator offers has no name",
           "updater-operator", "src/update/updater-offers.c",
           """	if (is_from_cloud(job->offer) || job->offer->ids.msg.text)
		return true;""",
           "	return true;"),
    Mutant("a job that begins is not shown",
           "updater-operator", "src/update/updater-offers.c",
           """	updater_job_changed(job);
	job_resume(OTA_TAKE(job));
	return true;
}

static void supersede""",
           """	job_resume(OTA_TAKE(job));
	return true;
}

static void supersede"""),
    Mutant("why a job waits is not shown",
           "updater-operator", "src/update/updater-turns.c",
           """	if (reason) {
		note_wait(updater, wait_ms);
		updater_job_waits(job, reason);
		return true;""",
           """	if (reason) {
		note_wait(updater, wait_ms);
		return true;"""),
    Mutant("why a job waits is shown at every look",
           "updater-operator", "src/update/updater-jobs.c",
           """	if (is_news)
		tell_listeners(job);""",
           "	tell_listeners(job);"),
    Mutant("an end is shown as often as it is tried to be told",
           "updater-operator", "src/update/updater-jobs.c",
           """	if (!job->end_shown)
		tell_listeners""",
           """	if (true)
		tell_listeners"""),
    Mutant("a reload leaves ConfirmTimeout= as it was",
           "updater-reload", "src/update/updater-session.c",
           """	updater->env.confirm_timeout_ms = config->update.confirm_timeout_ms;
""",
           ""),
    Mutant("a reload leaves MaxTrialStarts= as it was",
           "updater-reload", "src/update/updater-session.c",
           """	updater->env.max_trial_starts = config->update.max_trial_starts;
""",
           ""),
    Mutant("a reload wakes nobody",
           "updater-reload", "src/update/updater-session.c",
           """	settings_follow(updater);
	updater_wake_jobs(updater);""",
           "	settings_follow(updater);"),
    Mutant("what is configured no more goes on",
           "updater-reload", "src/update/updater-session.c",
           """		if (!module) {
			job_fail(job, &why);
			continue;
		}""",
           """		if (!module)
			continue;"""),
    Mutant("a reload that fails leaves half a configuration",
           "updater-reload", "src/update/updater-session.c",
           """		end_world(updater);
		enter_world(updater, &before);
		return false;""",
           "		return false;"),
    Mutant("a reload forgets what devices have told",
           "updater-reload", "src/update/updater-session.c",
           """	updater_carry_versions(before.inventory, updater->inventory);
""",
           ""),
    Mutant("a reload forgets what was counted",
           "updater-reload", "src/update/updater-session.c",
           """	if (updater->session)
		count_session(updater, updater->session);
""",
           ""),
    Mutant("a reload leaves [Download] as it was",
           "updater-reload", "src/update/updater-session.c",
           """	artifact_store_configure(updater->artifacts, config);
""",
           ""),
    Mutant("a session that cannot be opened is given up",
           "updater-reload", "src/update/updater-session.c",
           """	if (updater->reconnect)
		loop_timer_set(updater->reconnect, RECONNECT_MS);""",
           ""),
    Mutant("otad without a session is healthy",
           "updater-reload", "src/update/updater-view.c",
           "	return updater->session != NULL;",
           "	return true || updater;"),
    Mutant("a reload comes between a flush and its execv",
           "updater-reload", "src/update/updater-session.c",
           "	if (updater->reexec.pending || updater->stopped)",
           "	if (false)"),
    Mutant("after an execv that failed nothing is reloaded",
           "updater-reload", "src/update/updater-session.c",
           """	updater->reexec.pending = false;
""",
           ""),
    Mutant("otad that was told to end becomes another version",
           "updater-reload", "src/update/updater-session.c",
           """	if (updater->stopped) {
		/* Told""",
           """	if (false) {
		/* Told"""),
    Mutant("a device that was added is not recorded",
           "updater-reload", "src/update/updater-devices.c",
           """	if (!record_device(updater, inventory_find(updater->inventory, name),
			   err)) {""",
           "	if (false) {"),
    Mutant("a device that cannot be recorded is there all the same",
           "updater-reload", "src/update/updater-devices.c",
           """		updater_drop_device(updater, name);
		return false;
	}
	session_device_added""",
           """		return false;
	}
	session_device_added"""),
    Mutant("a device that was added is not told of",
           "updater-reload", "src/update/updater-devices.c",
           """	session_device_added(updater->session,
			     inventory_find(updater->inventory, name));
""",
           ""),
    Mutant("a device that was removed comes back by a restart",
           "updater-reload", "src/update/updater-devices.c",
           """	if (!file_remove(path, err))
		return false;
	log_notice""",
           "	log_notice"),
    Mutant("a device is removed while it is installed on",
           "updater-reload", "src/update/updater-devices.c",
           """	if (is_too_late(updater, device, err))
		return false;
""",
           ""),
    Mutant("a configured device is removed",
           "updater-reload", "src/update/updater-devices.c",
           """	if (!device->registered)
		return ota_fail""",
           """	if (false)
		return ota_fail"""),
    Mutant("a device is gone before its end is told",
           "updater-reload", "src/update/updater-devices.c",
           """	if (!cancel_jobs(updater, name))
		updater_drop_device(updater, name);""",
           """	cancel_jobs(updater, name);
	updater_drop_device(updater, name);"""),
    Mutant("a removed device stays with its jobs",
           "updater-reload", "src/update/updater-devices.c",
           """		job->remove_device = true;
""",
           ""),
    Mutant("after a restart a device cannot be removed",
           "updater-reload", "src/update/updater-devices.c",
           """	device->registered = true;
	if (!enter(updater, device, &why))""",
           "	if (!enter(updater, device, &why))"),
    Mutant("a device that fits no more stops the start",
           "updater-reload", "src/update/updater-devices.c",
           """	device->registered = true;
	if (!enter(updater, device, &why))
		log_warning""",
           """	device->registered = true;
	if (!enter(updater, device, &why))
		return false;
	if (false)
		log_warning"""),
    Mutant("all devices are asked for their version at once",
           "updater-reload", "src/update/updater-devices.c",
           "	for (; asked && updater->queries < MAX_QUERIES; asked = next) {",
           "	for (; asked; asked = next) {"),
    Mutant("only the first devices are asked for their version",
           "updater-reload", "src/update/updater-devices.c",
           """	updater->queries -= asked->query != NULL;
""",
           ""),
    Mutant("after an answer no other device is asked",
           "updater-reload", "src/update/updater-devices.c",
           """	forget_asked(asked);
	ask_next(updater);
}

static bool ask(""",
           """	forget_asked(asked);
}

static bool ask("""),
    Mutant("a device that knows no version is not told of",
           "updater-reload", "src/update/updater-devices.c",
           "	else if (changed || (module && module->version_asked))",
           "	else if (changed)"),
    Mutant("a version on trial counts as installed",
           "updater-reload", "src/update/updater-devices.c",
           "	bool changed = module && version && !(job && job_is_installing(job)) &&",
           "	bool changed = module && version &&"),
    Mutant("what was installed is forgotten by a restart",
           "updater-reload", "src/update/updater-devices.c",
           "		version = record->version ? record->version : settings->version;",
           "		version = settings->version;"),
    Mutant("who was to wait for otad waits for ever",
           "updater-devices", "src/update/gate.c",
           """	gate->selves_waiting -= is_self(job);
""",
           ""),
    Mutant("an otad that waits no more holds up the others",
           "updater-devices", "src/update/updater-turns.c",
           """	gate_leave_queue(&updater->gate, job);
""",
           ""),
    Mutant("the gateway takes a place of a wave",
           "updater-devices", "src/update/gate.c",
           "	gate->wave += job_is_of_sub_device(job);",
           "	gate->wave++;"),
    Mutant("after a restart an artifact of two is one's own",
           "updater-devices", "src/update/updater-jobs.c",
           "	if (job->state <= JOB_STATE_INSTALLING && offer_digest(job->offer) &&",
           "	if (job->state < JOB_STATE_VERIFYING && offer_digest(job->offer) &&"),
    Mutant("one reject a minute is told of all devices",
           "updater-devices", "src/update/reporter.c",
           "		if (!known->device || strcmp(known->device, device) != 0)",
           "		if (!known->device)"),
    Mutant("an offer that was replaced has failed internally",
           "updater-devices", "src/update/reporter.c",
           "		.error = why->kind,",
           "		.error = OTA_ERROR_INTERNAL,"),
    Mutant("an offer that was replaced has succeeded",
           "updater-devices", "src/update/reporter.c",
           """		.state = JOB_STATE_FAILED,
		.version = version,""",
           """		.state = JOB_STATE_SUCCEEDED,
		.version = version,"""),
    Mutant("what was cancelled stops a wave",
           "updater-devices", "src/update/wave.c",
           """	       job->cause != OTA_ERROR_CANCELLED &&
""",
           ""),
    Mutant("a success stops a wave",
           "updater-devices", "src/update/wave.c",
           """	       job->state != JOB_STATE_SUCCEEDED &&
""",
           ""),
    Mutant("a broken download stops a wave",
           "updater-devices", "src/update/wave.c",
           """ &&
	       job->overall_percent >=
		       job_overall_percent(JOB_STATE_BACKING_UP, 0, 0);""",
           ";"),
    Mutant("the gateway's own failure stops a wave",
           "updater-devices", "src/update/wave.c",
           """	return job_is_of_sub_device(job) &&
	       job->state""",
           "	return job->state"),
    Mutant("a wave stops the gateway",
           "updater-devices", "src/update/runner.c",
           """ ||
	    strcmp(job->offer->device, DEVICE_SELF) == 0)""",
           ")"),
    Mutant("another artifact is stopped with a wave",
           "updater-devices", "src/update/wave.c",
           """		    strcmp(wave->version, offer->version) == 0 &&
		    strcmp(wave->digest, hex_of(offer)) == 0)""",
           "		    strcmp(wave->version, offer->version) == 0)"),
    Mutant("an operator cannot let a wave go on",
           "updater-devices", "src/update/updater-offers.c",
           """		wave_forget(&updater->waves, &updater->store, offer);
""",
           ""),
    Mutant("what an operator let go on counts on",
           "updater-devices", "src/update/wave.c",
           """	wave->failures = 0;
	save(waves, store);""",
           "	save(waves, store);"),
    Mutant("a wave is stopped again by a restart",
           "updater-devices", "src/update/wave.c",
           """	wave->failures = 0;
	save(waves, store);""",
           "	wave->failures = 0;"),
    Mutant("a damaged count of failures stays there",
           "updater-devices", "src/update/wave.c",
           """		store_set_aside(path, &err);
	list""",
           """		;
	list"""),
    Mutant("the version that runs is installed in another spelling",
           "updater", "src/update/updater-offers.c",
           "	       version_compare(module->version, offer->version) == 0;",
           "	       strcmp(module->version, offer->version) == 0;"),
    Mutant("an offer too many is accepted",
           "updater", "src/update/updater-session.c",
           """	if (updater->n_jobs >= UPDATER_MAX_JOBS)
		reply""",
           """	if (false)
		reply"""),
    Mutant("what has ended and was told ends once more",
           "updater", "src/update/updater-jobs.c",
           """		if (is_out_of_date)
			return true;
""",
           ""),
    Mutant("a module has two jobs",
           "updater", "src/update/updater-jobs.c",
           """	if (!job_state_is_terminal(ended->state))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"its module has a job already");
""",
           ""),
    Mutant("the name of a job leads out of its folder",
           "updater", "src/update/job.c",
           """ ||
	    strspn(id, "0123456789abcdef") != JOB_ID_SIZE - 1)""",
           ")"),
    Mutant("a job of another format is carried out",
           "updater", "src/update/job.c",
           """	if (json_get_int(json, "format", 0) != JOB_FORMAT) {""",
           "	if (false) {"),
    Mutant("a job in no state is carried out",
           "updater", "src/update/job.c",
           "	       job->state != JOB_STATE_IDLE && error &&",
           "	       error &&"),
    Mutant("a repeated offer takes the SHA-256 away",
           "updater", "src/update/runner-download.c",
           """	renewed->sha256 = old->sha256;
""",
           ""),
    Mutant("a repeated offer takes the size away",
           "updater", "src/update/runner-download.c",
           """	renewed->size_bytes = old->size_bytes;
""",
           ""),
    Mutant("a repeated offer takes the force away",
           "updater", "src/update/runner-download.c",
           "	renewed->force = old->force || newest->force;",
           "	renewed->force = newest->force;"),
    Mutant("a trouble that is over is shown",
           "updater-session", "src/update/updater-session.c",
           """	updater->trouble[0] = '\\0';
""",
           ""),
    Mutant("a trouble with the broker is not shown",
           "updater-session", "src/update/session.c",
           """	if (session->handler.offline && why)
		session->handler.offline(why, session->user_data);
""",
           ""),
    Mutant("a lost connection is shown as one",
           "updater-session", "src/update/session.c",
           "	session->connected = session->online = session->open = false;",
           "	session->connected = session->open = false;"),
    Mutant("versions cut off hold up all reports",
           "updater-session", "src/update/session.c",
           """	session->untold = 0;
""",
           ""),
    Mutant("a line of a job does not name it",
           "updater-log", "src/update/runner.c",
           """		.job = job->id,
""",
           ""),
    Mutant("a change of a job does not name it",
           "updater-log", "src/update/updater-jobs.c",
           """		.error = bad ? ota_error_kind_name(job->cause) : NULL,
		.job = job->id,""",
           "		.error = bad ? ota_error_kind_name(job->cause) : NULL,"),
    Mutant("a failure is logged without its kind",
           "updater-log", "src/update/updater-jobs.c",
           "		.error = bad ? ota_error_kind_name(job->cause) : NULL,",
           "		.error = NULL,"),
    Mutant("a rollback has the MESSAGE_ID of a failure",
           "updater-log", "src/update/updater-jobs.c",
           """	case JOB_STATE_ROLLED_BACK:
		return &message_job_rolled_back;""",
           """	case JOB_STATE_ROLLED_BACK:
		return &message_job_failed;"""),
    Mutant("a failure is logged without its cause",
           "updater-log", "src/update/updater-jobs.c",
           """bad && job->cause_text ? job->cause_text : "");""",
           """"");"""),
    Mutant("unusable messages fill the journal",
           "updater-log", "src/update/updater-session.c",
           "	return log->lines++ < REJECT_LINES;",
           "	return true;"),
    Mutant("messages that are not logged are not counted",
           "updater-log", "src/update/updater-session.c",
           """		if (log->lines > REJECT_LINES)
			log_warning""",
           """		if (false)
			log_warning"""),
    Mutant("a device that is away is logged at each attempt",
           "updater-log", "src/update/runner-away.c",
           "	log_write(job->away_attempts == 1 ? LOG_LEVEL_NOTICE : LOG_LEVEL_DEBUG,",
           "	log_write(LOG_LEVEL_NOTICE,"),
    Mutant("a full disk is logged at each attempt",
           "updater-log", "src/update/machine.c",
           """	if (job->record_attempts == 0)
		log_error""",
           """	if (true)
		log_error"""),
    Mutant("unreadable reports are set aside in silence",
           "updater-log", "src/update/session.c",
           """	if (bad)
		log_write""",
           """	if (false)
		log_write"""),
    Mutant("a cloud that answers no check goes unnoticed",
           "updater-log", "src/update/session-tell.c",
           """	session_set_timer(session, SESSION_TIMER_ANSWER, CHECK_ANSWER_MS,
			  on_no_answer);
""",
           ""),
    Mutant("a cloud that has answered is told of as silent",
           "updater-log", "src/update/session.c",
           """	session_drop_timer(session, SESSION_TIMER_ANSWER);
	if (message""",
           "	if (message"),
    Mutant("an otad of another version than offered goes unnoticed",
           "updater-log", "src/update/runner-end.c",
           """	if (installer_restarts_self(job->settings->type))
		warn_of_another_version(job);
""",
           ""),
    Mutant("more downloads than MaxDownloads= begin at once",
           "updater-devices", "src/update/updater-turns.c",
           """	updater->look.starting |= !facts->artifact_here &&
				  !TAILQ_EMPTY(&updater->stepping);
""",
           ""),
    Mutant("running downloads are not counted",
           "updater-devices", "src/update/updater-turns.c",
           """	facts->transfers = artifact_store_transfers(artifacts);
""",
           ""),
    Mutant("who wants what is being fetched waits for a place",
           "updater-devices", "src/update/updater-turns.c",
           """	facts->artifact_here = artifact_store_has(artifacts, job->offer);
""",
           ""),
    Mutant("the gateway waits behind its devices",
           "updater-devices", "src/update/updater-turns.c",
           """	if (first && !job_is_of_sub_device(job))
		TAILQ_INSERT_BEFORE(first, job, in_queue);
	else
""",
           ""),
    Mutant("the size of an offer is compared for the first device alone",
           "updater-devices", "src/update/artifact.c",
           """	if (offer->size_bytes != OFFER_SIZE_UNKNOWN &&
	    offer->size_bytes != artifact->size_bytes)""",
           "	if (false)"),
    Mutant("what is wrong for one device is taken from all",
           "updater-devices", "src/update/runner-download.c",
           """		if (!runner_shares_artifact(job))
			artifact_discard(job->artifact);
""",
           """		artifact_discard(job->artifact);
"""),
    Mutant("a failure takes the artifact of others away",
           "updater-devices", "src/update/runner-end.c",
           "	if (!path || runner_shares_artifact(job))",
           "	if (!path)"),
    Mutant("a hold ends only when somebody looks",
           "updater-operator", "src/update/updater-turns.c",
           """	if (updater->held && updater->hold_until_ms > now_ms)
		note_wait(updater, (uint64_t)(updater->hold_until_ms - now_ms));
""",
           ""),
    Mutant("the time of a change is that of the offer",
           "updater-operator", "src/update/machine.c",
           """	job->changed_ms = loop_wall_ms(job->updater->loop);
""",
           ""),
    Mutant("what was just verified is hashed once more",
           "updater-operator", "src/update/runner-download.c",
           """	job->artifact_fresh = true;
""",
           ""),
    Mutant("an artifact is shared with nobody",
           "updater-operator", "src/update/runner-download.c",
           "	unsigned own = job->claim ? 1 : 0;",
           "	unsigned own = 0;"),
    Mutant("an offer with a SHA-256 needs no signature",
           "updater-signature", "src/update/runner-download.c",
           "	if (!job->updater->config->update.require_signature) {",
           "	if (!job->updater->config->update.require_signature || job->offer->sha256.alg != DIGEST_NONE) {"),
    Mutant("who joins a download is checked by the digest of others",
           "updater-devices", "src/update/artifact.c",
           """		artifact->algs |= algs_of(offer, want_sha256);
""",
           ""),
    Mutant("another digest that is wanted later is not reckoned",
           "updater-devices", "src/update/artifact-work.c",
           "	} else if (artifact->hashed_algs != artifact->algs) {",
           "	} else if (false) {"),
    Mutant("an installer does not hear of the digest",
           "updater-devices", "src/update/runner-install.c",
           """	if (digest)
		request.digest = *digest;
""",
           ""),
    Mutant("a signature that is missing is a fault of the network",
           "updater-signature", "src/update/runner-download.c",
           """		if (err.kind == OTA_ERROR_NOT_FOUND ||
		    err.kind == OTA_ERROR_PROTOCOL)
			err.kind = OTA_ERROR_SIGNATURE_INVALID;
""",
           ""),
    Mutant("a reload takes the configuration from a signature under way",
           "updater-signature", "src/update/runner-download.c",
           "	job->signature_config = config_ref(job->updater->config);",
           "	job->signature_config = job->updater->config;"),
    Mutant("the SHA-256 that a signature is of is not reckoned",
           "updater-signature", "src/update/runner-download.c",
           "	job->artifact = artifact_want(job->updater->artifacts, job->offer, sign,",
           "	job->artifact = artifact_want(job->updater->artifacts, job->offer, false,"),
]
