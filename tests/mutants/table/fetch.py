"""What is broken of src/fetch."""

from mutation import Mutant

MUTANTS = [
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
    Mutant("trailers are endless",
           "fetch", "src/fetch/transfer.c",
           """	transfer->header_bytes += size;
	if (transfer->header_bytes""",
           """	transfer->header_bytes += transfer->head_over ? 0 : size;
	if (transfer->header_bytes"""),
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
    Mutant("a probe goes through a proxy of the environment",
           "fetch-text", "src/fetch/probe.c",
           "	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);",
           """	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, NULL);"""),
    Mutant("hours without a byte make the speed limit overflow",
           "fetch-retry", "src/fetch/pace.c",
           """	if (elapsed_ms > MAX_ELAPSED_MS)
		elapsed_ms = MAX_ELAPSED_MS;
""",
           ""),
]
