#include "fake/installer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"
#include "otad/base/loop.h"
#include "otad/model/offer.h"

#define MAX_PLACES 128
#define TRACE_SIZE 8192

/* The disk, as far as one module goes. */
struct place {
	char name[160];
	enum install_found found;
	bool has_backup;
};

struct installation {
	const struct install_env *env;
	struct place *place;
	char *device, *artifact;
	bool shared, fresh;
	enum installer_type type;
	install_done_fn on_done;
	void *user_data;
	struct loop_source *turn;
	enum install_step step;
	bool running, online, awaits_online, awaits_exec;
	TAILQ_ENTRY(installation) link;
};

struct version_query {
	version_query_fn done;
	void *user_data;
	struct loop_source *turn;
	TAILQ_ENTRY(version_query) link;
};

static struct {
	struct place places[MAX_PLACES];
	unsigned n_places;
	bool held[INSTALL_STEP_COUNT];
	enum ota_error_kind fails[INSTALL_STEP_COUNT];
	const char *texts[INSTALL_STEP_COUNT];
	enum ota_error_kind refuse;
	const char *trouble;
	char trace[TRACE_SIZE];
	bool shared, fresh;
	const char *version;
	bool queries_held;
	TAILQ_HEAD(, installation) installations;
	TAILQ_HEAD(, version_query) queries;
} fake = {
	.installations = TAILQ_HEAD_INITIALIZER(fake.installations),
	.queries = TAILQ_HEAD_INITIALIZER(fake.queries),
};

void fake_installer_reset(void)
{
	assert_true(TAILQ_EMPTY(&fake.installations));
	assert_true(TAILQ_EMPTY(&fake.queries));
	memset(&fake, 0, sizeof(fake));
	TAILQ_INIT(&fake.installations);
	TAILQ_INIT(&fake.queries);
}

/* ---- what the test says ---- */

static struct place *place_of(const char *device, const char *module)
{
	char name[sizeof(fake.places[0].name)];

	snprintf(name, sizeof(name), "%s/%s", device, module);
	for (unsigned i = 0; i < fake.n_places; i++)
		if (strcmp(fake.places[i].name, name) == 0)
			return &fake.places[i];
	assert_true(fake.n_places < MAX_PLACES);
	strcpy(fake.places[fake.n_places].name, name);
	return &fake.places[fake.n_places++];
}

void fake_installer_hold(enum install_step step, bool hold)
{
	fake.held[step] = hold;
}

void fake_installer_fail(enum install_step step, enum ota_error_kind kind,
			 const char *text)
{
	fake.fails[step] = kind;
	fake.texts[step] = text;
}

void fake_installer_refuse(enum ota_error_kind kind)
{
	fake.refuse = kind;
}

void fake_installer_set_trouble(const char *text)
{
	fake.trouble = text;
}

void fake_installer_set_found(const char *device, const char *module,
			      enum install_found found)
{
	place_of(device, module)->found = found;
}

enum install_found fake_installer_found(const char *device, const char *module)
{
	return place_of(device, module)->found;
}

void fake_installer_set_backup(const char *device, const char *module,
			       bool there)
{
	place_of(device, module)->has_backup = there;
}

const char *fake_installer_trace(void)
{
	return fake.trace;
}

void fake_installer_forget_trace(void)
{
	fake.trace[0] = '\0';
}

bool fake_installer_was_shared(void)
{
	return fake.shared;
}

bool fake_installer_was_fresh(void)
{
	return fake.fresh;
}

unsigned fake_installer_running(void)
{
	struct installation *in;
	unsigned count = 0;

	TAILQ_FOREACH(in, &fake.installations, link)
		count += in->running;
	return count;
}

void fake_installer_tell_version(const char *version)
{
	fake.version = version;
}

void fake_installer_hold_queries(bool hold)
{
	fake.queries_held = hold;
}

unsigned fake_installer_queries(void)
{
	struct version_query *query;
	unsigned count = 0;

	TAILQ_FOREACH(query, &fake.queries, link)
		count++;
	return count;
}

bool fake_installer_answer_query(const char *version)
{
	struct version_query *query = TAILQ_FIRST(&fake.queries);

	if (query)
		query->done(query->user_data, version, NULL);
	return query;
}

/* ---- installations ---- */

const char *install_step_name(enum install_step step)
{
	static const char *const names[] = {
		[INSTALL_BACKUP] = "backup",	  [INSTALL_STAGE] = "stage",
		[INSTALL_CHECK] = "check",	  [INSTALL_SWAP] = "swap",
		[INSTALL_ACTIVATE] = "activate",  [INSTALL_CONFIRM] = "confirm",
		[INSTALL_ROLL_BACK] = "roll-back", [INSTALL_CLEAN] = "clean",
	};

	return names[step];
}

bool installer_restarts_self(enum installer_type type)
{
	return type == INSTALLER_SELF;
}

static void note(const struct installation *in)
{
	bool own = strcmp(in->device, DEVICE_SELF) == 0;
	size_t length = strlen(fake.trace);

	snprintf(fake.trace + length, TRACE_SIZE - length, "%s%s%s%s",
		 length ? " " : "", own ? "" : in->device, own ? "" : ":",
		 install_step_name(in->step));
}

static void end(struct installation *in, enum ota_error_kind kind,
		const char *text)
{
	struct ota_error err = OTA_ERROR_INIT;

	in->running = in->awaits_online = in->awaits_exec = false;
	if (kind == OTA_ERROR_NONE) {
		in->on_done(in, in->step, NULL, in->user_data);
		return;
	}
	ota_fail(&err, kind, "%s", text);
	in->on_done(in, in->step, &err, in->user_data);
}

bool fake_installer_end(enum ota_error_kind kind, const char *text)
{
	struct installation *in;

	TAILQ_FOREACH(in, &fake.installations, link)
		if (in->running)
			break;
	if (in)
		end(in, kind, text);
	return in;
}

static void reexec_failed(void *installation, const struct ota_error *err)
{
	struct installation *in = installation;

	assert_true(in->awaits_exec);
	end(in, OTA_ERROR_RESTART_FAILED, err->text);
}

/* What the step leaves behind. */
static bool do_step(struct installation *in)
{
	switch (in->step) {
	case INSTALL_BACKUP:
		in->place->has_backup = true;
		break;
	case INSTALL_STAGE:
		fake.shared = in->shared;
		fake.fresh = in->fresh;
		if (!in->artifact || access(in->artifact, R_OK) < 0)
			return false;
		if (!in->shared && in->type != INSTALLER_EXEC)
			unlink(in->artifact);
		break;
	case INSTALL_SWAP:
		in->place->found = INSTALL_FOUND_SWAPPED;
		break;
	case INSTALL_ROLL_BACK:
		in->place->found = INSTALL_FOUND_UNTOUCHED;
		break;
	case INSTALL_CLEAN:
		in->place->found = INSTALL_FOUND_UNTOUCHED;
		break;
	case INSTALL_CHECK:
	case INSTALL_ACTIVATE:
	case INSTALL_CONFIRM:
	case INSTALL_STEP_COUNT:
		break;
	}
	return true;
}

static void go_on(struct installation *in)
{
	bool self = in->type == INSTALLER_SELF;

	if (fake.fails[in->step] != OTA_ERROR_NONE) {
		end(in, fake.fails[in->step], fake.texts[in->step]);
	} else if (!do_step(in)) {
		end(in, OTA_ERROR_INSTALL_FAILED, "the artifact is gone");
	} else if (self && in->step == INSTALL_ACTIVATE) {
		in->awaits_exec = true;
		in->env->reexec(in->env->user_data, in->env->self.path,
				reexec_failed, in);
	} else if (self && in->step == INSTALL_CONFIRM && !in->online) {
		in->awaits_online = true;
	} else {
		end(in, OTA_ERROR_NONE, NULL);
	}
}

static void on_turn(struct loop_source *source, void *user_data)
{
	struct installation *in = user_data;

	if (in->running && !fake.held[in->step])
		go_on(in);
}

static struct installation *running_of(const char *device, const char *module)
{
	const struct place *place = place_of(device, module);
	struct installation *in;

	TAILQ_FOREACH(in, &fake.installations, link)
		if (in->running && in->place == place)
			break;
	return in;
}

bool fake_installer_go_on(const char *device, const char *module)
{
	struct installation *in = running_of(device, module);

	if (in)
		go_on(in);
	return in;
}

bool fake_installer_give_up(const char *device, const char *module,
			    enum ota_error_kind kind, const char *text)
{
	struct installation *in = running_of(device, module);

	if (in)
		end(in, kind, text);
	return in;
}

enum install_step fake_installer_step(const char *device, const char *module)
{
	const struct installation *in = running_of(device, module);

	return in ? in->step : INSTALL_STEP_COUNT;
}

struct installation *installation_new(const struct install_env *env,
				      const struct install_request *request,
				      install_done_fn on_done,
				      install_progress_fn on_progress,
				      void *user_data, struct ota_error *err)
{
	struct installation *in;

	if (fake.refuse != OTA_ERROR_NONE) {
		ota_fail(err, fake.refuse, "the fake has no such installer");
		return NULL;
	}
	in = calloc(1, sizeof(*in));
	assert_non_null(in);
	in->env = env;
	in->place = place_of(request->device, request->module);
	in->device = strdup(request->device);
	in->artifact = request->artifact ? strdup(request->artifact) : NULL;
	/* By what else would an installer know it? */
	assert_true(!in->artifact || request->digest.alg != DIGEST_NONE);
	in->shared = request->artifact_shared;
	in->fresh = request->artifact_fresh;
	in->type = request->settings->type;
	in->on_done = on_done;
	in->user_data = user_data;
	TAILQ_INSERT_TAIL(&fake.installations, in, link);
	in->turn = loop_add_defer(env->loop, on_turn, in, err);
	return in->turn ? in : installation_free(in);
}

struct installation *installation_free(struct installation *in)
{
	if (!in)
		return NULL;
	TAILQ_REMOVE(&fake.installations, in, link);
	loop_source_free(in->turn);
	free(in->device);
	free(in->artifact);
	free(in);
	return NULL;
}

void installation_run(struct installation *in, enum install_step step)
{
	assert_false(in->running);
	in->step = step;
	in->running = true;
	note(in);
	loop_defer_again(in->turn);
}

void installation_cancel(struct installation *in)
{
	if (in->running)
		end(in, OTA_ERROR_CANCELLED, "cancelled");
}

enum install_found installation_inspect(struct installation *in,
					struct ota_error *why)
{
	ota_error_clear(why);
	if (in->place->found == INSTALL_FOUND_ROLLED_BACK)
		ota_fail(why, OTA_ERROR_HEALTH_CHECK_FAILED,
			 "started too often");
	return in->place->found;
}

void installation_online(struct installation *in)
{
	in->online = true;
	if (in->awaits_online)
		loop_defer_again(in->turn);
}

const char *installation_trouble(const struct installation *in)
{
	return fake.trouble;
}

bool installation_has_backup(const struct installation *in)
{
	return in->place->has_backup;
}

/* ---- versions ---- */

static void on_query_turn(struct loop_source *source, void *user_data)
{
	struct version_query *query = user_data;

	if (!fake.queries_held)
		query->done(query->user_data, fake.version, NULL);
}

struct version_query *version_query_new(const struct install_env *env,
					const char *device,
					struct module_settings *settings,
					version_query_fn done, void *user_data,
					struct ota_error *err)
{
	struct version_query *query;

	if (fake.refuse != OTA_ERROR_NONE) {
		ota_fail(err, fake.refuse, "the fake has no such handler");
		return NULL;
	}
	query = calloc(1, sizeof(*query));
	assert_non_null(query);
	query->done = done;
	query->user_data = user_data;
	TAILQ_INSERT_TAIL(&fake.queries, query, link);
	query->turn = loop_add_defer(env->loop, on_query_turn, query, err);
	return query->turn ? query : version_query_free(query);
}

struct version_query *version_query_free(struct version_query *query)
{
	if (!query)
		return NULL;
	TAILQ_REMOVE(&fake.queries, query, link);
	loop_source_free(query->turn);
	free(query);
	return NULL;
}
