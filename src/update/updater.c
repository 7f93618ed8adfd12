#include "otad/update/updater.h"

#include "otad/base/log.h"
#include "otad/base/loop.h"

#include "artifact.h"
#include "power.h"
#include "reporter.h"
#include "session.h"
#include "updater-private.h"

/* A failed download may be offered again; after a week nobody means it. */
#define ARTIFACT_MAX_AGE_MS (7 * 24 * 3600 * 1000ULL)

void updater_changed(struct updater *updater)
{
	if (updater->changed)
		updater->changed(updater->user_data);
}

static bool set_up(struct updater *updater, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *download = NULL;
	struct ota_error why;

	if (!store_open(&updater->store, updater->config->state_dir, err) ||
	    !updater_load_hold(updater, err) || !updater_make_turns(updater, err))
		return false;
	updater->env.state_dir = updater->store.dir;
	updater_judge_trial(updater);
	download = store_path(&updater->store, NULL, STORE_DOWNLOAD, "");
	if (!download)
		return ota_fail_memory(err, "opening the state directory");
	updater->artifacts = artifact_store_new(updater->loop, updater->fetcher,
						download, updater->config, err);
	updater->reporter = updater->artifacts ?
				    reporter_new(updater->loop, err) :
				    NULL;
	updater->inventory = inventory_new();
	if (!updater->reporter)
		return false;
	if (!updater->inventory)
		return ota_fail_memory(err, "making the inventory");
	wave_load(&updater->waves, &updater->store);
	if (!history_count(&updater->store, &updater->totals, &why))
		log_warning(NULL, "%s", why.text);
	if (!updater_make_session(updater, err) ||
	    !updater_open_session(updater, err) ||
	    !updater_build_inventory(updater, err) ||
	    !updater_load_jobs(updater, err))
		return false;
	updater_drop_stale_marker(updater);
	return true;
}

struct updater *updater_new(const struct updater_options *options,
			    struct ota_error *err)
{
	OTA_CLEANUP(updater_freep) struct updater *updater =
		calloc(1, sizeof(*updater));

	if (!updater) {
		ota_fail_memory(err, "starting");
		return NULL;
	}
	updater->store.lock_fd = -1;
	updater->power_dir = POWER_SUPPLY_DIR;
	updater->loop = options->loop;
	updater->config = config_ref(options->config);
	updater->fetcher = options->fetcher;
	updater->resolver = options->resolver;
	updater->exec_self = options->exec_self;
	updater->changed = options->changed;
	updater->user_data = options->user_data;
	updater->launched = options->launched;
	updater->started_ms = loop_now_ms(options->loop);
	updater->env = (struct install_env){
		.loop = options->loop,
		.self = options->self,
		.confirm_timeout_ms = options->config->update.confirm_timeout_ms,
		.max_trial_starts = options->config->update.max_trial_starts,
		.reexec = updater_reexec,
		.user_data = updater,
	};
	if (!set_up(updater, err))
		return NULL;
	return OTA_TAKE(updater);
}

struct updater *updater_free(struct updater *updater)
{
	if (!updater)
		return NULL;
	while (updater->jobs)
		updater_drop_job(updater->jobs);
	updater_drop_session(updater);
	updater_free_inventory(updater);
	reporter_free(updater->reporter);
	artifact_store_free(updater->artifacts);
	loop_source_free(updater->reconnect);
	loop_source_free(updater->reexec.later);
	updater_free_turns(updater);
	store_close(&updater->store);
	config_unref(updater->config);
	free(updater->reexec.path);
	free(updater->hold_reason);
	free(updater);
	return NULL;
}

bool updater_start(struct updater *updater, struct ota_error *err)
{
	/* A trial is not confirmed before it is connected. */
	uint64_t spread_ms = updater->trial ?
				     0 :
				     updater->config->mqtt.connect_spread_ms;

	if (!session_start(updater->session, spread_ms, err))
		return false;
	updater_resume_jobs(updater);
	updater_end_trial(updater);
	/* A hold may have ended meanwhile. */
	updater_wake_jobs(updater);
	artifact_store_sweep(updater->artifacts, ARTIFACT_MAX_AGE_MS);
	return true;
}

const char *updater_default_module(const struct updater *updater)
{
	const struct platform_keys *platform = updater->config->platform;

	return platform ? platform->default_module : "default";
}

bool updater_check(struct updater *updater, const char *device,
		   const char *module_name, struct ota_error *err)
{
	const char *device_name;
	struct module *module = updater_find_module(
		updater, device, module_name, &device_name, err);

	if (!module)
		return false;
	if (!updater->session)
		return ota_fail(err, OTA_ERROR_NETWORK, "not connected");
	return session_check(updater->session, device_name,
			     module->settings->name, err);
}
