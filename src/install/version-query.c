#include "otad/install/installer.h"

#include <stdlib.h>

#include "otad/base/file.h"
#include "otad/base/loop.h"
#include "otad/base/process.h"
#include "otad/base/version.h"

#include "environment.h"
#include "handler.h"

#define VERSION_NAME "handler \"version\""

/* A version and, where people add one, a comment below it. */
#define VERSION_FILE_MAX_BYTES 4096

struct version_query {
	struct module_settings *settings; /* a reference */
	struct loop_source *answer;	  /* for what is known at once */
	struct process *process;	  /* a handler that is being asked */
	char version[VERSION_MAX_BYTES + 1]; /* "": none yet */
	bool has_line;
	version_query_fn done;
	void *user_data;
};

static void tell(struct version_query *query, const struct ota_error *why)
{
	query->done(query->user_data,
		    query->version[0] ? query->version : NULL, why);
}

static void on_answer(struct loop_source *source, void *user_data)
{
	tell(user_data, NULL);
}

static void on_line(struct process *process, const char *line, void *user_data)
{
	struct version_query *query = user_data;

	if (!query->has_line)
		handler_parse_version(line, query->version);
	query->has_line = true;
}

static void on_handler_exit(struct process *process,
			    const struct process_result *result,
			    void *user_data)
{
	struct version_query *query = user_data;
	struct ota_error why;
	bool ok = handler_check(result, VERSION_NAME, true,
				OTA_ERROR_INSTALL_FAILED, &why);

	/* What a failing handler has printed may be anything. */
	if (!ok || result->exit_status != 0)
		query->version[0] = '\0';
	else if (!query->version[0])
		ok = ota_fail(&why, OTA_ERROR_INSTALL_FAILED,
			      VERSION_NAME " printed no version in its first line");
	query->process = process_free(process);
	tell(query, ok ? NULL : &why);
}

static bool ask_handler(struct version_query *query,
			const struct install_env *env, const char *device,
			struct ota_error *err)
{
	struct environment_facts facts = {
		.device = device,
		.module = query->settings->name,
		.state_dir = env->state_dir,
	};
	OTA_CLEANUP(environment_freep) struct environment *environment =
		environment_new(&facts, err);
	const char *argv[] = { query->settings->handler, "version", NULL };
	struct process_request request = {
		.argv = argv,
		.name = VERSION_NAME,
		.timeout_ms = query->settings->timeout_ms,
	};

	if (!environment)
		return false;
	request.env = environment_list(environment);
	query->process = process_new(env->loop, &request, on_line,
				     on_handler_exit, query, err);
	return query->process != NULL;
}

static void read_version_file(struct version_query *query)
{
	OTA_CLEANUP(freep) char *text = NULL;
	size_t size;

	text = file_read(query->settings->version_file, VERSION_FILE_MAX_BYTES,
			 &size, NULL);
	if (text)
		handler_parse_version(text, query->version);
}

static bool ask(struct version_query *query, const struct install_env *env,
		const char *device, struct ota_error *err)
{
	enum installer_type type = query->settings->type;

	if (type == INSTALLER_EXEC && query->settings->handler &&
	    !query->settings->version_file)
		return ask_handler(query, env, device, err);
	if (type == INSTALLER_SELF)
		handler_parse_version(env->self.version, query->version);
	else if (query->settings->version_file)
		read_version_file(query);
	query->answer = loop_add_defer(env->loop, on_answer, query, err);
	return query->answer != NULL;
}

struct version_query *version_query_new(const struct install_env *env,
					const char *device,
					struct module_settings *settings,
					version_query_fn done, void *user_data,
					struct ota_error *err)
{
	struct version_query *query = calloc(1, sizeof(*query));

	if (!query) {
		ota_fail_memory(err, "asking for a version");
		return NULL;
	}
	query->settings = module_settings_ref(settings);
	query->done = done;
	query->user_data = user_data;
	if (!ask(query, env, device, err))
		return version_query_free(query);
	return query;
}

struct version_query *version_query_free(struct version_query *query)
{
	if (!query)
		return NULL;
	loop_source_free(query->answer);
	process_free(query->process);
	module_settings_unref(query->settings);
	free(query);
	return NULL;
}
