#include "problems.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A megabyte of nonsense is told as well by its first lines. */
#define PROBLEMS_MAX 100
/* Longer names are no slips of the pen. */
#define NEAR_MAX_LENGTH 32
#define NEAR_MAX_EDITS 2

void config_report_done(struct config_report *report)
{
	for (size_t i = 0; i < report->n_problems; i++) {
		free(report->problems[i].file);
		free(report->problems[i].text);
	}
	free(report->problems);
	*report = (struct config_report){ 0 };
}

bool problem_no_memory(struct problems *problems)
{
	problems->no_memory = true;
	problems->report->unreadable = true;
	return false;
}

bool problems_exist(const struct problems *problems)
{
	return problems->no_memory || problems->report->n_problems > 0;
}

/* Takes `text`. */
static void store_problem(struct problems *problems, const char *file,
			  unsigned line, char *text)
{
	struct config_report *report = problems->report;
	OTA_CLEANUP(freep) char *owned = text;
	OTA_CLEANUP(freep) char *file_copy = strdup(file);
	struct config_problem *grown;

	grown = reallocarray(report->problems, report->n_problems + 1,
			     sizeof(*grown));
	if (grown)
		report->problems = grown;
	if (!grown || !file_copy) {
		problem_no_memory(problems);
		return;
	}
	grown[report->n_problems++] = (struct config_problem){
		.file = OTA_TAKE(file_copy),
		.line = line,
		.text = OTA_TAKE(owned),
	};
}

void problem_add(struct problems *problems, const char *file, unsigned line,
		 const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	int length;

	if (problems->report->n_problems >= PROBLEMS_MAX)
		return;
	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		problem_no_memory(problems);
	else
		store_problem(problems, file, line, text);
}

void problem_add_error(struct problems *problems, const char *file,
		       unsigned line, const char *what,
		       const struct ota_error *err)
{
	if (err->kind == OTA_ERROR_INTERNAL)
		problem_no_memory(problems);
	else
		problem_add(problems, file, line, "%s: %s", what, err->text);
}

/* Levenshtein's distance, without regard to case; both within the limit. */
static unsigned count_edits(const char *a, const char *b)
{
	unsigned row[NEAR_MAX_LENGTH + 1];
	size_t length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < length; j++) {
			bool same = tolower((unsigned char)a[i]) ==
				    tolower((unsigned char)b[j]);
			unsigned best = diagonal + !same;

			diagonal = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[j + 1] = best;
		}
	}
	return row[length];
}

static const char *find_near(const struct choice *choice, const char *word)
{
	unsigned fewest = NEAR_MAX_EDITS + 1;
	const char *near = NULL;

	if (strlen(word) > NEAR_MAX_LENGTH)
		return NULL;
	for (size_t i = 0; i < choice->count; i++) {
		unsigned edits;

		if (strlen(choice->names[i]) > NEAR_MAX_LENGTH)
			continue;
		edits = count_edits(word, choice->names[i]);
		/* Two edits turn any word of two letters into any other. */
		if (edits < fewest && edits < strlen(word)) {
			fewest = edits;
			near = choice->names[i];
		}
	}
	return near;
}

char *choice_hint(const struct choice *choice, const char *word,
		  const char *prefix, const char *suffix)
{
	const char *near = find_near(choice, word);
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	bool failed;

	if (!stream)
		return NULL;
	if (near)
		fprintf(stream, "; did you mean %s%s%s? Expected", prefix, near,
			suffix);
	else
		fprintf(stream, "; expected");
	fprintf(stream, "%s", choice->count == 1 ? "" : " one of");
	for (size_t i = 0; i < choice->count; i++)
		fprintf(stream, "%s %s%s%s", i == 0 ? "" : ",", prefix,
			choice->names[i], suffix);
	failed = ferror(stream);
	if (fclose(stream) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
