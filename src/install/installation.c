#include "otad/install/installer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "otad/base/loop.h"
#include "otad/model/offer.h"

#include "environment.h"
#include "installation.h"

static const struct installer_ops *find_ops(enum installer_type type)
{
	switch (type) {
	case INSTALLER_SELF:
		return &self_installer;
	case INSTALLER_BINARY:
		return &binary_installer;
	case INSTALLER_CONFIG:
		return &config_installer;
	case INSTALLER_EXEC:
		return &exec_installer;
	case INSTALLER_ARCHIVE:
	case INSTALLER_SLOT:
	case INSTALLER_TYPE_COUNT:
		break;
	}
	return NULL;
}

const char *install_step_name(enum install_step step)
{
	static const char *const names[] = {
		[INSTALL_BACKUP] = "backup",
		[INSTALL_STAGE] = "stage",
		[INSTALL_CHECK] = "check",
		[INSTALL_SWAP] = "swap",
		[INSTALL_ACTIVATE] = "activate",
		[INSTALL_CONFIRM] = "confirm",
		[INSTALL_ROLL_BACK] = "roll back",
		[INSTALL_CLEAN] = "clean",
	};

	return (unsigned)step < OTA_ARRAY_SIZE(names) ? names[step] : "";
}

bool installer_restarts_self(enum installer_type type)
{
	return type == INSTALLER_SELF;
}

static install_step_fn find_step(const struct installer_ops *ops,
				 enum install_step step)
{
	switch (step) {
	case INSTALL_BACKUP:
		return ops->backup;
	case INSTALL_STAGE:
		return ops->stage;
	case INSTALL_CHECK:
		return ops->check;
	case INSTALL_SWAP:
		return ops->swap;
	case INSTALL_ACTIVATE:
		return ops->activate;
	case INSTALL_CONFIRM:
		return ops->confirm;
	case INSTALL_ROLL_BACK:
		return ops->roll_back;
	case INSTALL_CLEAN:
		return ops->clean;
	case INSTALL_STEP_COUNT:
		break;
	}
	return NULL;
}

static void on_turn(struct loop_source *source, void *user_data)
{
	struct installation *in = user_data;
	struct ota_error result = in->result;

	/* A defer source also runs once by itself after it was made. */
	if (!in->ended)
		return;
	in->ended = in->running = false;
	in->on_done(in, in->step,
		    result.kind == OTA_ERROR_NONE ? NULL : &result,
		    in->user_data);
}

/* Lets go of whatever the running step waits for. */
static void stop_waiting(struct installation *in)
{
	in->process = process_free(in->process);
	in->copy = copy_free(in->copy);
	in->timer = loop_source_free(in->timer);
	in->awaits_online = false;
}

/* Under systemd it is the service's sandbox that says so: who would guess? */
static void explain_read_only(struct installation *in)
{
	if (in->result.sys_errno == EROFS && in->settings->path)
		ota_wrap(&in->result,
			 "%s is read-only for otad (under systemd: "
			 "ReadWritePaths= in a drop-in, see otad(8))",
			 in->settings->path);
}

void installation_end(struct installation *in, const struct ota_error *err)
{
	assert(in->running && !in->ended);
	ota_error_clear(&in->result);
	if (err)
		in->result = *err;
	explain_read_only(in);
	stop_waiting(in);
	in->ended = true;
	loop_defer_again(in->turn);
}

bool installation_spawn(struct installation *in, const char *const *argv,
			const struct environment *environment, const char *name,
			process_line_fn on_line, process_exit_fn on_exit,
			struct ota_error *err)
{
	struct process_request request = {
		.argv = argv,
		.env = environment ? environment_list(environment) : NULL,
		.name = name,
		.timeout_ms = in->settings->timeout_ms,
	};

	assert(!in->process);
	in->process = process_new(in->env->loop, &request, on_line, on_exit, in,
				  err);
	return in->process != NULL;
}

bool installation_wait(struct installation *in, uint64_t delay_ms,
		       void (*fn)(struct loop_source *timer, void *user_data),
		       struct ota_error *err)
{
	loop_source_free(in->timer);
	in->timer = loop_add_timer(in->env->loop, delay_ms, fn, in, err);
	return in->timer != NULL;
}

static bool copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

static char *make_title(const struct install_request *request)
{
	bool own = strcmp(request->device, DEVICE_SELF) == 0;
	char *title;

	if (asprintf(&title, "module %s%s%s", own ? "" : request->device,
		     own ? "" : "/", request->module) < 0)
		return NULL;
	return title;
}

static bool copy_request(struct installation *in,
			 const struct install_request *request)
{
	in->settings = module_settings_ref(request->settings);
	in->size_bytes = request->size_bytes;
	in->digest = request->digest;
	in->artifact_shared = request->artifact_shared;
	in->artifact_fresh = request->artifact_fresh;
	in->title = make_title(request);
	return in->title && copy_text(&in->device, request->device) &&
	       copy_text(&in->module, request->module) &&
	       copy_text(&in->version, request->version) &&
	       copy_text(&in->old_version, request->old_version) &&
	       copy_text(&in->job, request->job) &&
	       copy_text(&in->artifact, request->artifact);
}

struct installation *installation_new(const struct install_env *env,
				      const struct install_request *request,
				      install_done_fn on_done,
				      install_progress_fn on_progress,
				      void *user_data, struct ota_error *err)
{
	enum installer_type type = request->settings->type;
	const struct installer_ops *ops = find_ops(type);
	OTA_CLEANUP(installation_freep) struct installation *in = NULL;

	if (!ops) {
		ota_fail(err, OTA_ERROR_INCOMPATIBLE,
			 "module %s: this otad has no installer for Type=%s",
			 request->module, installer_type_name(type));
		return NULL;
	}
	in = calloc(1, sizeof(*in));
	if (!in || !copy_request(in, request)) {
		ota_fail_memory(err, "installing");
		return NULL;
	}
	in->ops = ops;
	in->env = env;
	in->on_done = on_done;
	in->on_progress = on_progress;
	in->user_data = user_data;
	if (!ops->prepare(in, err))
		return NULL;
	in->turn = loop_add_defer(env->loop, on_turn, in, err);
	return in->turn ? OTA_TAKE(in) : NULL;
}

struct installation *installation_free(struct installation *in)
{
	if (!in)
		return NULL;
	stop_waiting(in);
	loop_source_free(in->turn);
	target_done(&in->target);
	module_settings_unref(in->settings);
	free(in->device);
	free(in->module);
	free(in->version);
	free(in->old_version);
	free(in->job);
	free(in->artifact);
	free(in->title);
	free(in);
	return NULL;
}

void installation_run(struct installation *in, enum install_step step)
{
	install_step_fn begin = find_step(in->ops, step);
	struct ota_error err;

	assert(!in->running);
	in->step = step;
	in->running = true;
	in->trouble[0] = '\0';
	if (!begin)
		installation_end(in, NULL);
	else if (install_record_read(in, &err))
		begin(in);
	else
		installation_end(in, &err);
}

void installation_cancel(struct installation *in)
{
	struct ota_error err;

	if (!in->running || in->ended)
		return;
	/* What goes on elsewhere, as our own execv(2), cannot be stopped. */
	if (!in->process && !in->copy && !in->timer && !in->awaits_online)
		return;
	ota_fail(&err, OTA_ERROR_CANCELLED, "%s of %s was cancelled",
		 install_step_name(in->step), in->title);
	installation_end(in, &err);
}

enum install_found installation_inspect(struct installation *in,
					struct ota_error *why)
{
	ota_error_clear(why);
	/* No record at all is one of a target that nobody touched. */
	if (!install_record_read(in, why))
		return INSTALL_FOUND_UNKNOWN;
	return in->ops->inspect(in, why);
}

void installation_online(struct installation *in)
{
	in->online = true;
	if (in->ops->online)
		in->ops->online(in);
}

bool installation_has_backup(const struct installation *in)
{
	return in->ops->has_backup(in);
}

const char *installation_trouble(const struct installation *in)
{
	return in->trouble[0] ? in->trouble : NULL;
}
