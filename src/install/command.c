#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "installation.h"

enum quote {
	QUOTE_NONE,
	QUOTE_SINGLE,
	QUOTE_DOUBLE,
};

static void put_file(FILE *out, enum quote quote)
{
	switch (quote) {
	case QUOTE_NONE:
		fputs("\"${1}\"", out);
		break;
	case QUOTE_SINGLE:
		fputs("'\"${1}\"'", out);
		break;
	case QUOTE_DOUBLE:
		fputs("${1}", out);
		break;
	}
}

static enum quote after(enum quote quote, char c)
{
	if (c == '\'' && quote != QUOTE_DOUBLE)
		return quote == QUOTE_SINGLE ? QUOTE_NONE : QUOTE_SINGLE;
	if (c == '"' && quote != QUOTE_SINGLE)
		return quote == QUOTE_DOUBLE ? QUOTE_NONE : QUOTE_DOUBLE;
	return quote;
}

static bool names_file(const char *shell)
{
	static const char *const ways[] = { "%f", "OTA_ARTIFACT", "$1", "${1",
					    "$@", "$*" };

	for (size_t i = 0; i < OTA_ARRAY_SIZE(ways); i++)
		if (strstr(shell, ways[i]))
			return true;
	return false;
}

static void put_script(FILE *out, const char *shell)
{
	enum quote quote = QUOTE_NONE;

	for (const char *at = shell; *at; at++) {
		if (at[0] == '%' && at[1] == 'f') {
			put_file(out, quote);
			at++;
		} else if (at[0] == '\\' && at[1] && quote != QUOTE_SINGLE) {
			fputc(*at++, out);
			fputc(*at, out);
		} else {
			quote = after(quote, *at);
			fputc(*at, out);
		}
	}
	if (!names_file(shell))
		fputs(" \"${1}\"", out);
}

char *command_script(const char *shell)
{
	char *script = NULL;
	size_t size;
	FILE *out = open_memstream(&script, &size);

	if (!out)
		return NULL;
	put_script(out, shell);
	if (fclose(out) != 0) {
		free(script);
		return NULL;
	}
	return script;
}

static void on_exit_of_command(struct process *process,
			       const struct process_result *result,
			       void *user_data)
{
	struct installation *in = user_data;
	struct ota_error err = OTA_ERROR_INIT;
	bool ok = process_result_check(result, in->command_name,
				       in->command_kind, &err);

	in->process = process_free(process);
	in->command_next(in, ok ? NULL : &err);
}

static void begin(struct installation *in, const char *key,
		  enum ota_error_kind kind, install_next_fn next)
{
	snprintf(in->command_name, sizeof(in->command_name), "%s of %s", key,
		 in->title);
	in->command_kind = kind;
	in->command_next = next;
}

static bool start(struct installation *in, const struct command *command,
		  struct ota_error *err)
{
	OTA_CLEANUP(environment_freep) struct environment *environment =
		environment_of(in, command->file, err);
	OTA_CLEANUP(freep) char *script =
		command->takes_file ? command_script(command->shell) :
				      strdup(command->shell);
	const char *argv[] = { "/bin/sh", "-c", script, "sh", command->file,
			       NULL };

	if (!environment)
		return false;
	if (!script)
		return ota_fail_memory(err, "starting a program");
	return installation_spawn(in, argv, environment, in->command_name, NULL,
				  on_exit_of_command, err);
}

void command_run(struct installation *in, const struct command *command,
		 install_next_fn next)
{
	struct ota_error err;

	begin(in, command->key, command->kind, next);
	if (!start(in, command, &err))
		next(in, &err);
}

void command_check(struct installation *in, install_next_fn next)
{
	struct command command = {
		.key = "Check=",
		.shell = in->settings->check,
		.file = in->target.staged,
		.takes_file = true,
		.kind = OTA_ERROR_INSTALL_FAILED,
	};

	if (in->settings->check)
		command_run(in, &command, next);
	else
		next(in, NULL);
}

void command_systemctl(struct installation *in, const char *verb,
		       install_next_fn next)
{
	const char *argv[] = { "systemctl", verb, in->settings->service, NULL };
	char key[192];
	struct ota_error err;

	snprintf(key, sizeof(key), "systemctl %s %s", verb,
		 in->settings->service);
	begin(in, key, OTA_ERROR_RESTART_FAILED, next);
	if (!installation_spawn(in, argv, NULL, in->command_name, NULL,
				on_exit_of_command, &err)) {
		err.kind = OTA_ERROR_RESTART_FAILED;
		next(in, &err);
	}
}
