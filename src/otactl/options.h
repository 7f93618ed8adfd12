#pragma once

/* Options and commands of otactl: one table for parsing, help and completion. */

#include <stdbool.h>
#include <stddef.h>

struct ctl;
struct ctl_options;

/* Bits of struct ctl_command.options. */
enum {
	OPTION_DEVICE = 1 << 0,
	OPTION_JSON = 1 << 1,
	OPTION_SOCKET = 1 << 2,
	OPTION_HELP = 1 << 3,
	OPTION_PRINT_VERSION = 1 << 4,
	OPTION_WAIT = 1 << 5,
	OPTION_URL = 1 << 6,
	OPTION_VERSION = 1 << 7,
	OPTION_SHA256 = 1 << 8,
	OPTION_MD5 = 1 << 9,
	OPTION_SIZE = 1 << 10,
	OPTION_FORCE = 1 << 11,
	OPTION_UNTIL = 1 << 12,
	OPTION_COUNT = 1 << 13,
	OPTION_CLASS = 1 << 14,
	OPTION_COMPLETE = 1 << 15,
};
/* What every command takes. */
#define OPTIONS_COMMON (OPTION_DEVICE | OPTION_JSON | OPTION_SOCKET | OPTION_HELP)
/* What stands in front of a command. */
#define OPTIONS_GLOBAL (OPTIONS_COMMON | OPTION_PRINT_VERSION)

struct ctl_option {
	unsigned bit;
	const char *name;
	char letter;	      /* 0: none */
	const char *argument; /* NULL: a flag */
	const char *help;     /* NULL: not for people */
};

/* One after the other, from 0 on; NULL: no more. */
const struct ctl_option *ctl_option_at(size_t index);

/* What a shell may offer for an argument. */
enum ctl_subject {
	CTL_SUBJECT_NONE,
	CTL_SUBJECT_MODULE,
	CTL_SUBJECT_DEVICE,
};

struct ctl_command {
	const char *name;      /* "device add" */
	const char *arguments; /* "MODULE", ""; as help shows them */
	const char *summary;
	const char *details; /* lines for its own help; NULL: none */
	unsigned options;    /* beside the common ones */
	enum ctl_subject subject;
	int min_args;
	int max_args;
	int (*run)(struct ctl *ctl);
};

/* Ends with name NULL. */
extern const struct ctl_command ctl_commands[];

/*
 * Reads the options in `allowed` out of argv[1] and on, into `options`.
 * `stop_at_command` ends at the first word that is no option; else options may
 * stand anywhere and the words are moved to the end. Returns the index of the
 * first word, or -1 after saying what was wrong (`command` NULL: in front of
 * any).
 */
int ctl_options_parse(int argc, char **argv, unsigned allowed,
		      bool stop_at_command, const char *command,
		      struct ctl_options *options);

/* On standard output. */
void ctl_help(void);
void ctl_help_command(const struct ctl_command *command);
/* "did you mean"; NULL when nothing is near. */
const struct ctl_command *ctl_command_like(const char *name);
