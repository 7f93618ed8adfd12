#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "otactl.h"

static const struct ctl_option rows[] = {
	{ OPTION_URL, "url", 0, "URL", "where the artifact is (http or https)" },
	{ OPTION_VERSION, "version", 0, "VERSION", "the version it is" },
	{ OPTION_SHA256, "sha256", 0, "HEX", "its SHA-256" },
	{ OPTION_MD5, "md5", 0, "HEX", "its MD5, where there is no SHA-256" },
	{ OPTION_SIZE, "size", 0, "SIZE", "its size: 1234, 512K, 20M, 1G" },
	{ OPTION_FORCE, "force", 'f', NULL, "now, whatever Auto= and Window= say" },
	{ OPTION_UNTIL, "until", 'u', "TIME", "release by itself then" },
	{ OPTION_COUNT, "lines", 'n', "N", "how many, 1 to 500 (default 20)" },
	{ OPTION_CLASS, "class", 'c', "CLASS", "its class, as configured" },
	{ OPTION_WAIT, "wait", 'w', NULL,
	  "stay until the job ends; exit 0 if it succeeded" },
	{ OPTION_DEVICE, "device", 'd', "DEVICE",
	  "a device behind the gateway (default: the gateway)" },
	{ OPTION_JSON, "json", 'j', NULL, "one JSON document, or one per line" },
	{ OPTION_SOCKET, "socket", 's', "PATH", "the control socket of otad" },
	{ OPTION_HELP, "help", 'h', NULL, "show this help" },
	{ OPTION_PRINT_VERSION, "version", 'V', NULL, "show the version of otactl" },
	/* For the completions of shells alone: no help shows it. */
	{ OPTION_COMPLETE, "complete", 0, NULL, NULL },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void set(struct ctl_options *options, unsigned bit, const char *value)
{
	switch (bit) {
	case OPTION_DEVICE:
		options->device = value;
		break;
	case OPTION_JSON:
		options->json = true;
		break;
	case OPTION_SOCKET:
		options->socket = value;
		break;
	case OPTION_HELP:
		options->help = true;
		break;
	case OPTION_PRINT_VERSION:
		options->print_version = true;
		break;
	case OPTION_COMPLETE:
		options->complete = true;
		break;
	case OPTION_WAIT:
		options->wait = true;
		break;
	case OPTION_URL:
		options->url = value;
		break;
	case OPTION_VERSION:
		options->version = value;
		break;
	case OPTION_SHA256:
		options->sha256 = value;
		break;
	case OPTION_MD5:
		options->md5 = value;
		break;
	case OPTION_SIZE:
		options->size = value;
		break;
	case OPTION_FORCE:
		options->force = true;
		break;
	case OPTION_UNTIL:
		options->until = value;
		break;
	case OPTION_COUNT:
		options->count = value;
		break;
	case OPTION_CLASS:
		options->class_name = value;
		break;
	}
}

/* The two shapes that getopt_long(3) wants of the rows in `allowed`. */
static void make_tables(unsigned allowed, bool stop_at_command,
			struct option *ret_long, char *ret_short)
{
	if (stop_at_command)
		*ret_short++ = '+';
	*ret_short++ = ':';
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!(allowed & rows[i].bit))
			continue;
		*ret_long++ = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].argument ? required_argument :
						      no_argument,
			/* beyond every letter */
			.val = 256 + (int)i,
		};
		if (!rows[i].letter)
			continue;
		*ret_short++ = rows[i].letter;
		if (rows[i].argument)
			*ret_short++ = ':';
	}
	*ret_long = (struct option){ 0 };
	*ret_short = '\0';
}

static const struct ctl_option *find_row(int value, unsigned allowed)
{
	if (value >= 256)
		return &rows[value - 256];
	for (size_t i = 0; i < N_ROWS; i++) {
		if ((allowed & rows[i].bit) && rows[i].letter == value)
			return &rows[i];
	}
	return NULL;
}

const struct ctl_option *ctl_option_at(size_t index)
{
	return index < N_ROWS ? &rows[index] : NULL;
}

static void complain(int result, char **argv, const char *command)
{
	const char *word = argv[optind - 1];
	char letter[3] = { '-', (char)optopt, '\0' };

	/* A letter may stand among several: optopt alone names it. */
	if (optopt > 0 && optopt < 256)
		word = letter;
	if (result == ':')
		ctl_complain("option '%s' needs a value", word);
	else
		ctl_complain("unknown option '%s'", word);
	fprintf(stderr, "Try 'otactl %s%s--help'.\n", command ? command : "",
		command ? " " : "");
}

int ctl_options_parse(int argc, char **argv, unsigned allowed,
		      bool stop_at_command, const char *command,
		      struct ctl_options *options)
{
	struct option long_options[N_ROWS + 1];
	char short_options[3 + 2 * N_ROWS];
	int result;

	if (stop_at_command)
		allowed |= OPTION_COMPLETE;
	make_tables(allowed, stop_at_command, long_options, short_options);
	opterr = 0;
	optind = 0; /* glibc starts anew, with these tables */
	while ((result = getopt_long(argc, argv, short_options, long_options,
				     NULL)) != -1) {
		const struct ctl_option *row =
			result == '?' || result == ':' ? NULL :
							 find_row(result, allowed);

		if (!row) {
			complain(result, argv, command);
			return -1;
		}
		set(options, row->bit, optarg);
	}
	return optind;
}

static void print_option(const struct ctl_option *row)
{
	char left[40];
	char letter[5] = "    ";

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name,
		 row->argument ? " " : "", row->argument ? row->argument : "");
	printf("  %-23s %s\n", left, row->help);
}

static void print_options(unsigned allowed)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if ((allowed & rows[i].bit) && rows[i].help)
			print_option(&rows[i]);
	}
}

/* How much of `name` is its group with the space: "device " of "device add". */
static size_t group_size(const char *name)
{
	const char *space = strchr(name, ' ');

	return space ? (size_t)(space - name) + 1 : 0;
}

/* The commands of one group share a line. Returns the last of them. */
static const struct ctl_command *print_group(const struct ctl_command *first)
{
	size_t size = group_size(first->name);
	const struct ctl_command *last = first;
	char left[64];

	snprintf(left, sizeof(left), "%s", first->name);
	while (last[1].name && strncmp(last[1].name, first->name, size) == 0) {
		size_t used = strlen(left);

		last++;
		snprintf(left + used, sizeof(left) - used, "|%s",
			 last->name + size);
	}
	printf("  %-24s %s\n", left, first->summary);
	return last;
}

static void print_command(const struct ctl_command *command)
{
	char left[64];

	snprintf(left, sizeof(left), "%s%s%s", command->name,
		 *command->arguments ? " " : "", command->arguments);
	printf("  %-24s %s\n", left, command->summary);
}

void ctl_help(void)
{
	printf("Usage: otactl [OPTION...] COMMAND [ARGUMENT...]\n"
	       "Ask and tell otad, the update daemon. More: otactl COMMAND --help, man otactl.\n\n");
	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		if (group_size(c->name) > 0)
			c = print_group(c);
		else
			print_command(c);
	}
	printf("\n");
	print_options(OPTIONS_GLOBAL);
	printf("Exit status: 0 done, 1 refused or failed, 2 usage, 3 no daemon.\n");
}

void ctl_help_command(const struct ctl_command *command)
{
	printf("Usage: otactl %s%s%s [OPTION...]\n%s.\n\n", command->name,
	       *command->arguments ? " " : "", command->arguments,
	       command->summary);
	if (command->details)
		printf("%s\n", command->details);
	print_options(command->options | OPTIONS_COMMON);
}

#define MAX_COMMAND_BYTES 32

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * How many letters must be changed, left out, put in or swapped with the next
 * one to make one word of the other.
 */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[MAX_COMMAND_BYTES + 1][MAX_COMMAND_BYTES + 1];
	size_t m = strlen(a);
	size_t n = strlen(b);

	if (m > MAX_COMMAND_BYTES || n > MAX_COMMAND_BYTES)
		return MAX_COMMAND_BYTES;
	for (size_t i = 0; i <= m; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= n; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++) {
		for (size_t j = 1; j <= n; j++) {
			bool same = a[i - 1] == b[j - 1];

			d[i][j] = least(d[i - 1][j - 1] + !same,
					least(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[m][n];
}

const struct ctl_command *ctl_command_like(const char *name)
{
	const struct ctl_command *best = NULL;
	unsigned best_distance = 3; /* further is another word */

	for (const struct ctl_command *c = ctl_commands; c->name; c++) {
		unsigned d = distance(name, c->name);

		if (d < best_distance) {
			best = c;
			best_distance = d;
		}
	}
	return best;
}
