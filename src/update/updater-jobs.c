#include <search.h>
#include <string.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/base/messages.h"

#include "artifact.h"
#include "gate.h"
#include "machine.h"
#include "reporter.h"
#include "runner.h"
#include "updater-private.h"

/* ---- the list, and its index by device ---- */

static int compare_devices(const void *a, const void *b)
{
	const struct job *one = a, *other = b;

	return strcmp(one->offer->device, other->offer->device);
}

static struct job **find_node(const struct updater *updater, const char *device)
{
	struct offer offer = { .device = (char *)device };
	struct job key = { .offer = &offer };

	return tfind(&key, &updater->jobs_by_device, compare_devices);
}

struct job *updater_find_jobs(const struct updater *updater, const char *device)
{
	struct job **node = find_node(updater, device);

	return node ? *node : NULL;
}

struct job *updater_find_job(const struct updater *updater, const char *device,
			     const char *module)
{
	struct job *job = updater_find_jobs(updater, device);

	while (job && strcmp(job->offer->module, module) != 0)
		job = job->same_device;
	return job;
}

static bool enter_index(struct job *job, struct ota_error *err)
{
	struct job **node = tsearch(job, &job->updater->jobs_by_device,
				    compare_devices);

	if (!node)
		return ota_fail_memory(err, "keeping a job");
	job->same_device = *node == job ? NULL : *node;
	*node = job;
	return true;
}

static void leave_index(struct job *job)
{
	struct job **node = find_node(job->updater, job->offer->device);
	struct job **at = node;

	if (*node == job && !job->same_device) {
		tdelete(job, &job->updater->jobs_by_device, compare_devices);
		return;
	}
	while (*at != job)
		at = &(*at)->same_device;
	*at = job->same_device;
}

/* At the end: who came first goes first. */
bool updater_add_job(struct updater *updater, struct job *job,
		     struct ota_error *err)
{
	if (job->state <= JOB_STATE_INSTALLING && offer_digest(job->offer) &&
	    !(job->claim = artifact_claim(updater->artifacts, job->offer, err)))
		return false;
	if (!enter_index(job, err))
		return false;
	job->previous = updater->last_job;
	job->next = NULL;
	*(job->previous ? &job->previous->next : &updater->jobs) = job;
	updater->last_job = job;
	updater->n_jobs++;
	updater->jobs_in[job->state]++;
	if (job_is_installing(job))
		gate_enter(&updater->gate, job);
	return true;
}

void updater_drop_job(struct job *job)
{
	struct updater *updater = job->updater;

	updater_unqueue_job(job);
	gate_leave(&updater->gate, job);
	if (updater->next_resume == job)
		updater->next_resume = job->next;
	leave_index(job);
	*(job->previous ? &job->previous->next : &updater->jobs) = job->next;
	*(job->next ? &job->next->previous : &updater->last_job) =
		job->previous;
	updater->n_jobs--;
	updater->jobs_in[job->state]--;
	job_free(job);
}

/* ---- reading them after a start ---- */

/*
 * Another job of its module begins only when the end of one was told: a file
 * that could not be removed then is out of date.
 */
static bool forget_ended(struct updater *updater, struct job *other,
			 struct job *job, struct ota_error *err)
{
	const struct job *ended = job_state_is_terminal(job->state) ? job : other;
	OTA_CLEANUP(freep) char *path = NULL;

	if (!job_state_is_terminal(ended->state))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"its module has a job already");
	path = store_path(&updater->store, STORE_JOBS, ended->id, ".json");
	if (!path)
		return ota_fail_memory(err, "reading the jobs");
	if (!file_remove(path, err))
		return false;
	if (ended == other)
		updater_drop_job(other);
	return true;
}

static bool load_job(void *user_data, const char *path,
		     struct json_object *document, struct ota_error *err)
{
	struct updater *updater = user_data;
	OTA_CLEANUP(job_freep) struct job *job =
		job_from_json(updater, document, err);
	struct module *module;
	struct job *other;
	struct ota_error ignored;

	if (!job || !job_make_timers(job, err))
		return false;
	module = updater_find_module(updater, job->offer->device,
				     job->offer->module, NULL, &ignored);
	if (!module)
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"it is for module %s of device %s, which is not configured any more",
				job->offer->module, job->offer->device);
	other = updater_find_job(updater, job->offer->device,
				 job->offer->module);
	if (other) {
		bool is_out_of_date = job_state_is_terminal(job->state);

		if (!forget_ended(updater, other, job, err))
			return false;
		if (is_out_of_date)
			return true;
	}
	job->settings = module_settings_ref(module->settings);
	if (!updater_add_job(updater, job, err))
		return false;
	(void)OTA_TAKE(job);
	return true;
}

bool updater_load_jobs(struct updater *updater, struct ota_error *err)
{
	return store_each(&updater->store, STORE_JOBS, load_job, updater, err);
}

/* ---- telling of them ---- */

void updater_job_view(const struct job *job, struct job_view *ret)
{
	const struct device *device =
		inventory_find(job->updater->inventory, job->offer->device);

	*ret = (struct job_view){
		.id = job->id,
		.device = job->offer->device,
		.module = job->offer->module,
		.class_name = device ? device->class_name : NULL,
		.version = job->offer->version,
		.old_version = job->old_version,
		.state = job->state,
		.download_percent = job->download_percent,
		.overall_percent = job->overall_percent,
		.install_percent = job->state == JOB_STATE_INSTALLING ?
					   job->install_percent :
					   0,
		.received_bytes = job->bytes,
		.total_bytes = job->total_bytes,
		.bytes_per_second = job->state == JOB_STATE_DOWNLOADING ?
					    job->bytes_per_second :
					    0,
		.error = job->cause,
		.message = job->cause_text,
		.waiting = job_state_is_terminal(job->state) ?
				   NULL :
				   job->hold_reason,
		.changed_ms = job->changed_ms,
	};
}

static void drop_gone_listeners(struct updater *updater)
{
	struct updater_listener **at = &updater->listeners;

	while (*at) {
		struct updater_listener *listener = *at;

		if (!listener->gone) {
			at = &listener->next;
			continue;
		}
		*at = listener->next;
		free(listener);
	}
}

static void tell_listeners(struct job *job)
{
	struct updater *updater = job->updater;
	struct job_view view;

	updater_job_view(job, &view);
	updater->telling++;
	for (struct updater_listener *l = updater->listeners; l; l = l->next)
		if (!l->gone)
			l->fn(&view, l->user_data);
	if (--updater->telling == 0)
		drop_gone_listeners(updater);
}

struct updater_listener *updater_listen(struct updater *updater,
					job_listener_fn fn, void *user_data)
{
	struct updater_listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->updater = updater;
	listener->fn = fn;
	listener->user_data = user_data;
	listener->next = updater->listeners;
	updater->listeners = listener;
	return listener;
}

struct updater_listener *updater_unlisten(struct updater_listener *listener)
{
	if (!listener)
		return NULL;
	listener->gone = true;
	if (listener->updater->telling == 0)
		drop_gone_listeners(listener->updater);
	return NULL;
}

static const struct log_message *message_of(enum job_state state)
{
	switch (state) {
	case JOB_STATE_AVAILABLE:
		return &message_job_available;
	case JOB_STATE_DOWNLOADING:
		return &message_job_downloading;
	case JOB_STATE_VERIFYING:
		return &message_job_verifying;
	case JOB_STATE_BACKING_UP:
		return &message_job_backing_up;
	case JOB_STATE_INSTALLING:
		return &message_job_installing;
	case JOB_STATE_RESTARTING:
		return &message_job_restarting;
	case JOB_STATE_CONFIRMING:
		return &message_job_confirming;
	case JOB_STATE_SUCCEEDED:
		return &message_job_succeeded;
	case JOB_STATE_FAILED:
		return &message_job_failed;
	case JOB_STATE_ROLLED_BACK:
		return &message_job_rolled_back;
	case JOB_STATE_IDLE:
	case JOB_STATE_COUNT:
		break;
	}
	return NULL;
}

/* What was told and logged when its device was there to be tried first. */
static bool is_repetition(const struct job *job)
{
	return job->away_attempts > 0 && !job->undoing &&
	       job->state <= JOB_STATE_INSTALLING;
}

static void log_change(const struct job *job)
{
	bool bad = job->state == JOB_STATE_FAILED ||
		   job->state == JOB_STATE_ROLLED_BACK;
	struct log_context context = {
		.device = job->offer->device,
		.module = job->offer->module,
		.version = job->offer->version,
		.state = job_state_name(job->state),
		.error = bad ? ota_error_kind_name(job->cause) : NULL,
		.job = job->id,
	};

	log_write(bad			? LOG_LEVEL_ERROR :
		  is_repetition(job)	? LOG_LEVEL_DEBUG :
					  LOG_LEVEL_NOTICE,
		  message_of(job->state), &context, "%s %s of %s: %s%s%s",
		  job->offer->module, job->offer->version, job->offer->device,
		  job_state_name(job->state), bad && job->cause_text ? ": " : "",
		  bad && job->cause_text ? job->cause_text : "");
}

static const char *running(const struct job *job)
{
	struct ota_error err;
	struct module *module =
		updater_find_module(job->updater, job->offer->device,
				    job->offer->module, NULL, &err);

	return module ? module_version(module) : "0";
}

void updater_job_changed(struct job *job)
{
	log_change(job);
	/* The result itself goes out with the end of the job. */
	if (!job_state_is_terminal(job->state) && !is_repetition(job))
		reporter_state(job->updater->reporter, job, running(job));
	if (!job_state_is_terminal(job->state))
		tell_listeners(job);
}

void updater_job_ended(struct job *job)
{
	if (!job->end_shown)
		tell_listeners(job);
	job->end_shown = true;
}

void updater_job_waits(struct job *job, const char *reason)
{
	bool is_news = !job->hold_reason ||
		       strcmp(job->hold_reason, reason) != 0;

	job->hold_reason = reason;
	if (is_news)
		tell_listeners(job);
}

void updater_job_progress(struct job *job)
{
	reporter_progress(job->updater->reporter, job, running(job),
			  job->updater->config->update.progress_step_percent);
	tell_listeners(job);
}
