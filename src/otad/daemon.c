#include "daemon.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "otad/base/file.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/base/messages.h"
#include "otad/base/notify.h"
#include "otad/cloud/cloud.h"
#include "otad/config/config.h"
#include "otad/control/control.h"
#include "otad/control/metrics.h"
#include "otad/fetch/fetch.h"
#include "otad/update/updater.h"

#include "resolver.h"
#include "self.h"

#define EXIT_CONFIG 2
#define RUNTIME_DIR_MODE 0755

struct otad {
	const struct options *options;
	struct config *config;
	struct loop *loop;
	struct fetcher *fetcher;
	struct mqtt_resolver resolver;
	struct self self;
	struct updater *updater;
	struct updater_listener *listener;
	struct control *control;
	struct metrics *metrics;
	struct loop_source *on_term, *on_int, *on_hup;
	bool stopping;
};

/* ---- configuration ---- */

/* FILE:LINE: what is wrong, as compilers say it; at a reload to the journal. */
static void tell_problem(const struct config_problem *problem, bool reloading)
{
	char line[16] = "";

	if (problem->line > 0)
		snprintf(line, sizeof(line), "%u:", problem->line);
	if (reloading)
		log_write(LOG_LEVEL_ERROR, &message_config_refused, NULL,
			  "%s:%s %s", problem->file, line, problem->text);
	else
		fprintf(stderr, "%s:%s %s\n", problem->file, line,
			problem->text);
}

static struct config *load_config(const struct options *options, bool reloading)
{
	struct config_source source = {
		.file = options->config_file,
		.platforms = cloud_platforms(),
	};
	struct config_report report = { 0 };
	struct config *config = config_load(&source, &report);

	for (size_t i = 0; i < report.n_problems; i++)
		tell_problem(&report.problems[i], reloading);
	config_report_done(&report);
	return config;
}

static void reload(struct otad *otad)
{
	OTA_CLEANUP(config_unrefp) struct config *config = NULL;
	struct ota_error err;

	notify_reloading();
	config = load_config(otad->options, true);
	if (!config) {
		log_error(NULL, "The configuration stays as it was");
	} else if (strcmp(config->state_dir, otad->config->state_dir) != 0 ||
		   strcmp(config->runtime_dir, otad->config->runtime_dir) != 0) {
		log_error(NULL,
			  "[Paths] cannot change while otad runs: restart it; the configuration stays as it was");
	} else if (!updater_reload(otad->updater, config, &err)) {
		log_error(NULL, "The configuration stays as it was: %s",
			  err.text);
	} else {
		config_unref(otad->config);
		otad->config = OTA_TAKE(config);
		if (!metrics_set_path(otad->metrics, otad->config->metrics_file,
				      &err))
			log_warning(NULL, "%s", err.text);
		log_write(LOG_LEVEL_NOTICE, &message_config_loaded, NULL,
			  "Configuration read again");
	}
	notify_ready();
}

/* ---- signals ---- */

static void on_stopped(void *user_data)
{
	struct otad *otad = user_data;

	loop_exit(otad->loop, 0);
}

static void on_stop_signal(struct loop_source *source, int signal_number,
			   void *user_data)
{
	struct otad *otad = user_data;

	if (otad->stopping) {
		loop_exit(otad->loop, 0);
		return;
	}
	otad->stopping = true;
	notify_stopping();
	log_write(LOG_LEVEL_NOTICE, &message_stopping, NULL, "Stopping");
	updater_stop(otad->updater, on_stopped, otad);
}

static void on_hup_signal(struct loop_source *source, int signal_number,
			  void *user_data)
{
	struct otad *otad = user_data;

	if (!otad->stopping)
		reload(otad);
}

static bool watch_signals(struct otad *otad, struct ota_error *err)
{
	otad->on_term = loop_add_signal(otad->loop, SIGTERM, on_stop_signal,
					otad, err);
	otad->on_int = otad->on_term ? loop_add_signal(otad->loop, SIGINT,
						       on_stop_signal, otad, err) :
				       NULL;
	otad->on_hup = otad->on_int ? loop_add_signal(otad->loop, SIGHUP,
						      on_hup_signal, otad, err) :
				      NULL;
	return otad->on_hup;
}

/* ---- wiring ---- */

static void exec_self(void *user_data, const char *path, struct ota_error *err)
{
	struct otad *otad = user_data;

	self_exec(&otad->self, path, err);
}

static bool is_healthy(void *user_data)
{
	struct otad *otad = user_data;

	return updater_is_healthy(otad->updater);
}

static void show_status(const struct job_view *view, void *user_data)
{
	if (view->state == JOB_STATE_DOWNLOADING)
		notify_status("%s %s: downloading %u%%", view->module,
			      view->version, view->download_percent);
	else
		notify_status("%s %s: %s", view->module, view->version,
			      job_state_name(view->state));
}

static bool open_updater(struct otad *otad, struct ota_error *err)
{
	struct updater_options options = {
		.loop = otad->loop,
		.config = otad->config,
		.fetcher = otad->fetcher,
		.resolver = &otad->resolver,
		.self = self_describe(&otad->self),
		.launched = otad->self.launched,
		.exec_self = exec_self,
		.user_data = otad,
	};

	otad->updater = updater_new(&options, err);
	if (!otad->updater)
		return false;
	otad->listener = updater_listen(otad->updater, show_status, otad);
	return otad->listener || ota_fail_memory(err, "starting");
}

static bool open_control(struct otad *otad, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *path = NULL;

	if (!file_make_dirs(otad->config->runtime_dir, RUNTIME_DIR_MODE, err))
		return ota_wrap(err, "[Paths] RuntimeDirectory=");
	if (asprintf(&path, "%s/io.otad", otad->config->runtime_dir) < 0) {
		path = NULL;
		return ota_fail_memory(err, "starting");
	}
	otad->control = control_new(otad->loop, otad->updater, path, err);
	return otad->control;
}

static bool open_metrics(struct otad *otad, struct ota_error *err)
{
	otad->metrics = metrics_new(otad->loop, otad->updater,
				    otad->config->metrics_file, err);
	return otad->metrics;
}

static bool open_all(struct otad *otad, char **argv, const char *version,
		     struct ota_error *err)
{
	otad->loop = loop_new(err);
	if (!otad->loop || !watch_signals(otad, err))
		return false;
	otad->fetcher = fetcher_new(otad->loop, err);
	if (!otad->fetcher)
		return false;
	resolver_init(&otad->resolver, otad->fetcher);
	return self_init(&otad->self, argv, version, otad->config->state_dir,
			 err) &&
	       open_updater(otad, err) && open_control(otad, err) &&
	       open_metrics(otad, err) &&
	       loop_watch(otad->loop, is_healthy, otad, err) &&
	       updater_start(otad->updater, err);
}

static void close_all(struct otad *otad)
{
	metrics_free(otad->metrics);
	control_free(otad->control);
	updater_unlisten(otad->listener);
	updater_free(otad->updater);
	self_done(&otad->self);
	fetcher_free(otad->fetcher);
	loop_source_free(otad->on_hup);
	loop_source_free(otad->on_int);
	loop_source_free(otad->on_term);
	loop_free(otad->loop);
	config_unref(otad->config);
}

int daemon_main(const struct options *options, char **argv,
		const char *version)
{
	struct otad otad = { .options = options };
	struct ota_error err = OTA_ERROR_INIT;
	int status = 1;

	log_open(LOG_TARGET_AUTO,
		 options->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	otad.config = load_config(options, false);
	if (!otad.config)
		return EXIT_CONFIG;
	if (options->check_config) {
		config_unref(otad.config);
		return 0;
	}
	if (open_all(&otad, argv, version, &err)) {
		log_write(LOG_LEVEL_NOTICE, &message_started, NULL,
			  "otad %s started", version);
		notify_ready();
		status = loop_run(otad.loop, &err);
	}
	if (err.kind != OTA_ERROR_NONE)
		log_error(NULL, "%s", err.text);
	close_all(&otad);
	return status;
}
