#include "otactl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "complete.h"
#include "options.h"
#include "text.h"

static void complain_va(const char *format, va_list args)
{
	OTA_CLEANUP(freep) char *raw = NULL;
	OTA_CLEANUP(freep) char *text = NULL;

	if (vasprintf(&raw, format, args) < 0)
		raw = NULL;
	else
		text = ctl_clean(raw);
	fflush(stdout);
	fprintf(stderr, "otactl: %s\n", text ? text : "out of memory");
}

void ctl_complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_va(format, args);
	va_end(args);
}

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain_va(format, args);
	va_end(args);
	fprintf(stderr, "Try 'otactl %s%s--help'.\n",
		ctl->command ? ctl->command : "", ctl->command ? " " : "");
	return CTL_USAGE;
}

int ctl_report(const struct ota_error *err)
{
	if (err->kind != OTA_ERROR_NETWORK && err->kind != OTA_ERROR_TIMEOUT) {
		ctl_complain("%s", err->text);
		return CTL_FAILED;
	}
	ctl_complain("%s; is otad running? See 'systemctl status otad'",
		     err->text);
	return CTL_NO_DAEMON;
}

static int unknown_command(const struct ctl *ctl, const char *words)
{
	const struct ctl_command *near = ctl_command_like(words);

	if (near)
		return ctl_usage(ctl, "unknown command '%s': did you mean '%s'?",
				 words, near->name);
	return ctl_usage(ctl, "unknown command '%s'", words);
}

/*
 * The command that begins at `words`: "device list" is one of two words.
 * `*ret_n_words` says how many it took.
 */
static const struct ctl_command *find_command(char **words, int n_words,
					      int *ret_n_words)
{
	char two[64];

	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		*ret_n_words = 1;
		if (strcmp(c->name, words[0]) == 0)
			return c;
		if (n_words < 2)
			continue;
		*ret_n_words = 2;
		snprintf(two, sizeof(two), "%s %s", words[0], words[1]);
		if (strcmp(c->name, two) == 0)
			return c;
	}
	return NULL;
}

/* "device list" is one of the commands of "device". */
static bool is_of_group(const struct ctl_command *command, const char *group)
{
	size_t size = strlen(group);

	return strncmp(command->name, group, size) == 0 &&
	       command->name[size] == ' ';
}

/* False: there is no such group. */
static bool help_group(const char *group)
{
	bool found = false;

	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		if (!is_of_group(c, group))
			continue;
		if (found)
			printf("\n");
		found = true;
		ctl_help_command(c);
	}
	return found;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* No command begins with `words`: what may have been meant? */
static int refuse_words(const struct ctl *ctl, char **words, int n_words)
{
	size_t size = strlen(words[0]);
	char names[128] = "";
	char two[64];

	if (n_words == 2 && asks_for_help(words[1]) && help_group(words[0]))
		return CTL_DONE;
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		size_t used = strlen(names);

		if (is_of_group(c, words[0]))
			snprintf(names + used, sizeof(names) - used, "%s%s",
				 used ? ", " : "", c->name + size + 1);
	}
	if (!*names)
		return unknown_command(ctl, words[0]);
	if (n_words == 1 || words[1][0] == '-')
		return ctl_usage(ctl, "'%s' needs one of: %s", words[0], names);
	snprintf(two, sizeof(two), "%s %s", words[0], words[1]);
	return unknown_command(ctl, two);
}

static int run_command(struct ctl *ctl, const struct ctl_command *command)
{
	if (ctl->options.help) {
		ctl_help_command(command);
		return CTL_DONE;
	}
	if (ctl->n_args < command->min_args)
		return ctl_usage(ctl, "'%s' needs a %s", command->name,
				 command->arguments);
	if (ctl->n_args > command->max_args)
		return ctl_usage(ctl, "'%s' does not take '%s'", command->name,
				 ctl->args[command->max_args]);
	return command->run(ctl);
}

/* Output that went nowhere is no success: scripts act on it. */
static int check_output(int result)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return result;
	ctl_complain("cannot write to standard output");
	return result == CTL_DONE ? CTL_FAILED : result;
}

static int run_words(struct ctl *ctl, int argc, char **argv, int first)
{
	const struct ctl_command *command;
	int n_words;
	int word;

	command = find_command(argv + first, argc - first, &n_words);
	if (!command)
		return refuse_words(ctl, argv + first, argc - first);
	ctl->command = command->name;
	/* What getopt_long(3) takes for the program's name is the command's. */
	argv += first + n_words - 1;
	argc -= first + n_words - 1;
	word = ctl_options_parse(argc, argv, command->options | OPTIONS_COMMON,
				 false, command->name, &ctl->options);
	if (word < 0)
		return CTL_USAGE;
	ctl->args = argv + word;
	ctl->n_args = argc - word;
	return run_command(ctl, command);
}

int otactl_main(int argc, char **argv)
{
	struct ctl ctl = { .patience_ms = CTL_CALL_MS };
	int first;

	ctl_screen_init(&ctl.screen);
	first = ctl_options_parse(argc, argv, OPTIONS_GLOBAL, true, NULL,
				  &ctl.options);
	if (first < 0)
		return CTL_USAGE;
	if (ctl.options.complete)
		return check_output(ctl_complete(&ctl, argv + first, argc - first));
	if (ctl.options.help) {
		ctl_help();
		return check_output(CTL_DONE);
	}
	if (ctl.options.print_version) {
		printf("otactl %s\n", OTAD_VERSION);
		return check_output(CTL_DONE);
	}
	if (first == argc)
		return ctl_usage(&ctl, "no command; 'otactl status' shows what runs");
	return check_output(run_words(&ctl, argc, argv, first));
}
