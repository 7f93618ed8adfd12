#include "updater.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otad/model/device.h"

#define MAX_LISTENERS 4

struct fake_job {
	struct job_view view; /* with strings of its own */
};

struct fake_module {
	char *device;
	char *name;
	char *version;
	struct fake_job *job;
	struct update_counts counts;
};

struct updater_listener {
	struct updater *updater;
	job_listener_fn fn;
	void *user_data;
};

struct updater {
	struct inventory *inventory;
	struct fake_module *modules;
	size_t n_modules;
	struct history_entry *history;
	size_t n_history;
	struct updater_status status;
	struct updater_stats stats;
	struct ota_error refusal;
	enum offer_outcome outcome;
	char *job;
	char call[1024];
	unsigned n_calls;
	void (*on_call)(const char *call, void *user_data);
	void *on_call_data;
	struct updater_listener *listeners[MAX_LISTENERS];
};

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static struct fake_job *fake_job_new(const struct job_view *view)
{
	struct fake_job *job = calloc(1, sizeof(*job));

	job->view = *view;
	job->view.id = copy(view->id);
	job->view.device = copy(view->device);
	job->view.module = copy(view->module);
	job->view.class_name = copy(view->class_name);
	job->view.version = copy(view->version);
	job->view.old_version = copy(view->old_version);
	job->view.message = copy(view->message);
	job->view.waiting = copy(view->waiting);
	return job;
}

static void fake_job_free(struct fake_job *job)
{
	if (!job)
		return;
	free((char *)job->view.id);
	free((char *)job->view.device);
	free((char *)job->view.module);
	free((char *)job->view.class_name);
	free((char *)job->view.version);
	free((char *)job->view.old_version);
	free((char *)job->view.message);
	free((char *)job->view.waiting);
	free(job);
}

struct updater *fake_updater_new(void)
{
	struct updater *updater = calloc(1, sizeof(*updater));

	if (!updater)
		return NULL;
	updater->inventory = inventory_new();
	updater->status = (struct updater_status){
		.version = "1.0.0",
		.platform = "hanqi",
		.connected = true,
		.connected_ms = 1795248000000,
		.automatic = true,
	};
	return updater;
}

static void fake_module_done(struct fake_module *module)
{
	free(module->device);
	free(module->name);
	free(module->version);
	fake_job_free(module->job);
}

struct updater *updater_free(struct updater *updater)
{
	if (!updater)
		return NULL;
	for (size_t i = 0; i < updater->n_modules; i++)
		fake_module_done(&updater->modules[i]);
	for (size_t i = 0; i < updater->n_history; i++) {
		struct history_entry *entry = &updater->history[i];

		free((char *)entry->job);
		free((char *)entry->device);
		free((char *)entry->module);
		free((char *)entry->version);
		free((char *)entry->old_version);
		free((char *)entry->message);
	}
	free(updater->modules);
	free(updater->history);
	free(updater->job);
	inventory_free(updater->inventory);
	free(updater);
	return NULL;
}

static void add_device(struct updater *updater, const char *name,
		       const char *class_name)
{
	struct device *device = device_new(name, class_name);
	struct ota_error err;

	device->registered = class_name != NULL;
	if (!inventory_add(updater->inventory, device, &err))
		abort();
}

void fake_updater_add(struct updater *updater, const char *device,
		      const char *class_name, const char *module,
		      const char *version)
{
	struct module_settings *settings;

	if (!inventory_find(updater->inventory, device))
		add_device(updater, device, class_name);
	if (!module)
		return;
	settings = module_settings_new(module, INSTALLER_BINARY);
	device_add_module(inventory_find(updater->inventory, device), settings);
	module_settings_unref(settings);
	updater->modules = reallocarray(updater->modules, updater->n_modules + 1,
					sizeof(*updater->modules));
	updater->modules[updater->n_modules++] = (struct fake_module){
		.device = copy(device),
		.name = copy(module),
		.version = copy(version),
	};
}

void fake_updater_remove(struct updater *updater, const char *device)
{
	inventory_remove(updater->inventory, device);
}

static struct fake_module *find_module(const struct updater *updater,
				       const char *device, const char *name)
{
	for (size_t i = 0; i < updater->n_modules; i++) {
		struct fake_module *module = &updater->modules[i];

		if (strcmp(module->device, device) == 0 &&
		    strcmp(module->name, name) == 0)
			return module;
	}
	return NULL;
}

void fake_updater_set_counts(struct updater *updater, const char *device,
			     const char *module,
			     const struct update_counts *counts)
{
	struct fake_module *found = find_module(updater, device, module);

	if (!found)
		abort();
	found->counts = *counts;
}

void fake_updater_set_job(struct updater *updater, const struct job_view *job)
{
	struct fake_module *module = find_module(updater, job->device, job->module);

	if (!module)
		abort();
	fake_job_free(module->job);
	module->job = fake_job_new(job);
	fake_updater_tell(updater, &module->job->view);
}

void fake_updater_tell(struct updater *updater, const struct job_view *job)
{
	for (size_t i = 0; i < MAX_LISTENERS; i++) {
		struct updater_listener *l = updater->listeners[i];

		if (l)
			l->fn(job, l->user_data);
	}
}

void fake_updater_add_history(struct updater *updater,
			      const struct history_entry *entry)
{
	struct history_entry *kept;

	updater->history = reallocarray(updater->history, updater->n_history + 1,
					sizeof(*updater->history));
	kept = &updater->history[updater->n_history++];
	*kept = *entry;
	kept->job = copy(entry->job);
	kept->device = copy(entry->device);
	kept->module = copy(entry->module);
	kept->version = copy(entry->version);
	kept->old_version = copy(entry->old_version);
	kept->message = copy(entry->message);
}

struct updater_status *fake_updater_status(struct updater *updater)
{
	return &updater->status;
}

struct updater_stats *fake_updater_stats(struct updater *updater)
{
	return &updater->stats;
}

void fake_updater_refuse(struct updater *updater, enum ota_error_kind kind,
			 const char *text)
{
	ota_error_clear(&updater->refusal);
	if (kind != OTA_ERROR_NONE)
		ota_fail(&updater->refusal, kind, "%s", text);
}

void fake_updater_set_outcome(struct updater *updater, enum offer_outcome outcome,
			      const char *job)
{
	updater->outcome = outcome;
	free(updater->job);
	updater->job = copy(job);
}

const char *fake_updater_last_call(const struct updater *updater)
{
	return updater->call;
}

unsigned fake_updater_calls(const struct updater *updater)
{
	return updater->n_calls;
}

void fake_updater_on_call(struct updater *updater,
			  void (*fn)(const char *call, void *user_data),
			  void *user_data)
{
	updater->on_call = fn;
	updater->on_call_data = user_data;
}

unsigned fake_updater_listeners(const struct updater *updater)
{
	unsigned n = 0;

	for (size_t i = 0; i < MAX_LISTENERS; i++)
		n += updater->listeners[i] != NULL;
	return n;
}

OTA_PRINTF(3, 4)
static bool note(struct updater *updater, struct ota_error *err,
		 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(updater->call, sizeof(updater->call), format, args);
	va_end(args);
	updater->n_calls++;
	if (updater->on_call)
		updater->on_call(updater->call, updater->on_call_data);
	if (updater->refusal.kind == OTA_ERROR_NONE)
		return true;
	*err = updater->refusal;
	return false;
}

static const char *or_dash(const char *text)
{
	return text && *text ? text : "-";
}

void updater_status(const struct updater *updater, struct updater_status *ret)
{
	*ret = updater->status;
	ret->devices = inventory_count(updater->inventory);
	ret->modules = updater->n_modules;
}

void updater_counts(const struct updater *updater, struct updater_stats *ret)
{
	updater_stats(updater, ret);
	ret->succeeded = 0;
	ret->failed = 0;
	ret->rolled_back = 0;
	ret->bytes_downloaded = 0;
}

void updater_stats(const struct updater *updater, struct updater_stats *ret)
{
	*ret = updater->stats;
}

static bool show_module(const struct updater *updater,
			const struct device *device, size_t index,
			module_view_fn fn, void *user_data)
{
	const struct module_settings *settings = device->modules[index].settings;
	const struct fake_module *module =
		find_module(updater, device->name, settings->name);
	struct module_view view = {
		.device = device->name,
		.module = settings->name,
		.class_name = device->class_name,
		.type = settings->type,
		.version = module->version,
		.job = module->job ? &module->job->view : NULL,
		.counts = module->counts,
	};

	return fn(&view, user_data);
}

const char *updater_default_module(const struct updater *updater)
{
	return "default";
}

bool updater_each_module(const struct updater *updater, const char *device_name,
			 module_view_fn fn, void *user_data)
{
	for (size_t i = 0; i < inventory_count(updater->inventory); i++) {
		const struct device *device = inventory_at(updater->inventory, i);

		if (device_name && strcmp(device->name, device_name) != 0)
			continue;
		for (size_t k = 0; k < device->n_modules; k++) {
			if (!show_module(updater, device, k, fn, user_data))
				return false;
		}
	}
	return true;
}

bool updater_each_device(const struct updater *updater, device_view_fn fn,
			 void *user_data)
{
	for (size_t i = 0; i < inventory_count(updater->inventory); i++) {
		if (!fn(inventory_at(updater->inventory, i), user_data))
			return false;
	}
	return true;
}

struct updater_listener *updater_listen(struct updater *updater,
					job_listener_fn fn, void *user_data)
{
	for (size_t i = 0; i < MAX_LISTENERS; i++) {
		if (updater->listeners[i])
			continue;
		updater->listeners[i] = calloc(1, sizeof(struct updater_listener));
		if (updater->listeners[i])
			*updater->listeners[i] =
				(struct updater_listener){ updater, fn, user_data };
		return updater->listeners[i];
	}
	return NULL;
}

struct updater_listener *updater_unlisten(struct updater_listener *listener)
{
	for (size_t i = 0; i < MAX_LISTENERS; i++) {
		if (listener->updater->listeners[i] == listener)
			listener->updater->listeners[i] = NULL;
	}
	free(listener);
	return NULL;
}

bool updater_offer(struct updater *updater, const struct offer *offer,
		   enum offer_outcome *ret_outcome, char **ret_job,
		   struct ota_error *err)
{
	char size[32] = "-";

	if (offer->size_bytes != OFFER_SIZE_UNKNOWN)
		snprintf(size, sizeof(size), "%" PRIu64, offer->size_bytes);
	if (!note(updater, err, "offer %s %s %s %s %s %s %s%s%s", offer->device,
		  or_dash(offer->module), offer->version, offer->url, size,
		  or_dash(offer->sha256.hex), or_dash(offer->md5.hex),
		  offer->force ? " force" : "",
		  offer->source == OFFER_SOURCE_CLOUD ? " of-a-cloud" : ""))
		return false;
	*ret_outcome = updater->outcome;
	*ret_job = copy(updater->job);
	return true;
}

bool updater_check(struct updater *updater, const char *device,
		   const char *module, struct ota_error *err)
{
	return note(updater, err, "check %s %s", or_dash(device), or_dash(module));
}

bool updater_install(struct updater *updater, const char *device,
		     const char *module, struct ota_error *err)
{
	return note(updater, err, "install %s %s", or_dash(device), or_dash(module));
}

bool updater_cancel(struct updater *updater, const char *device,
		    const char *module, struct ota_error *err)
{
	return note(updater, err, "cancel %s %s", or_dash(device), or_dash(module));
}

bool updater_rollback(struct updater *updater, const char *device,
		      const char *module, struct ota_error *err)
{
	return note(updater, err, "rollback %s %s", or_dash(device), or_dash(module));
}

bool updater_hold(struct updater *updater, int64_t until_ms, const char *reason,
		  struct ota_error *err)
{
	return note(updater, err, "hold %" PRId64 " %s", until_ms, or_dash(reason));
}

bool updater_release(struct updater *updater, struct ota_error *err)
{
	return note(updater, err, "release");
}

bool updater_add_device(struct updater *updater, const char *name,
			const char *class_name, struct ota_error *err)
{
	return note(updater, err, "add %s %s", name, class_name);
}

bool updater_remove_device(struct updater *updater, const char *name,
			   struct ota_error *err)
{
	return note(updater, err, "remove %s", name);
}

bool updater_history(const struct updater *updater, size_t count, history_fn fn,
		     void *user_data, struct ota_error *err)
{
	size_t first = updater->n_history > count ? updater->n_history - count : 0;

	for (size_t i = first; i < updater->n_history; i++) {
		if (!fn(&updater->history[i], user_data))
			break;
	}
	return true;
}
