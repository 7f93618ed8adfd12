/* Downloading and verifying. */

#include "runner-private.h"

#include <stdlib.h>
#include <string.h>

#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/fetch/fetch.h"
#include "otad/verify/signature.h"

#include "artifact.h"
#include "machine.h"
#include "updater-private.h"

#define SHOW_GAP_MS 500

/* ---- downloading ---- */

/* Another percent, or a while: nobody reads faster. */
static bool is_worth_showing(struct job *job)
{
	uint64_t now_ms = loop_now_ms(job->updater->loop);

	if (job->download_percent == job->shown_percent &&
	    now_ms - job->shown_ms < SHOW_GAP_MS)
		return false;
	job->shown_percent = job->download_percent;
	job->shown_ms = now_ms;
	return true;
}

static void on_artifact_progress(void *user_data,
				 const struct artifact_progress *progress)
{
	struct job *job = user_data;
	uint64_t total = progress->total_bytes;

	if (job->state != JOB_STATE_DOWNLOADING)
		return;
	job->bytes = progress->received_bytes;
	job->total_bytes = total;
	job->bytes_per_second = progress->bytes_per_second;
	if (total != OFFER_SIZE_UNKNOWN && total > 0)
		job->download_percent =
			(unsigned)(100 * (progress->received_bytes < total ?
						  progress->received_bytes :
						  total) / total);
	if (job->told_percent >= 0 &&
	    job->download_percent < (unsigned)job->told_percent)
		return;
	job_raise_percent(job);
	if (is_worth_showing(job))
		updater_job_progress(job);
}

static void on_artifact_fetched(void *user_data, const struct ota_error *err)
{
	struct job *job = user_data;

	if (job->state == JOB_STATE_VERIFYING) {
		runner_verify(job, err);
		return;
	}
	if (err) {
		struct ota_error copy = *err;

		job_fail(job, &copy);
		return;
	}
	job->bytes = artifact_size_bytes(job->artifact);
	job->total_bytes = job->bytes;
	job->download_percent = 100;
	job_handle(job, JOB_EVENT_FETCHED);
}

static const struct artifact_observer artifact_observer = {
	.progress = on_artifact_progress,
	.fetched = on_artifact_fetched,
};

static bool want_artifact(struct job *job, struct ota_error *err)
{
	bool sign = job->updater->config->update.require_signature;

	if (job->artifact)
		return true;
	job->artifact = artifact_want(job->updater->artifacts, job->offer, sign,
				      &artifact_observer, job, err);
	return job->artifact;
}

void start_download(struct job *job)
{
	struct ota_error err;

	job->artifact = artifact_user_free(job->artifact);
	if (!want_artifact(job, &err))
		job_fail(job, &err);
}

/*
 * What is verified and where it lies stays as it was: the url and the ids are
 * the newest, but an operator has no ids to give.
 */
static struct offer *renew(const struct offer *old, const struct offer *newest)
{
	bool is_anonymous = !newest->ids.msg.text;
	OTA_CLEANUP(offer_freep) struct offer *renewed =
		offer_copy(is_anonymous ? old : newest);
	char *url = strdup(newest->url);

	if (!renewed || !url) {
		free(url);
		return NULL;
	}
	free(renewed->url);
	renewed->url = url;
	renewed->size_bytes = old->size_bytes;
	renewed->md5 = old->md5;
	renewed->sha256 = old->sha256;
	renewed->force = old->force || newest->force;
	return OTA_TAKE(renewed);
}

bool runner_redeliver(struct job *job, const struct offer *offer,
		      struct ota_error *err)
{
	OTA_CLEANUP(offer_freep) struct offer *renewed = renew(job->offer, offer);

	if (!renewed)
		return ota_fail_memory(err, "taking over an offer");
	if (job->artifact && !artifact_set_url(job->artifact, offer->url, err))
		return false;
	offer_free(job->offer);
	job->offer = OTA_TAKE(renewed);
	/* A forced one need not wait any more. */
	updater_wake_jobs(job->updater);
	return runner_record(job, err);
}

/* ---- verifying ---- */

static void verified(struct job *job)
{
	updater_queue_at_gate(job);
	job_arm_deadline(job);
}

static void on_signature(struct fetch_text *fetch, const char *text, size_t size,
			 const struct ota_error *fetch_err, void *user_data)
{
	struct job *job = user_data;
	const struct config_update *update = &job->updater->config->update;
	struct signature_subject subject = {
		.module = job->offer->module,
		.version = job->offer->version,
		.size_bytes = artifact_size_bytes(job->artifact),
		.sha256 = artifact_sha256(job->artifact),
	};
	OTA_CLEANUP(trusted_keys_freep) struct trusted_keys *keys = NULL;
	struct ota_error err = OTA_ERROR_INIT;
	bool ok;

	if (fetch_err) {
		err = *fetch_err;
		ota_wrap(&err, "signature");
		/* No such file, or one that cannot be a signature. */
		if (err.kind == OTA_ERROR_NOT_FOUND ||
		    err.kind == OTA_ERROR_PROTOCOL)
			err.kind = OTA_ERROR_SIGNATURE_INVALID;
		ok = false;
	} else {
		keys = trusted_keys_load(update->trusted_keys, &err);
		ok = keys && signature_check(keys, text, size, &subject, &err);
	}
	job->signature = fetch_text_free(job->signature);
	if (ok)
		verified(job);
	else
		job_fail(job, &err);
}

static void fetch_signature(struct job *job)
{
	OTA_CLEANUP(freep) char *url = signature_url(job->offer->url);
	struct ota_error err;

	if (!url) {
		ota_fail_memory(&err, "checking the signature");
		job_fail(job, &err);
		return;
	}
	config_unref(job->signature_config);
	job->signature_config = config_ref(job->updater->config);
	job->signature = fetch_text_new(
		job->updater->fetcher, url, SIGNATURE_MAX_BYTES,
		&job->signature_config->download, on_signature, job, &err);
	if (!job->signature)
		job_fail(job, &err);
}

bool runner_shares_artifact(const struct job *job)
{
	unsigned own = job->claim ? 1 : 0;

	return artifact_store_claims(job->updater->artifacts, job->offer) > own;
}

/* A complete file of an earlier run that is gone or spoilt: once more. */
static void refetch(struct job *job, const struct ota_error *why)
{
	struct log_context context = job_log_context(job);

	if (++job->refetches > JOB_MAX_REFETCHES) {
		job_fail(job, why);
		return;
	}
	log_notice(&context, "Downloading %s again: %s", job->offer->version,
		   why->text);
	job_handle(job, JOB_EVENT_LOST);
}

void runner_verify(struct job *job, const struct ota_error *fetch_err)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (fetch_err) {
		err = *fetch_err;
		refetch(job, &err);
		return;
	}
	if (!artifact_check(job->artifact, job->offer, &err)) {
		if (!runner_shares_artifact(job))
			artifact_discard(job->artifact);
		job_fail(job, &err);
		return;
	}
	job->artifact_fresh = true;
	if (!job->updater->config->update.require_signature) {
		verified(job);
	} else if (artifact_sha256(job->artifact)->alg == DIGEST_NONE) {
		ota_fail(&err, OTA_ERROR_SIGNATURE_INVALID,
			 "its signature is of a SHA-256, which was not asked for");
		refetch(job, &err);
	} else {
		fetch_signature(job);
	}
}

void start_verify(struct job *job)
{
	struct ota_error err;

	if (job->artifact) {
		runner_verify(job, NULL);
		return;
	}
	/* After a restart: the file is hashed again before it is believed. */
	if (!want_artifact(job, &err))
		job_fail(job, &err);
}
