#include <string.h>

#include "otad/base/loop.h"

#include "session.h"
#include "updater-private.h"

bool updater_is_healthy(const struct updater *updater)
{
	return updater->session != NULL;
}

void updater_status(const struct updater *updater, struct updater_status *ret)
{
	*ret = (struct updater_status){
		.version = updater->env.self.version,
		.platform = updater->config->platform->platform,
		.connected = updater->session &&
			     session_is_online(updater->session),
		.connected_ms = updater->session ?
					session_changed_ms(updater->session) :
					0,
		.trouble = updater->trouble[0] ? updater->trouble : NULL,
		.held = updater->held,
		.hold_reason = updater->hold_reason,
		.hold_until_ms = updater->hold_until_ms,
		.automatic = updater->config->update.automatic,
		.devices = inventory_count(updater->inventory),
		.modules = inventory_count_modules(updater->inventory),
		.jobs = updater->n_jobs,
		.reports_waiting =
			updater->session ?
				session_reports_waiting(updater->session) :
				0,
		.trial = updater->trial,
	};
	memcpy(ret->jobs_in, updater->jobs_in, sizeof(ret->jobs_in));
}

static void view_of_last(const struct module_record *record,
			 struct job_view *ret)
{
	*ret = (struct job_view){
		.id = record->last_job,
		.device = record->last_offer->device,
		.module = record->last_offer->module,
		.version = record->last_offer->version,
		.old_version = record->previous,
		.state = record->last_state,
		.overall_percent = record->last_percent,
		.total_bytes = record->last_offer->size_bytes,
		.error = record->last_error,
		.message = record->last_message,
		.changed_ms = record->last_changed_ms,
	};
}

static bool view_module(const struct updater *updater,
			const struct device *device, const struct module *module,
			module_view_fn fn, void *user_data)
{
	const char *name = module->settings->name;
	const struct job *job = updater_find_job(updater, device->name, name);
	struct ota_error err;
	OTA_CLEANUP(module_record_freep) struct module_record *record =
		module_record_load(&updater->store, device->name, name, &err);
	struct job_view job_view;
	struct module_view view = {
		.device = device->name,
		.module = name,
		.class_name = device->class_name,
		.type = module->settings->type,
		.version = module->version,
		.previous = record ? record->previous : NULL,
	};

	if (record)
		view.counts = record->counts;

	if (job) {
		updater_job_view(job, &job_view);
		view.job = &job_view;
	} else if (record && record->last_state != JOB_STATE_IDLE) {
		view_of_last(record, &job_view);
		job_view.class_name = device->class_name;
		view.job = &job_view;
	}
	return fn(&view, user_data);
}

static bool view_modules(const struct updater *updater,
			 const struct device *device, module_view_fn fn,
			 void *user_data)
{
	for (size_t i = 0; i < device->n_modules; i++)
		if (!view_module(updater, device, &device->modules[i], fn,
				 user_data))
			return false;
	return true;
}

bool updater_each_module(const struct updater *updater, const char *device_name,
			 module_view_fn fn, void *user_data)
{
	const struct device *device;

	if (device_name) {
		device = inventory_find(updater->inventory, device_name);
		return !device || view_modules(updater, device, fn, user_data);
	}
	for (size_t i = 0; i < inventory_count(updater->inventory); i++)
		if (!view_modules(updater, inventory_at(updater->inventory, i),
				  fn, user_data))
			return false;
	return true;
}

bool updater_history(const struct updater *updater, size_t count, history_fn fn,
		     void *user_data, struct ota_error *err)
{
	return history_read(&updater->store, count, fn, user_data, err);
}

void updater_counts(const struct updater *updater, struct updater_stats *ret)
{
	struct session_counts counts = { 0 };

	if (updater->session)
		session_counts(updater->session, &counts);
	*ret = updater->counts;
	ret->connects += counts.connects;
	ret->disconnects += counts.disconnects;
	ret->reports_sent += counts.reports_sent;
	ret->uptime_ms = loop_now_ms(updater->loop) - updater->started_ms;
	ret->longest_stall_us = loop_longest_stall_us(updater->loop);
}

void updater_stats(const struct updater *updater, struct updater_stats *ret)
{
	updater_counts(updater, ret);
	ret->succeeded = updater->totals.succeeded;
	ret->failed = updater->totals.failed;
	ret->rolled_back = updater->totals.rolled_back;
	ret->bytes_downloaded = updater->totals.bytes;
}
