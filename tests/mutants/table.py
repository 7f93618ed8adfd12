"""The mutants that unit tests, the walk and the tables must notice."""

from mutation import Mutant

MUTANTS = [
    Mutant("a write cut short counts as whole",
           "file", "src/base/file.c",
           """		data += n;
		size -= (size_t)n;
	}
	return true;""",
           """		data += n;
		return true;
	}
	return true;"""),
    Mutant("what a power cut left under the temporary name stops every write",
           "file", "src/base/file.c",
           """	    !place_clear(&place, tmp, err) ||
	    !write_place""",
           "	    !write_place"),
    Mutant("a write that fails leaves its temporary file",
           "file", "src/base/file.c",
           """	if (!filled)
		unlinkat(place->dir_fd, tmp, 0);
	return filled;""",
           "	return filled;"),
    Mutant("a sync of the content that fails is no failure",
           "file", "src/base/file.c",
           """an empty file. */
	if (fsync(fd) < 0)""",
           """an empty file. */
	if (fsync(fd) < 0 && errno != EIO)"""),
    Mutant("a sync of the folder that fails is no failure",
           "file", "src/base/file.c",
           """	if (fsync(place->dir_fd) < 0)
		return""",
           """	if (fsync(place->dir_fd) < 0 && errno == EBADF)
		return"""),
    Mutant("the old name of a move is synced before the new one",
           "file", "src/base/file.c",
           """	return place_sync(&target, to, err) &&
	       (same_directory(&source, &target) ||
		place_sync(&source, from, err));""",
           """	return (same_directory(&source, &target) ||
		place_sync(&source, from, err)) && place_sync(&target, to, err);"""),
    Mutant("two otad lock one state directory",
           "file", "src/base/file.c",
           "LOCK_EX | LOCK_NB",
           "LOCK_SH | LOCK_NB"),
    Mutant("a file of any size is read",
           "file", "src/base/file.c",
           "		if (size > max_bytes) {",
           "		if (false) {"),
    Mutant("a link made twice leaves a third name",
           "file", "src/base/file.c",
           "	return place_clear(&place, tmp, err) && place_sync(&place, to, err);",
           "	return place_sync(&place, to, err);"),
    Mutant("a program that had to be stopped has succeeded",
           "process", "src/base/process.c",
           """	if (result->timed_out)
		return ota_fail""",
           """	if (result->timed_out && result->signal == 0)
		return ota_fail"""),
    Mutant("a program that crashed has succeeded",
           "process", "src/base/process.c",
           """	if (result->signal)
		return ota_fail""",
           """	if (false)
		return ota_fail"""),
    Mutant("a program that the kernel cannot end is waited for",
           "process-timeout", "src/base/process.c",
           """		loop_child_abandon(OTA_TAKE(process->child));
		process->result.exit_status = -1;
		process->result.signal = SIGKILL;
		end(process);
""",
           """		loop_timer_set(timer, GRACE_MS);
"""),
    Mutant("a child speaks for the service",
           "process", "src/base/spawn.c",
           """		    !in_variables(environ[i], own_variables,
				  OTA_ARRAY_SIZE(own_variables)))""",
           "		    true)"),
    Mutant("nothing is synced where the kernel has no asynchronous sync",
           "sync", "src/base/sync.c",
           "	int r = what == SYNC_CONTENT ? fdatasync(fd) : fsync(fd);",
           "	int r = 0;"),
    Mutant("an asynchronous sync that fails is a success",
           "sync", "src/base/sync.c",
           "tell(sync, event.res < 0 ? (int)-event.res : 0);",
           "tell(sync, 0);"),
    Mutant("a sync that was given up is told of",
           "sync", "src/base/sync.c",
           """	if (sync->is_forgotten)
		release(sync);
	else
		tell""",
           """	if (false)
		release(sync);
	else
		tell"""),
    Mutant("a download goes on one byte too late",
           "fetch-address", "src/fetch/attempt.c",
           """		.first_byte = first,
		.last_byte = TRANSFER_TO_END""",
           """		.first_byte = first > 0 ? first + 1 : 0,
		.last_byte = TRANSFER_TO_END"""),
    Mutant("a download goes on whatever has changed",
           "fetch-resume", "src/fetch/attempt.c",
           '''first > 0 ? fetch->record.validator : ""''',
           '''""'''),
    Mutant("a server that goes back and forth is asked for ever",
           "fetch", "src/fetch/attempt.c",
           """	if (bytes > fetch->furthest_bytes)
		fetch->furthest_bytes = bytes;
""",
           ""),
    Mutant("Retry-After does not reach the one who waits",
           "fetch", "src/fetch/attempt.c",
           "try_again(fetch, &result->err, result->retry_after_ms);",
           "try_again(fetch, &result->err, 0);"),
    Mutant("all attempts together have no ceiling",
           "fetch", "src/fetch/attempt.c",
           "	if (!retry_is_sane(&fetch->retry, most)) {",
           "	if (false) {"),
    Mutant("more is taken than was asked for",
           "fetch-resume", "src/fetch/attempt.c",
           """	if (size > end - at)
		return refuse_excess(fetch);
""",
           ""),
    Mutant("MaxSize= is not kept while receiving",
           "fetch", "src/fetch/attempt.c",
           """	if (end == ANSWER_UNKNOWN)
		end = fetch->settings->max_size;""",
           """	if (end == ANSWER_UNKNOWN)
		end = UINT64_MAX;"""),
    Mutant("an answer that ends early is the whole",
           "fetch-address", "src/fetch/attempt.c",
           """	if (fetch->total_bytes == OFFER_SIZE_UNKNOWN) {
		fetch->total_bytes = at;""",
           """	if (true) {
		fetch->total_bytes = at;"""),
    Mutant("416 is answered by asking again for ever",
           "fetch", "src/fetch/attempt.c",
           "		if (fetch->unsatisfiable > 1)",
           "		if (false)"),
    Mutant("what a broken attempt brought is not recorded",
           "fetch-disk", "src/fetch/attempt.c",
           """	if (!download_save_some(fetch, &err))
		download_fail(fetch, &err);
}

/* What we have""",
           """}

/* What we have"""),
    Mutant("a part that never fits is asked for at once",
           "fetch", "src/fetch/attempt.c",
           "fetch->discards++ == 0",
           "true"),
    Mutant("a part of another place is appended",
           "fetch-resume", "src/fetch/answer.c",
           """	if (!response->range_valid || !range->has_range ||
	    range->first_byte != question->first_byte)""",
           "	if (!response->range_valid || !range->has_range)"),
    Mutant("a part of another file is appended",
           "fetch", "src/fetch/answer.c",
           """	return !question->validator[0] || !validator[0] ||
	       strcmp(question->validator, validator) == 0;""",
           "	return true || validator;"),
    Mutant("416 means that all is there",
           "fetch", "src/fetch/answer.c",
           "	if (question->first_byte > 0 && total == question->first_byte) {",
           "	if (question->first_byte > 0) {"),
    Mutant("a file too large is asked for again",
           "fetch", "src/fetch/answer.c",
           """	answer->meaning = total > question->announced_bytes ? ANSWER_REFUSE
							    : ANSWER_RETRY;""",
           "	answer->meaning = ANSWER_RETRY;"),
    Mutant("attempts have no ceiling",
           "fetch-retry", "src/fetch/retry.c",
           "	return retry->failures < retry->allowed;",
           "	return true;"),
    Mutant("one attempt more is made",
           "fetch-retry", "src/fetch/retry.c",
           "	return retry->failures < retry->allowed;",
           "	return retry->failures <= retry->allowed;"),
    Mutant("attempts that advance have no ceiling",
           "fetch-retry", "src/fetch/retry.c",
           """	if (retry->attempts / MAX_ATTEMPTS_FACTOR >= retry->allowed)
		return false;
""",
           ""),
    Mutant("bytes have no ceiling",
           "fetch-retry", "src/fetch/retry.c",
           """	return retry->received_bytes <=
	       size_bytes * MAX_RECEIVED_FACTOR + MAX_RECEIVED_SLACK;""",
           "	return true;"),
    Mutant("Retry-After is ignored",
           "fetch-retry", "src/fetch/retry.c",
           "	return delay_ms > retry_after_ms ? delay_ms : retry_after_ms;",
           "	return delay_ms;"),
    Mutant("Retry-After may ask for years",
           "fetch-retry", "src/fetch/retry.c",
           """	if (retry_after_ms > limits->retry_after_max_ms)
		retry_after_ms = limits->retry_after_max_ms;
""",
           ""),
    Mutant("the wait for the file server does not grow",
           "fetch-retry", "src/fetch/retry.c",
           "		delay_ms *= 2;",
           "		delay_ms += 0;"),
    Mutant("404 is tried again",
           "fetch-text", "src/fetch/outcome.c",
           "status >= 500,",
           "status >= 500 || status == 404,"),
    Mutant("403 is tried again",
           "bounds", "src/fetch/outcome.c",
           "status >= 500,",
           "status >= 500 || status == 403,"),
    Mutant("500 is final",
           "fetch-text", "src/fetch/outcome.c",
           """status == 408 || status == 425 || status == 429 ||
			     status >= 500,""",
           "status == 408 || status == 425 || status == 429,"),
    Mutant("429 is final",
           "bounds", "src/fetch/outcome.c",
           "status == 408 || status == 425 || status == 429 ||",
           "status == 408 || status == 425 ||"),
    Mutant("an expired url is any refusal",
           "bounds", "src/fetch/outcome.c",
           "		return OTA_ERROR_URL_EXPIRED;",
           "		return OTA_ERROR_HTTP;"),
    Mutant("want of memory is a fault of the network",
           "bounds", "src/fetch/outcome.c",
           """	{ CURLE_OUT_OF_MEMORY, OTA_ERROR_INTERNAL, false },
""",
           ""),
    Mutant("a fault of the network is final",
           "fetch-text", "src/fetch/outcome.c",
           "meaning = { code, OTA_ERROR_NETWORK, true };",
           "meaning = { code, OTA_ERROR_NETWORK, false };"),
    Mutant("the query of a url is logged",
           "fetch-address", "src/fetch/outcome.c",
           """	ota_fail(&ret_result->err, kind, "%s: the server answered %u%s",
		 log_url(url, shown, sizeof(shown)), status""",
           """	ota_fail(&ret_result->err, kind, "%s: the server answered %u%s",
		 ((void)shown, url), status"""),
    Mutant("redirects have no ceiling",
           "fetch-address", "src/fetch/transfer.c",
           "} else if (++transfer->redirects > MAX_REDIRECTS) {",
           "} else if (false) {"),
    Mutant("a server that falls silent is waited for",
           "fetch", "src/fetch/transfer.c",
           "	stall_ms = left_ms(transfer->last_byte_ms, settings->stall_ms, now_ms);",
           "	stall_ms = LOOP_NEVER;"),
    Mutant("headers have no ceiling",
           "fetch", "src/fetch/transfer.c",
           "	if (transfer->header_bytes > MAX_HEADER_BYTES) {",
           "	if (false) {"),
    Mutant("a redirect leaves TLS",
           "fetch-address", "src/fetch/address.c",
           """	if (strncasecmp(from, "https:", 6) == 0 &&
	    strncasecmp(to, "https:", 6) != 0)""",
           "	if (false)"),
    Mutant("a redirect leaves AllowedHosts=",
           "fetch-address", "src/fetch/address.c",
           """	if (address_check(to, settings, err))
		return true;""",
           """	if (true || address_check(to, settings, err))
		return true;"""),
    Mutant("the part of another version is gone on with",
           "fetch-resume", "src/fetch/download.c",
           """	return strcmp(record->identity, fetch->record.identity) == 0 &&
""",
           """	return true &&
"""),
    Mutant("what is started over is not hashed from its beginning",
           "fetch-resume", "src/fetch/download.c",
           """	if (fetch->observer.restart)
		fetch->observer.restart(fetch, fetch->user_data);
""",
           ""),
    Mutant("a download is discarded its record first",
           "fetch-resume", "src/fetch/download.c",
           "	return file_remove(path, err) && file_remove(record, err);",
           "	return file_remove(record, err) && file_remove(path, err);"),
    Mutant("what is started over is on record as before",
           "fetch-resume", "src/fetch/download.c",
           """	if (!record_nothing(fetch, err) || !sink_restart(fetch->sink, err))
		return false;
	if (fetch->observer""",
           """	if (!sink_restart(fetch->sink, err))
		return false;
	if (fetch->observer"""),
    Mutant("the last sync fails and the download has succeeded",
           "fetch-disk", "src/fetch/download.c",
           """	if (!was_ending || fetch->end.kind == OTA_ERROR_NONE)
		fetch->end = *err;""",
           """	if (!was_ending)
		fetch->end = *err;"""),
    Mutant("what a stop records is not synced",
           "fetch-disk", "src/fetch/sink.c",
           "	return fdatasync(sink->fd) == 0 ||",
           "	return sink->fd >= 0 ||"),
    Mutant("a sync that failed is made good by the next",
           "fetch-disk", "src/fetch/sink.c",
           """	if (!sink->lost)
		return true;""",
           "	return true;"),
    Mutant("the last write of a download is cut short",
           "fetch-resume", "src/fetch/sink.c",
           """		sink->stored += (size_t)size;
""",
           """		sink->stored = sink->fill;
"""),
    Mutant("the record of a download is not synced",
           "fetch-disk", "src/fetch/save.c",
           "start(fetch, SAVING_RECORD, fd, SYNC_ALL, fetch->record_path, err);",
           "start(fetch, SAVING_RECORD, sink_sync_fd(fetch->sink), SYNC_ALL, fetch->record_path, err);"),
    Mutant("the name of a download's record is not synced",
           "fetch-disk", "src/fetch/save.c",
           "start(fetch, SAVING_NAME, dir_fd, SYNC_ALL, fetch->record_path,",
           "start(fetch, SAVING_NAME, sink_sync_fd(fetch->sink), SYNC_ALL, fetch->record_path,"),
    Mutant("half a record of a download is left",
           "fetch-disk", "src/fetch/save.c",
           """	if (saving == SAVING_RECORD)
		file_draft_drop(fetch->record_path);
	download_fail""",
           "	download_fail"),
    Mutant("a download is told complete before its name lasts",
           "fetch-disk", "src/fetch/save.c",
           "	return start_name(fetch, file_unlink(fetch->record_path, err), err);",
           """	close(file_unlink(fetch->record_path, err));
	download_saved(fetch);
	return true;"""),
    Mutant("a weak ETag counts as a strong one",
           "fetch-headers", "src/fetch/headers.c",
           """	if (text[0] != '"' || text[size - 1] != '"')
		return false;""",
           """	if (text[size - 1] != '"')
		return false;"""),
    Mutant("the second of two Content-Range counts",
           "fetch-headers", "src/fetch/headers.c",
           "	response->range_valid = valid && !response->range_given;",
           "	response->range_valid = valid;"),
    Mutant("a date of the same second is a validator",
           "fetch-headers", "src/fetch/headers.c",
           """	if (modified_s < 0 || response->date_s < 0 ||
	    modified_s >= response->date_s)""",
           "	if (modified_s < 0)"),
    Mutant("a part of a signature is taken for the whole",
           "fetch-text", "src/fetch/text.c",
           "	return response->status == 200 && !fetch->too_large;",
           "	return !fetch->too_large;"),
    Mutant("a report makes room for another",
           "outbox", "src/mqtt/outbox.c",
           """	return entry->message_class == OUTBOX_FLEETING ||
	       entry->message_class == OUTBOX_PROGRESS;""",
           "	return true;"),
    Mutant("any acknowledgement is for the first report",
           "outbox", "src/mqtt/outbox.c",
           """		if (entry->id == id)
			return entry;""",
           "		return entry;"),
    Mutant("a loss leaves a place of the next connection taken",
           "outbox", "src/mqtt/outbox.c",
           """	TAILQ_FOREACH(entry, &outbox->sent, link)
		entry->in_flight = false;
""",
           ""),
    Mutant("what was on its way at a loss is not sent again",
           "outbox", "src/mqtt/outbox.c",
           """	TAILQ_CONCAT(&outbox->sent, &outbox->waiting, link);
	TAILQ_CONCAT(&outbox->waiting, &outbox->sent, link);
	for""",
           "	for"),
    Mutant("what was on its way at a loss goes behind the rest",
           "outbox", "src/mqtt/outbox.c",
           """	TAILQ_CONCAT(&outbox->sent, &outbox->waiting, link);
	TAILQ_CONCAT(&outbox->waiting, &outbox->sent, link);
	for""",
           """	TAILQ_CONCAT(&outbox->waiting, &outbox->sent, link);
	for"""),
    Mutant("an acknowledged report stays on the disk",
           "outbox", "src/mqtt/outbox.c",
           """	if (entry->on_disk)
		outbox_file_remove(outbox->dir, entry->number, NULL);
""",
           ""),
    Mutant("reports in flight have no ceiling",
           "outbox", "src/mqtt/outbox.c",
           "	       outbox->in_flight < OUTBOX_MAX_IN_FLIGHT) {",
           "	       true) {"),
    Mutant("a report that cannot be kept is taken",
           "outbox", "src/mqtt/outbox.c",
           """	return ota_wrap(err, "keep a report for %s", entry->topic);""",
           "	return true;"),
    Mutant("a report that was not taken stays on the disk",
           "outbox", "src/mqtt/outbox.c",
           """	outbox_file_remove(outbox->dir, entry->number, NULL);
	return ota_wrap""",
           "	return ota_wrap"),
    Mutant("a report that the broker refuses for now is lost",
           "outbox", "src/mqtt/outbox.c",
           """	if (sent != OUTBOX_SENT)
		return sent;""",
           """	if (sent != OUTBOX_SENT) {
		discard(outbox, entry);
		return OUTBOX_SENT;
	}"""),
    Mutant("the tenth report goes before the second after a restart",
           "outbox", "src/mqtt/outbox-file.c",
           "	return (*one)->number < (*other)->number ? -1 : 1;",
           """	char a_text[24], b_text[24];

	snprintf(a_text, sizeof(a_text), "%d", (int)(*one)->number);
	snprintf(b_text, sizeof(b_text), "%d", (int)(*other)->number);
	return strcmp(a_text, b_text);"""),
    Mutant("a new report takes the name of a damaged one",
           "outbox", "src/mqtt/outbox-file.c",
           """	if (number >= *next)
		*next = number + 1;
""",
           """	if (number >= *next && strcmp(suffix, ".bad") != 0)
		*next = number + 1;
"""),
    Mutant("a report waits for no acknowledgement",
           "outbox", "src/mqtt/outbox-file.c",
           """	if (entry->message_class == OUTBOX_RESULT && entry->qos < 1)
		entry->qos = 1;
""",
           ""),
    Mutant("a damaged report is removed",
           "outbox", "src/mqtt/outbox-file.c",
           "	(void)rename(path, aside);",
           "	(void)unlink(path);"),
    Mutant("a damaged report stops the start",
           "outbox", "src/mqtt/outbox-file.c",
           """	(void)rename(path, aside);
	(*bad)++;
	return true;""",
           """	(void)rename(path, aside);
	(*bad)++;
	return false;"""),
    Mutant("an outbox that cannot be read is empty",
           "outbox", "src/mqtt/outbox-file.c",
           """	if (done && errno != 0)
		done = ota_fail_errno""",
           """	if (false)
		done = ota_fail_errno"""),
    Mutant("a broker that never answers is waited for",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """	if (begun)
		loop_timer_set(mqtt->timer, mqtt->timing.deadline_ms);
	else
""",
           """	if (!begun)
"""),
    Mutant("a broker that falls silent is waited for",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """		link_tick(mqtt->link);
""",
           ""),
    Mutant("a broker that drops each connection is asked at once",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """	bool settled = was_connected &&
		       loop_now_ms(mqtt->loop) - mqtt->connected_ms >=
			       mqtt->timing.settled_ms;""",
           "	bool settled = was_connected;"),
    Mutant("a wrong password is tried again at once",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """	if (barred)
		backoff_exhaust(&mqtt->backoff);
""",
           ""),
    Mutant("the wait for the broker has no ceiling",
           "mqtt-backoff", "src/mqtt/backoff.c",
           """		if (doubled_ms < base_ms)
			base_ms = doubled_ms;""",
           "		base_ms = doubled_ms;"),
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
    Mutant("want of memory is damage to a report",
           "state-memory", "src/mqtt/outbox-file.c",
           """	if (!is_damaged(err))
		return false;
""",
           ""),
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
    Mutant("any signature is good",
           "signature", "src/verify/signature.c",
           "		if (verifies(keys->keys[i], text, &manifest))",
           "		if (true)"),
    Mutant("the signature of another version is good",
           "signature", "src/verify/signature.c",
           """	if (!check_text("module", manifest->module, subject->module, err) ||
	    !check_text("version", manifest->version, subject->version, err))""",
           """	if (!check_text("module", manifest->module, subject->module, err))"""),
    Mutant("the signature of another file is good",
           "signature", "src/verify/signature.c",
           "	if (!digest_equal(&manifest->sha256, subject->sha256))",
           "	if (false)"),
    Mutant("what follows a signature is ignored",
           "signature", "src/verify/manifest.c",
           """	if (cursor.at != cursor.end)
""",
           """	if (false)
"""),
    Mutant("a private key is taken for a public one",
           "signature", "src/verify/keys.c",
           """	if (strstr(text, "PRIVATE KEY"))""",
           "	if (false)"),
    Mutant("a count of starts that cannot be read counts as none",
           "test_launch.py test_a_new_version_that_spoils_the_marker_gets_no_more_starts", "src/launch/main.c",
           """"STARTS=", 0, 100, l->max_starts); /*""",
           """"STARTS=", 0, 100, 0); /*"""),
    Mutant("a marker allows any number of starts",
           "test_launch.py test_absurd_limits_count_as_three", "src/launch/main.c",
           """"MAX_STARTS=", 1, 100, 3);""",
           """"MAX_STARTS=", 1, UINT_MAX, 3);"""),
    Mutant("a damaged backup is put back",
           "test_launch.py test_a_damaged_backup_is_never_swapped_in", "src/launch/main.c",
           """	if (is_old(l, BACKUP))
		return put_back""",
           """	if (true)
		return put_back"""),
    Mutant("a damaged backup runs from its place",
           "test_launch.py test_a_damaged_backup_is_not_run_from_its_place_either", "src/launch/main.c",
           "	if (may_run || is_old(l, BACKUP))",
           "	if (true)"),
    Mutant("a stranger is ended for the new version",
           "test_launch.py test_a_stranger_with_the_pid_of_the_marker_is_left_alone", "src/launch/main.c",
           "	return rest >= 0 && memcmp(path + rest, gone, strlen(gone)) == 0;",
           "	return rest >= 0 || true;"),
    Mutant("a version that ignores SIGTERM is left running",
           "test_launch.py test_a_version_that_hangs_and_ignores_sigterm_is_ended", "src/launch/main.c",
           "s < TERMINATE_S ? 0 : SIGKILL",
           "0"),
    Mutant("a trial ends at the time of the one before",
           "test_launch.py test_another_trial_has_a_time_of_its_own", "src/launch/main.c",
           "if (until_s == 0 || strncmp(id, job, sizeof(job) - 1) != 0)",
           "if (until_s == 0)"),
    Mutant("a start that cannot be counted goes on",
           "test_launch.py test_a_start_that_cannot_be_counted_ends_the_trial", "src/launch/main.c",
           """if (why == 0 && !is_over && write_marker(l, "trial", text)) {""",
           """if (why == 0 && !is_over && (write_marker(l, "trial", text) || true)) {"""),
    Mutant("without a backup nothing runs",
           "test_launch.py test_a_missing_backup_leads_to_the_factory_version", "src/launch/main.c",
           """	run("", l->factory, arguments);
""",
           ""),
    Mutant("a version that cannot be executed is tried once more",
           "test_launch.py test_a_new_version_that_cannot_be_run_is_left_at_once", "src/launch/main.c",
           "i < 2 && may_run",
           "i < 1 && may_run"),
    Mutant("a first update cut off before its swap is judged",
           "test_launch.py test_a_first_update_cut_off_before_its_swap_is_not_judged", "src/launch/main.c",
           """	if (why == ENOENT && faccessat(l->state_fd, STAGED, F_OK, 0) == 0)
		return true;
""",
           ""),
    Mutant("the end of a trial is not told to the old version",
           "test_launch.py test_after_three_failed_starts_the_old_version_is_back", "src/launch/main.c",
           """	told = write_marker(l, "trial-ended", head);""",
           "	told = true;"),
    Mutant("a state directory is not locked",
           "test_nights_machine.py test_two_otad_on_one_state_directory", "src/base/file.c",
           "	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {",
           "	if (false) {"),
    Mutant("a broker that acknowledges nothing is waited for",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """		return ota_wrap(err, "subscribe to %s", topic);
	if (!waits)
		note_answer(mqtt);""",
           """		return ota_wrap(err, "subscribe to %s", topic);"""),
    Mutant("who has nothing to say is given up",
           "mqtt-hostile", "src/mqtt/link.c",
           "	return link->pending > 0 || link->subscribing.count > 0;",
           "	return true;"),
    Mutant("an answer to nothing ends the wait for a subscription",
           "mqtt-hostile", "src/mqtt/link-client.c",
           """	if (!id_list_take(&link->subscribing, id))
		return;""",
           """	if (!id_list_take(&link->subscribing, id) && link->subscribing.count)
		link->subscribing.count--;"""),
    Mutant("a report that cannot be read now is damaged",
           "outbox", "src/mqtt/outbox-file.c",
           "	if (!is_damaged(err))",
           "	if (err->sys_errno == ENOMEM)"),
    Mutant("a file in the place of a folder stops the start",
           "store", "src/update/store.c",
           "	    (st.st_mode & S_IFMT) == wanted)",
           "	    wanted == S_IFDIR || (st.st_mode & S_IFMT) == wanted)"),
    Mutant("trailers are endless",
           "fetch", "src/fetch/transfer.c",
           """	transfer->header_bytes += size;
	if (transfer->header_bytes""",
           """	transfer->header_bytes += transfer->head_over ? 0 : size;
	if (transfer->header_bytes"""),
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
    Mutant("the old version is left though its backup is gone",
           "test_judge.py test_a_first_version_whose_backup_cannot_be_linked", "src/install/self.c",
           "	in->must_leave = runs_new(in) && !(ended && runs(in->target.path));",
           "	in->must_leave = runs_new(in);"),
    Mutant("a FIFO holds up otad-launch",
           "test_judge.py test_versions_that_spoil_the_marker", "src/launch/main.c",
           """	unlinkat(l->state_fd, "trial.tmp", 0);
	fd = openat(l->state_fd, "trial.tmp", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);""",
           """	fd = openat(l->state_fd, "trial.tmp", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);"""),
    Mutant("a limit on the size of files ends otad",
           "test_nights_machine.py test_a_limit_on_the_size_of_files", "src/base/loop.c",
           "	signal(SIGXFSZ, SIG_IGN);",
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
    Mutant("what OpenSSL fails at is a good signature",
           "signature", "src/verify/signature.c",
           "				   manifest->signed_bytes) == 1;",
           "				   manifest->signed_bytes) != 0;"),
    Mutant("a signed size wraps around",
           "signature", "src/verify/manifest.c",
           "digit > 9 || bytes > (UINT64_MAX - digit) / 10)",
           "digit > 9)"),
    Mutant("a signature has blanks in it",
           "signature", "src/verify/manifest.c",
           """		if (!is_base64(text[i]))
			return false;
""",
           ""),
    Mutant("the tail of each block is not hashed",
           "hasher", "src/verify/hasher.c",
           "EVP_DigestUpdate(hasher->sha256, data, size) != 1",
           "EVP_DigestUpdate(hasher->sha256, data, size > 64 ? size & ~63UL : size) != 1"),
    Mutant("an MD5 is the beginning of a SHA-256",
           "model-digest", "src/model/digest.c",
           "	if (a->alg == DIGEST_NONE || a->alg != b->alg)",
           "	if (a->alg == DIGEST_NONE)"),
    Mutant("a message id of any length is read",
           "model-offer", "src/model/offer-json.c",
           "	return size > 0 && size <= MESSAGE_ID_MAX_BYTES &&",
           "	return size > 0 &&"),
    Mutant("modules of removed devices are counted",
           "model-device", "src/model/inventory.c",
           """	inventory->n_modules -= device->n_modules;
""",
           ""),
    Mutant("a copy of a device forgets how it came",
           "model-device", "src/model/device.c",
           """	copy->registered = device->registered;
""",
           ""),
    Mutant("without Timeout= a handler has no time",
           "model-device", "src/model/device.c",
           """	settings->timeout_ms = MODULE_TIMEOUT_DEFAULT_MS;
""",
           ""),
    Mutant("without hard links there is no way back",
           "test_launch.py test_without_hard_links_the_backup_itself_goes_back", "src/launch/main.c",
           """		from = BACKUP;
""",
           """		return false;
"""),
    Mutant("otad-launch follows a link to a marker",
           "test_launch.py test_a_link_is_no_marker", "src/launch/main.c",
           """O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t size = read""",
           """O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t size = read"""),
    Mutant("half a count of starts is a whole one",
           "test_launch.py test_a_count_that_is_not_on_the_disk_ends_the_trial", "src/launch/main.c",
           "write(fd, text, used) == (ssize_t)used && fchmod",
           "write(fd, text, used) > 0 && fchmod"),
    Mutant("a count whose name is not synced goes on",
           "test_launch.py test_a_count_that_is_not_on_the_disk_ends_the_trial", "src/launch/main.c",
           """	       fsync(l->state_fd) == 0;
}

/* ---- the trial's end""",
           """	       (fsync(l->state_fd), true);
}

/* ---- the trial's end"""),
    Mutant("what otad-launch writes has the mode of its umask",
           "test_launch.py test_anybody_may_read_the_marker", "src/launch/main.c",
           "fchmod(fd, 0644) == 0 &&",
           "true &&"),
    Mutant("a trial has ended though its end is not synced",
           "test_launch.py test_an_end_that_is_not_on_the_disk_is_none", "src/launch/main.c",
           "	if (!note || (bin_fd < 0 ? errno != ENOENT : fsync(bin_fd) < 0)) {",
           "	if (!note || (bin_fd < 0 ? errno != ENOENT : fsync(bin_fd) < -1)) {"),
    Mutant("without bin/ a trial never ends",
           "test_launch.py test_without_their_folder_the_factory_version_runs", "src/launch/main.c",
           "bin_fd < 0 ? errno != ENOENT :",
           "bin_fd < 0 ? true :"),
    Mutant("half the digest of a backup is compared",
           "test_launch.py test_half_a_digest_is_not_enough", "src/launch/main.c",
           """strncasecmp(hex, find(l->text, "BACKUP_SHA256="), 64) == 0;""",
           """strncasecmp(hex, find(l->text, "BACKUP_SHA256="), 32) == 0;"""),
    Mutant("otad-launch comes before otad's own deadline",
           "test_launch.py test_otads_own_deadline_comes_first", "src/launch/main.c",
           "			until_s = now.tv_sec + l->timeout_s + l->timeout_s / 10 + 2;",
           "			until_s = now.tv_sec + l->timeout_s;"),
    Mutant("a deadline that ended nothing has succeeded",
           "test_launch.py test_a_deadline_that_cannot_end_the_trial_fails", "src/launch/main.c",
           """	if (!end_trial(l, text, "health-check-failed"))
		return 1;""",
           """	if (!end_trial(l, text, "health-check-failed"))
		return 0;"""),
    Mutant("variables of the environment have no ceiling",
           "test_launch.py test_thousands_of_variables_do_no_harm", "src/launch/main.c",
           "i < ENVIRONMENT_MAX && environ[i]; i++",
           "environ[i]; i++"),
    Mutant("each look at the marker takes a descriptor",
           "test_launch.py test_watching_for_long_takes_no_more_descriptors", "src/launch/main.c",
           """	ssize_t size = read(fd, l->text, sizeof(l->text) - 1);

	close(fd);""",
           """	ssize_t size = read(fd, l->text, sizeof(l->text) - 1);
"""),
    Mutant("any program whose file is gone is ended",
           "test_launch.py test_a_stranger_whose_own_file_is_gone_is_left_alone", "src/launch/main.c",
           """static const char gone[] = "/" TARGET " (deleted)";""",
           """static const char gone[] = " (deleted)";"""),
    Mutant("no start is counted while something is staged",
           "test_launch.py test_what_is_staged_for_the_next_time_hides_no_start", "src/launch/main.c",
           "	if (why == ENOENT && faccessat(l->state_fd, STAGED, F_OK, 0) == 0)",
           "	if (faccessat(l->state_fd, STAGED, F_OK, 0) == 0)"),
    Mutant("a version is killed without being asked to end",
           "test_launch.py test_a_version_is_asked_to_end_before_it_is_killed", "src/launch/main.c",
           "s == 0 ? SIGTERM : s < TERMINATE_S ? 0 : SIGKILL",
           "SIGKILL"),
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
    Mutant("versions of a lost connection are sent again",
           "outbox", "src/mqtt/outbox.c",
           """		if (entry->message_class == OUTBOX_FLEETING ||
		    entry->message_class == OUTBOX_VERSION)""",
           "		if (entry->message_class == OUTBOX_FLEETING)"),
    Mutant("what is in flight makes room",
           "outbox", "src/mqtt/outbox.c",
           """		if (!entry->in_flight) {
			discard""",
           """		if (true) {
			discard"""),
    Mutant("all that waits is looked at for each report",
           "outbox", "src/mqtt/outbox.c",
           "passed < OUTBOX_MAX_PASSED &&",
           "true &&"),
    Mutant("an answer while it is sent sends a report twice",
           "outbox", "src/mqtt/outbox.c",
           """	if (outbox->pumping)
		return;
""",
           ""),
    Mutant("anybody may read the reports",
           "outbox", "src/mqtt/outbox-file.c",
           "#define FILE_MODE 0600",
           "#define FILE_MODE 0644"),
    Mutant("a report kept over a restart has no QoS",
           "outbox", "src/mqtt/outbox-file.c",
           "	message.qos = (int)qos;",
           "	message.qos = 0;"),
    Mutant("a report of QoS 2 is taken from the disk",
           "outbox", "src/mqtt/outbox-file.c",
           "qos < 0 || qos > 1 ||",
           "qos < 0 || qos > 2 ||"),
    Mutant("a keep-alive that the library does not take is tried for ever",
           "mqtt", "src/mqtt/mqtt.c",
           """	if (seconds < KEEP_ALIVE_MIN_S)
		return KEEP_ALIVE_MIN_S;
""",
           ""),
    Mutant("a stop waits for the broker for ever",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           "		loop_timer_set(mqtt->stop_timer, timeout_ms);",
           "		;"),
    Mutant("what a lost connection owed is waited for",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """	loop_timer_set(mqtt->answer_timer, LOOP_NEVER);
	mqtt->state""",
           "	mqtt->state"),
    Mutant("a message that nobody acknowledges is waited for",
           "mqtt-hostile", "src/mqtt/mqtt.c",
           """		return ota_wrap(err, "publish to %s", topic);
	if (!waits)
		note_answer(mqtt);""",
           """		return ota_wrap(err, "publish to %s", topic);"""),
    Mutant("many large messages are one huge",
           "mqtt-hostile", "src/mqtt/link.c",
           """	if (link->packet_ended)
		link->partial_begun = false;
""",
           ""),
    Mutant("an address with its interface is a name",
           "mqtt-hostile", "src/mqtt/link.c",
           "	return inet_pton(AF_INET6, bare, &address) == 1;",
           "	return inet_pton(AF_INET6, text, &address) == 1;"),
    Mutant("a part of a name is a wildcard",
           "mqtt-tls", "src/mqtt/tls.c",
           """	X509_VERIFY_PARAM_set_hostflags(param,
					X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
""",
           ""),
    Mutant("a broker may speak the TLS of old",
           "mqtt-tls", "src/mqtt/tls.c",
           """	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
""",
           ""),
    Mutant("the system's authorities count beside CaFile=",
           "mqtt-tls", "src/mqtt/tls.c",
           "	if (SSL_CTX_load_verify_file(ctx, ca_file) != 1)",
           """	SSL_CTX_set_default_verify_paths(ctx);
	if (SSL_CTX_load_verify_file(ctx, ca_file) != 1)"""),
    Mutant("a terminal is asked for a pass phrase",
           "mqtt-tls", "src/mqtt/tls.c",
           """	SSL_CTX_set_default_passwd_cb(ctx, no_pass_phrase);
""",
           ""),
    Mutant("a message comes behind the end",
           "mqtt-tls", "src/mqtt/link-client.c",
           """	link->packet_ended = true;
	if (link->orphaned || link->failed)
		return;
	link->handler.message""",
           """	link->packet_ended = true;
	link->handler.message"""),
    Mutant("the query of a redirect is logged",
           "fetch-address", "src/fetch/address.c",
           """	ota_wrap(err, "redirect to %s", log_url(to, shown, sizeof(shown)));""",
           """	ota_wrap(err, "redirect to %s", to);"""),
    Mutant("a redirect leaves TLS in capitals",
           "fetch-address", "src/fetch/address.c",
           """	if (strncasecmp(from, "https:", 6) == 0 &&""",
           """	if (strncmp(from, "https:", 6) == 0 &&"""),
    Mutant("a file server does not see our certificate",
           "fetch-address", "src/fetch/transfer.c",
           """		{ CURLOPT_SSLCERT, settings->cert_file },
		{ CURLOPT_SSLKEY, settings->key_file },
""",
           ""),
    Mutant("a path is resolved before it is asked for",
           "fetch-address", "src/fetch/transfer.c",
           """	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
""",
           ""),
    Mutant("the query of a url is logged where no answer came",
           "fetch-address", "src/fetch/outcome.c",
           """	ota_fail(&ret_result->err, meaning.kind, "%s: %s%s",
		 log_url(url, shown, sizeof(shown)),""",
           """	ota_fail(&ret_result->err, meaning.kind, "%s: %s%s",
		 ((void)shown, url),"""),
    Mutant("the query of a url is logged at a timeout",
           "fetch-address", "src/fetch/outcome.c",
           """	ota_fail(&ret_result->err, OTA_ERROR_TIMEOUT, "%s: %s within %g s",
		 log_url(url, shown, sizeof(shown)),""",
           """	ota_fail(&ret_result->err, OTA_ERROR_TIMEOUT, "%s: %s within %g s",
		 ((void)shown, url),"""),
    Mutant("a part beyond the end of a file is appended",
           "fetch", "src/fetch/answer.c",
           """	if (response->range.last_byte >= total)
		return answer;
""",
           ""),
    Mutant("416 to a whole file is tried again",
           "fetch", "src/fetch/answer.c",
           """	if (!question->ranged) {
		answer.meaning = ANSWER_REFUSE;
		return answer;
	}
""",
           ""),
    Mutant("a larger file is a part that does not fit",
           "fetch", "src/fetch/answer.c",
           "	if (question->first_byte > 0 && !same_content(question, response))",
           "	if (!same_content(question, response))"),
    Mutant("a long download is a late chunk",
           "fetch", "src/fetch/transfer.c",
           """		transfer->chunk_bytes = 0;
		transfer->chunk_started_ms = now_ms;""",
           "		transfer->chunk_bytes = 0;"),
    Mutant("an interim answer speaks for the file",
           "fetch", "src/fetch/transfer.c",
           """	if (size >= 5 && strncasecmp(line, "HTTP/", 5) == 0)
		response_reset(&transfer->response);
	else if""",
           "	if"),
    Mutant("connections stay open behind a download",
           "fetch", "src/fetch/transfer.c",
           "			 request->keep_connection ? 0L : 1L);",
           "			 0L);"),
    Mutant("each record of a download stays open",
           "fetch", "src/fetch/save.c",
           """	ok = start(fetch, SAVING_RECORD, fd, SYNC_ALL, fetch->record_path, err);
	close(fd);""",
           "	ok = start(fetch, SAVING_RECORD, fd, SYNC_ALL, fetch->record_path, err);"),
    Mutant("each folder of a download stays open",
           "fetch", "src/fetch/save.c",
           """		   err);
	close(dir_fd);
	return ok;""",
           """		   err);
	return ok;"""),
    Mutant("each download stays open",
           "fetch", "src/fetch/sink.c",
           """	if (sink->sync_fd >= 0)
		close(sink->sync_fd);
	if (sink->buffer)""",
           "	if (sink->buffer)"),
    Mutant("each download has all of MaxSpeed=",
           "fetch-retry", "src/fetch/pace.c",
           """	if (sharers > 1)
		speed /= sharers;
""",
           ""),
    Mutant("a server that knows no ranges knows them",
           "fetch-headers", "src/fetch/headers.c",
           """response->accepts_ranges = same(value, value_size, "bytes");""",
           "response->accepts_ranges = true;"),
    Mutant("a signature is asked for before Retry-After is over",
           "fetch-text", "src/fetch/text.c",
           "				      result->retry_after_ms, number));",
           "				      0, number));"),
    Mutant("what is there may be more than MaxSize=",
           "fetch-resume", "src/fetch/download.c",
           """	       record->bytes <= fetch->settings->max_size &&
""",
           ""),
    Mutant("what is there needs room once more",
           "fetch-resume", "src/fetch/sink.c",
           "	have_bytes = (uint64_t)st.st_blocks * 512;",
           "	have_bytes = 0;"),
    Mutant("a signal ends a download",
           "fetch-resume", "src/fetch/sink.c",
           """		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return ota_fail_errno(err, errno, "write %s",
					      sink->path);""",
           """		if (size < 0)
			return ota_fail_errno(err, errno, "write %s",
					      sink->path);"""),
    Mutant("the padding of a secret belongs to it",
           "cloud-credentials", "src/cloud/tencent.c",
           "		decoded--;",
           "		;"),
    Mutant("commands for devices of another gateway are taken",
           "cloud-decode", "src/cloud/eztcloud.c",
           """ &&
	       !strcmp(name, username(cloud));
}

/* Section 5.3: `holder`""",
           """;
}

/* Section 5.3: `holder`"""),
    Mutant("a SHA-256 is kept as an MD5",
           "cloud-decode", "src/cloud/fields.c",
           """	struct digest *digest = alg == DIGEST_SHA256 ? &reader->offer->sha256 :
						       &reader->offer->md5;""",
           "	struct digest *digest = &reader->offer->md5;"),
    Mutant("a topic may end in any way",
           "cloud-decode", "src/cloud/identity.c",
           """	    strncmp(topic, prefix, prefix_size) != 0 ||
	    strcmp(topic + size - suffix_size, suffix) != 0)""",
           "	    strncmp(topic, prefix, prefix_size) != 0)"),
    Mutant("more than 100 percent are reported",
           "cloud-encode", "src/cloud/encode.c",
           """	if (complete.progress_percent > 100)
		complete.progress_percent = 100;
""",
           ""),
    Mutant("where there is no group, that of root is trusted",
           "control-limits", "src/control/peer.c",
           """	if (!rules->has_group)
		return true;
""",
           ""),
    Mutant("a stranger finds a place behind the last",
           "control-limits", "src/control/server.c",
           """	if (control->n_clients >= CONTROL_MAX_CLIENTS)
		return false;
	if (peer->trusted)
		return true;""",
           """	if (peer->trusted && control->n_clients < CONTROL_MAX_CLIENTS)
		return true;"""),
    Mutant("strangers together take all places",
           "control-limits", "src/control/server.c",
           """	return strangers < CONTROL_MAX_STRANGERS &&
""",
           """	return strangers + 1 > 0 &&
"""),
    Mutant("who is turned away stays connected",
           "control-limits", "src/control/server.c",
           """		turn_away(control, fd, &peer);
		close(fd);""",
           "		turn_away(control, fd, &peer);"),
    Mutant("an otad that is busy loses its socket",
           "control-limits", "src/control/listen.c",
           """sizeof(address)) == 0 ||
	    errno == EAGAIN)""",
           "sizeof(address)) == 0)"),
    Mutant("a client that is idle holds memory",
           "control-limits", "src/control/buffer.c",
           """		buffer_done(buffer);
		return;""",
           """		buffer->start += buffer->size;
		buffer->size = 0;
		return;"""),
    Mutant("mistakes of clients fill the log",
           "control-time", "src/control/server.c",
           """	if (control->complained_ms != 0 &&
	    now_ms < control->complained_ms + CONTROL_COMPLAINT_MS)
		return;
""",
           ""),
    Mutant("a long list does not wait for its reader",
           "control", "src/control/client.c",
           """ &&
		       client->out.size <= CONTROL_LOW_OUT_BYTES;""",
           ";"),
    Mutant("a reply has no bound",
           "control", "src/control/client.c",
           "			     CONTROL_MAX_OUT_BYTES - client->out.size, err);",
           "			     SIZE_MAX, err);"),
    Mutant("a reply too long ends the connection",
           "control", "src/control/call.c",
           """	if (err.kind == OTA_ERROR_NO_SPACE &&
""",
           """	if (false &&
"""),
    Mutant("a watch begins with other modules, too",
           "control", "src/control/stream.c",
           """		    !control_stream_matches(walk->stream, view->job))
			return true;""",
           """		    false)
			return true;"""),
    Mutant("a watch of one module hears of others",
           "control", "src/control/stream.c",
           """	return is_wanted(stream->device, job->device) &&
	       is_wanted(stream->module, job->module);""",
           "	return is_wanted(stream->device, job->device);"),
    Mutant("a part of a list looks at all devices",
           "control", "src/control/stream.c",
           """ ||
	    walk->visited++ >= CONTROL_MAX_DEVICES) {""",
           ") {"),
    Mutant("the default module is looked for at the gateway",
           "control", "src/control/update-method.c",
           "	updater_each_module(updater, offer->device, take_default, &search);",
           "	updater_each_module(updater, DEVICE_SELF, take_default, &search);"),
    Mutant("an operator's offer is the cloud's",
           "control", "src/control/update-method.c",
           """	offer->source = OFFER_SOURCE_CONTROL;
""",
           ""),
    Mutant("a trial is kept from operators",
           "control", "src/control/views.c",
           """json_add_bool(o, "trial", status->trial));""",
           """json_add_bool(o, "trial", false));"""),
    Mutant("the gateway counts as a device without a class",
           "metrics", "src/control/metrics.c",
           """	if (strcmp(job->device, DEVICE_SELF) != 0)
		class""",
           """	if (true)
		class"""),
    Mutant("a metrics file that cannot be written is told of each minute",
           "metrics", "src/control/metrics.c",
           "	if (!ok && !metrics->failing)",
           "	if (!ok)"),
    Mutant("who is connected is held",
           "metrics", "src/control/metrics-text.c",
           "		  status->held);",
           "		  status->connected);"),
    Mutant("what has ended is a job that runs",
           "metrics", "src/control/metrics-text.c",
           """		if (job_state_is_terminal((enum job_state)state))
			continue;
""",
           ""),
    Mutant("what failed is counted as rolled back",
           "metrics", "src/control/metrics-text.c",
           "			[METRICS_ROLLED_BACK] = row->counts.rolled_back,",
           "			[METRICS_ROLLED_BACK] = row->counts.failed,"),
    Mutant("half of the metrics are all of them",
           "control-memory", "src/control/metrics-text.c",
           "	complete = !rows->out_of_memory && !ferror(out);",
           "	complete = true;"),
    Mutant("a broken disk is a mistake in the configuration",
           "config-files", "src/config/files.c",
           "	return sys_errno == EIO || sys_errno == EMFILE ||",
           "	return sys_errno == EMFILE ||"),
    Mutant("the first Platform= wins",
           "config-files", "src/config/document.c",
           """	for (size_t i = section ? section->n_entries : 0; i > 0; i--) {
		if (!strcmp(section->entries[i - 1].key, key))
			return &section->entries[i - 1];
	}""",
           """	for (size_t i = 0; section && i < section->n_entries; i++) {
		if (!strcmp(section->entries[i].key, key))
			return &section->entries[i];
	}"""),
    Mutant("a configuration with mistakes has not been written",
           "config-files", "src/config/config.c",
           "		build->problems.report->n_problems == MISSING_PROBLEMS;",
           "		true;"),
    Mutant("sizes have no upper bound",
           "config-broken", "src/config/values.c",
           """	if (!units_parse_size(entry->value, &bytes) || bytes < key->min ||
	    bytes > key->max)""",
           "	if (!units_parse_size(entry->value, &bytes) || bytes < key->min)"),
    Mutant("StallTimeout=0 is taken",
           "config-broken", "src/config/settings.c",
           """"a time from 1s to 1h, like 30s", SECOND_MS, HOUR_MS },""",
           """"a time from 1s to 1h, like 30s", 0, HOUR_MS },"""),
    Mutant("ConfirmTimeout=0 is taken",
           "config-broken", "src/config/settings.c",
           """FIELD(config_update, confirm_timeout_ms),
	  "a time from 1s to 1d, like 5min", SECOND_MS, DAY_MS },""",
           """FIELD(config_update, confirm_timeout_ms),
	  "a time from 1s to 1d, like 5min", 0, DAY_MS },"""),
    Mutant("a certificate for downloads needs no key",
           "config-broken", "src/config/settings.c",
           """	set_section(section, download_keys, download, &build->problems);
	check_key_pair(section, &build->problems);""",
           "	set_section(section, download_keys, download, &build->problems);"),
    Mutant("credentials lie in whatever folder otad is started in",
           "config", "src/config/values-text.c",
           "	} else if (!directory || *directory != '/') {",
           "	} else if (!directory) {"),
    Mutant("what a program has started is not asked to end",
           "process", "src/base/process.c",
           "		kill(-process->pid, SIGTERM);",
           "		kill(process->pid, SIGTERM);"),
    Mutant("all signals stay blocked behind a program",
           "process", "src/base/spawn.c",
           """	why = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);""",
           "	why = errno;"),
    Mutant("long work without end holds deferred work back",
           "loop", "src/base/loop.c",
           "	if (loop->was_long && !loop->gave_way) {",
           "	if (loop->was_long) {"),
    Mutant("a short timer may be late by a quarter of a second",
           "loop", "src/base/loop.c",
           "slack_us ? slack_us : 1);",
           "slack_us);"),
    Mutant("a timer of a week may be late by half a day",
           "loop", "src/base/loop.c",
           """		if (slack_us > MAX_SLACK_USEC)
			slack_us = MAX_SLACK_USEC;
""",
           ""),
    Mutant("the watchdog is fed in the last moment",
           "loop", "src/base/loop.c",
           "loop->watchdog_period_ms = limit_us / 2 / USEC_PER_MSEC;",
           "loop->watchdog_period_ms = limit_us / USEC_PER_MSEC;"),
    Mutant("the service manager is not told of a reload",
           "loop", "src/base/notify.c",
           """	sd_notifyf(0, "RELOADING=1\\nWATCHDOG=1\\nMONOTONIC_USEC=%llu",""",
           """	sd_notifyf(0, "WATCHDOG=1\\nMONOTONIC_USEC=%llu","""),
    Mutant("a signal fails a read",
           "file", "src/base/file.c",
           """		n = read(fd, data + size, room - size);
		if (n < 0 && errno == EINTR)
			continue;
""",
           """		n = read(fd, data + size, room - size);
"""),
    Mutant("a signal fails a write",
           "file", "src/base/file.c",
           """		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
""",
           """		ssize_t n = write(fd, data, size);

"""),
    Mutant("a close that fails is no failure",
           "file", "src/base/file.c",
           """	if (close(fd) < 0 && errno != EINTR && filled)
		filled =""",
           """	if (close(fd) < 0 && false)
		filled ="""),
    Mutant("a removal done before is not synced",
           "file", "src/base/file.c",
           """	if (unlinkat(place.dir_fd, place.name, 0) < 0 && errno != ENOENT)
		return ota_fail_errno(err, errno, "remove %s", path);
	/* Also""",
           """	if (unlinkat(place.dir_fd, place.name, 0) < 0)
		return errno == ENOENT || ota_fail_errno(err, errno, "remove %s", path);
	/* Also"""),
    Mutant("a draft that cannot be written stays",
           "file", "src/base/file.c",
           """	close(fd);
	unlinkat(place.dir_fd, tmp, 0);
	return -1;""",
           """	close(fd);
	return -1;"""),
    Mutant("what is kept for root is room",
           "file", "src/base/file-info.c",
           "(uint64_t)fs.f_bavail",
           "(uint64_t)fs.f_bfree"),
    Mutant("the content of a file is all of it",
           "sync", "src/base/sync.c",
           """		.aio_lio_opcode = what == SYNC_CONTENT ? IOCB_CMD_FDSYNC
						       : IOCB_CMD_FSYNC,""",
           "		.aio_lio_opcode = IOCB_CMD_FDSYNC,"),
    Mutant("a syncer leaves its part of the kernel behind",
           "sync", "src/base/sync.c",
           """	if (syncer->context)
		syscall(SYS_io_destroy, syncer->context);
""",
           ""),
    Mutant("a kernel that will not sync is asked each time",
           "sync", "src/base/sync.c",
           """	syncer->is_refused = true;
""",
           ""),
    Mutant("a sync that was told is looked for for ever",
           "sync", "src/base/sync.c",
           """	(void)!read(fd, &one, sizeof(one));
	if (count == 0)""",
           "	if (count == 0)"),
    Mutant("a check that is waited for never fails",
           "otactl OtactlTest.test_checking_and_waiting_fails_with_what_is_offered", "src/otactl/follow.c",
           "		finish(f, f->any_failed ? CTL_FAILED : CTL_DONE);",
           "		finish(f, CTL_DONE);"),
    Mutant("a check waits for other devices",
           "otactl OtactlTest.test_checking_and_waiting_fails_with_what_is_offered", "src/otactl/cmd-update.c",
           """	follow = ctl_follow_new(ctl, module.device ? module.device : DEVICE_SELF,
				module.module, &err);
	if (!follow)
		return ctl_report(&err);
	result""",
           """	follow = ctl_follow_new(ctl, module.device,
				module.module, &err);
	if (!follow)
		return ctl_report(&err);
	result"""),
    Mutant("who was too slow is told nothing more",
           "otactl OtactlTest.test_who_was_too_slow_is_told_anew", "src/otactl/follow.c",
           """	if (reply->error || !reply->continues)
		return false;""",
           """	if (reply->error || !reply->continues) {
		finish(f, CTL_FAILED);
		return false;
	}"""),
    Mutant("what is waited in front of is shown",
           "otactl OtactlTest.test_waiting_for_what_is_queued_waits_for_that_version", "src/otactl/follow.c",
           """		if (is_wanted(f, job))
			ok = ok &&""",
           """		if (true)
			ok = ok &&"""),
    Mutant("a version is waited for in any module",
           "otactl OtactlTest.test_waiting_for_what_is_queued_is_for_one_module", "src/otactl/ended.c",
           """		if (strcmp(ctl_field(view, "module"), module) == 0 &&
		    strcmp""",
           "		if (strcmp"),
    Mutant("an answer has no bound",
           "otactl OtactlTest.test_who_answers_without_end_is_given_up", "src/otactl/client.c",
           "	if (client->size >= MAX_REPLY_BYTES)",
           "	if (false)"),
    Mutant("a list has no bound",
           "otactl OtactlTest.test_who_answers_without_end_is_given_up", "src/otactl/client.c",
           "	if (client->received_bytes > MAX_LIST_BYTES)",
           "	if (false)"),
    Mutant("an otad that is silent is waited for",
           "otactl OtactlTest.test_completion_does_not_wait_for_an_otad_that_is_silent", "src/otactl/client.c",
           "		ready = left > 0 ? poll(&poll_fd, 1, (int)left) : 0;",
           "		ready = poll(&poll_fd, 1, -1);"),
    Mutant("another otad is asked for completions",
           "otactl OtactlTest.test_completion_does_not_wait_for_an_otad_that_is_silent", "src/otactl/complete.c",
           "		c->ctl->options.socket = value;",
           "		;"),
    Mutant("a terminal obeys complaints",
           "otactl OtactlTest.test_a_complaint_has_no_power_over_a_terminal", "src/otactl/otactl.c",
           "		text = ctl_clean(raw);",
           "		text = strdup(raw);"),
    Mutant("a terminal obeys tables",
           "otactl OtactlTest.test_what_is_told_has_no_power_over_a_terminal", "src/otactl/table.c",
           "		row->cells[i] = ctl_clean(texts[i] && *texts[i] ? texts[i] : NOTHING);",
           "		row->cells[i] = strdup(texts[i] && *texts[i] ? texts[i] : NOTHING);"),
    Mutant("otactl shows failures that were rolled back",
           "otactl OtactlTest.test_counts_stand_beside_their_names", "src/otactl/cmd-history.c",
           """	put_stat(stats, "updates failed", "failed", STAT_COUNT);""",
           """	put_stat(stats, "updates failed", "rolled_back", STAT_COUNT);"""),
    Mutant("a clock that was set makes updates short",
           "otactl OtactlTest.test_history_says_what_happened_and_why", "src/otactl/cmd-history.c",
           "	if (started_ms > 0 && ended_ms >= started_ms)",
           "	if (started_ms > 0)"),
    Mutant("the modules of a status are a number",
           "otactl OtactlTest.test_status_says_what_is_not", "src/otactl/cmd-status.c",
           """	if (json_add(status, "modules", json_object_get(modules)) &&
	    ctl_put_json(status))""",
           "	if (ctl_put_json(status))"),
    Mutant("who is not connected is",
           "otactl OtactlTest.test_status_says_what_is_not", "src/otactl/cmd-status.c",
           """"%sconnected to %s%s%s", connected ? "" : "not ",""",
           """"%sconnected to %s%s%s", connected ? "" : "","""),
    Mutant("among many devices failures are not shown",
           "otactl OtactlTest.test_status_of_many_devices_shows_what_went_wrong", "src/otactl/cmd-status.c",
           "	return job && !ctl_job_is_good(job);",
           "	return job && !ctl_job_is_ended(job);"),
    Mutant("what is waited for hides what went wrong",
           "otactl OtactlTest.test_status_of_many_devices_shows_what_went_wrong", "src/otactl/job.c",
           """	if (*error)
		return asprintf""",
           """	if (*error && !*waiting)
		return asprintf"""),
    Mutant("all devices are one",
           "otactl OtactlTest.test_one_device_is_listed_alone", "src/otactl/cmd-device.c",
           """	return !ctl->options.device ||
	       strcmp(ctl->options.device, ctl_field(device, "name")) == 0;""",
           "	return true;"),
    Mutant("an unknown state is an end",
           "otactl OtactlTest.test_a_state_of_a_newer_otad_is_no_end", "src/otactl/job.c",
           "								  JOB_STATE_IDLE;",
           "								  JOB_STATE_FAILED;"),
    Mutant("more than 100 percent are shown",
           "otactl OtactlTest.test_a_line_is_written_for_each_change_of_what_it_says", "src/otactl/job.c",
           "	return percent < 0 ? 0 : percent > 100 ? 100 : (unsigned)percent;",
           "	return (unsigned)percent;"),
    Mutant("another message is no change",
           "otactl OtactlTest.test_a_line_is_written_for_each_change_of_what_it_says", "src/otactl/view.c",
           """"state", "message", "waiting", "error" };""",
           """"state", "waiting", "error" };"""),
    Mutant("more than all takes for ever",
           "otactl OtactlTest.test_more_than_all_takes_no_time", "src/otactl/job.c",
           """ || rate <= 0 || received < 0 ||
	    total < received)""",
           " || rate <= 0)"),
    Mutant("an hour and a half is one hour",
           "otactl-text", "src/otactl/text.c",
           "	} else if (ms >= 2 * MS_PER_H) {",
           "	} else if (ms >= MS_PER_H) {"),
    Mutant("a probe goes through a proxy of the environment",
           "fetch-text", "src/fetch/probe.c",
           "	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);",
           """	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, NULL);"""),
    Mutant("the next version cannot speak to the service manager",
           "loop", "src/base/notify.c",
           """sd_notify(0, "READY=1")""",
           """sd_notify(1, "READY=1")"""),
    Mutant("hours without a byte make the speed limit overflow",
           "fetch-retry", "src/fetch/pace.c",
           """	if (elapsed_ms > MAX_ELAPSED_MS)
		elapsed_ms = MAX_ELAPSED_MS;
""",
           ""),
    Mutant("a reload changes the folders of a running otad",
           "test_self.py test_its_folders_do_not_change_while_it_runs", "src/otad/daemon.c",
           """	if (strcmp(config->state_dir, otad->config->state_dir) != 0 ||
	    strcmp(config->runtime_dir, otad->config->runtime_dir) != 0) {""",
           "	if (false) {"),
]
