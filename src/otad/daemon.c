#include "daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
#include "otad/verify/hasher.h"

#include "resolver.h"
#include "self.h"
#include "status.h"

#define RUNTIME_DIR_MODE 0755
/* Where systemd puts what LoadCredential= of the service names. */
#define SERVICE_CREDENTIALS "/run/credentials/otad.service"
/* A path and what is wrong with a line of it; what is longer is cut. */
#define PROBLEM_SIZE (4096 + 1024)

struct otad {
	const struct options *options;
	struct config *config; /* NULL: nobody has said yet who we are */
	char **argv;	       /* borrowed from main() */
	const char *version;   /* borrowed from main() */
	struct loop *loop;
	struct fetcher *fetcher;
	struct mqtt_resolver resolver;
	struct self self;
	struct updater *updater;
	struct updater_listener *listener;
	struct control *control;
	struct metrics *metrics;
	struct status status;
	struct loop_source *on_term, *on_int, *on_hup;
	bool stopping;
};

/* ---- configuration ---- */

/* FILE:LINE: what is wrong, as compilers say it, of the file as a whole, too. */
static const char *problem_text(const struct config_problem *problem,
				char text[PROBLEM_SIZE])
{
	snprintf(text, PROBLEM_SIZE, "%s:%u: %s", problem->file,
		 problem->line > 0 ? problem->line : 1, problem->text);
	return text;
}

/* At a reload to the journal. */
static void tell_problem(const struct config_problem *problem, bool reloading)
{
	char text[PROBLEM_SIZE];

	problem_text(problem, text);
	if (reloading)
		log_write(LOG_LEVEL_ERROR, &message_config_refused, NULL, "%s",
			  text);
	else
		fprintf(stderr, "%s\n", text);
}

/* What there is without a configuration. */
enum no_config {
	CONFIG_REFUSED,
	CONFIG_UNWRITTEN, /* nothing is wrong with it but that */
	CONFIG_UNREADABLE, /* but maybe at the next start */
};

static struct config *load_config(const struct options *options, bool reloading,
				  enum no_config *ret_why)
{
	struct config_source source = {
		.file = options->config_file,
		.platforms = cloud_platforms(),
	};
	struct config_report report = { 0 };
	struct config *config = config_load(&source, &report);
	char text[PROBLEM_SIZE];
	bool waits;

	waits = !config && report.unconfigured && notify_is_supervised() &&
		!options->check_config;
	*ret_why = waits ? CONFIG_UNWRITTEN :
		   report.unreadable ? CONFIG_UNREADABLE : CONFIG_REFUSED;
	for (size_t i = 0; i < report.n_problems && !waits; i++)
		tell_problem(&report.problems[i], reloading);
	if (!config && report.n_problems == 0)
		log_error(NULL, "The configuration cannot be read: out of memory");
	if (!config && !waits && !reloading && report.n_problems > 0)
		notify_status("Configuration refused: %s",
			      problem_text(&report.problems[0], text));
	config_report_done(&report);
	return config;
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

static void on_changed(void *user_data)
{
	struct otad *otad = user_data;

	/* NULL while the updater is being made. */
	if (otad->updater && !otad->stopping)
		status_tell(&otad->status, otad->updater);
}

static void on_job(const struct job_view *view, void *user_data)
{
	struct otad *otad = user_data;

	status_take_job(&otad->status, view);
	on_changed(otad);
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
		.changed = on_changed,
		.user_data = otad,
	};

	otad->updater = updater_new(&options, err);
	if (!otad->updater)
		return false;
	otad->listener = updater_listen(otad->updater, on_job, otad);
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

/* All but the loop and its signals: what needs a configuration. */
static bool open_rest(struct otad *otad, struct ota_error *err)
{
	otad->fetcher = fetcher_new(otad->loop, err);
	if (!otad->fetcher || !hasher_works(err))
		return false;
	resolver_init(&otad->resolver, otad->fetcher);
	return self_init(&otad->self, otad->argv, otad->version,
			 otad->config->state_dir, err) &&
	       open_updater(otad, err) && open_control(otad, err) &&
	       open_metrics(otad, err) &&
	       loop_watch(otad->loop, is_healthy, otad, err) &&
	       updater_start(otad->updater, err);
}

/* Takes `config`. False: there is no otad without it. */
static bool start_with(struct otad *otad, struct config *config,
		       struct ota_error *err)
{
	otad->config = config;
	if (!open_rest(otad, err))
		return false;
	log_write(LOG_LEVEL_NOTICE, &message_started, NULL, "otad %s started",
		  otad->version);
	status_tell(&otad->status, otad->updater);
	return true;
}

/* Nobody has written it yet: that is no fault, and no reason to go away. */
static bool wait_for_config(struct otad *otad, struct ota_error *err)
{
	static const char what[] =
		"Not configured yet: set [Cloud] and [Mqtt] in otad.conf, then systemctl restart otad";

	log_notice(NULL, "%s", what);
	notify_status("%s", what);
	return loop_watch(otad->loop, NULL, NULL, err);
}

/* ---- another configuration ---- */

static void follow(struct otad *otad, struct config *config)
{
	struct ota_error err;

	if (strcmp(config->state_dir, otad->config->state_dir) != 0 ||
	    strcmp(config->runtime_dir, otad->config->runtime_dir) != 0) {
		log_error(NULL,
			  "[Paths] cannot change while otad runs: restart it; the configuration stays as it was");
	} else if (!updater_reload(otad->updater, config, &err)) {
		log_error(NULL, "The configuration stays as it was: %s",
			  err.text);
	} else {
		config_unref(otad->config);
		otad->config = config_ref(config);
		if (!metrics_set_path(otad->metrics, otad->config->metrics_file,
				      &err))
			log_warning(NULL, "%s", err.text);
		log_write(LOG_LEVEL_NOTICE, &message_config_loaded, NULL,
			  "Configuration read again");
	}
}

/* The first one: takes `config`. */
static void begin(struct otad *otad, struct config *config)
{
	struct ota_error err;

	if (start_with(otad, config, &err))
		return;
	log_error(NULL, "%s", err.text);
	loop_exit(otad->loop, 1);
}

static void reload(struct otad *otad)
{
	OTA_CLEANUP(config_unrefp) struct config *config = NULL;
	enum no_config why;

	notify_reloading();
	config = load_config(otad->options, true, &why);
	if (!config && !otad->config)
		log_error(NULL, "%s",
			  why == CONFIG_UNWRITTEN ?
				  "There is still no configuration" :
				  "otad waits for another one");
	else if (!config)
		log_error(NULL, "The configuration stays as it was");
	else if (otad->config)
		follow(otad, config);
	else
		begin(otad, OTA_TAKE(config));
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
	notify_status("Stopping");
	if (otad->updater)
		updater_stop(otad->updater, on_stopped, otad);
	else
		loop_exit(otad->loop, 0);
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

/* Stopped, failed, or never got that far. */
static int run(struct otad *otad, struct config *config, struct ota_error *err)
{
	otad->loop = loop_new(err);
	if (!otad->loop || !watch_signals(otad, err) ||
	    !(config ? start_with(otad, config_ref(config), err) :
		       wait_for_config(otad, err)))
		return 1;
	notify_ready();
	return loop_run(otad->loop, err);
}

/* By hand the files are looked at as the service would, by whoever may. */
static void borrow_credentials(void)
{
	if (!getenv("CREDENTIALS_DIRECTORY") &&
	    access(SERVICE_CREDENTIALS, R_OK | X_OK) == 0)
		setenv("CREDENTIALS_DIRECTORY", SERVICE_CREDENTIALS, 0);
}

int daemon_main(const struct options *options, char **argv,
		const char *version)
{
	struct otad otad = {
		.options = options,
		.argv = argv,
		.version = version,
	};
	OTA_CLEANUP(config_unrefp) struct config *config = NULL;
	struct ota_error err = OTA_ERROR_INIT;
	enum no_config why;
	int status;

	log_open(LOG_TARGET_AUTO,
		 options->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (options->check_config)
		borrow_credentials();
	config = load_config(options, false, &why);
	if (!config && why == CONFIG_UNREADABLE)
		return EXIT_FAILURE;
	if (!config && why == CONFIG_REFUSED)
		return SELF_EXIT_CONFIG;
	if (options->check_config)
		return 0;
	status = run(&otad, config, &err);
	if (otad.stopping)
		notify_status("Stopped; updates under way go on at the next start");
	/* What was put up with on the way may have left its error. */
	if (status != 0 && err.kind != OTA_ERROR_NONE)
		log_error(NULL, "%s", err.text);
	close_all(&otad);
	return status;
}
