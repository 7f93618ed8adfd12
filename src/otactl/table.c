#include "table.h"

#include <stdio.h>
#include <stdlib.h>

#include "text.h"

#define GAP_COLUMNS 2
#define NOTE_INDENT 4

struct row {
	char **cells;
	char *note; /* NULL: none */
	enum ctl_colour colour;
};

struct ctl_table {
	const char *const *titles;
	size_t n_columns;
	struct row *rows;
	size_t n_rows;
	size_t capacity;
	bool out_of_memory;
};

struct ctl_table *ctl_table_new(const char *const *titles)
{
	struct ctl_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->titles = titles;
	while (titles[table->n_columns])
		table->n_columns++;
	return table;
}

static void row_done(struct row *row, size_t n_columns)
{
	for (size_t i = 0; row->cells && i < n_columns; i++)
		free(row->cells[i]);
	free(row->cells);
	free(row->note);
}

struct ctl_table *ctl_table_free(struct ctl_table *table)
{
	if (!table)
		return NULL;
	for (size_t i = 0; i < table->n_rows; i++)
		row_done(&table->rows[i], table->n_columns);
	free(table->rows);
	free(table);
	return NULL;
}

static bool make_room(struct ctl_table *table)
{
	size_t capacity = table->capacity ? 2 * table->capacity : 16;
	struct row *rows;

	if (table->n_rows < table->capacity)
		return true;
	rows = reallocarray(table->rows, capacity, sizeof(*rows));
	if (!rows)
		return false;
	table->rows = rows;
	table->capacity = capacity;
	return true;
}

static bool fill(struct row *row, size_t n_columns, const char *const *texts,
		 const char *note)
{
	row->cells = calloc(n_columns, sizeof(*row->cells));
	if (!row->cells)
		return false;
	for (size_t i = 0; i < n_columns; i++) {
		row->cells[i] = ctl_clean(texts[i] && *texts[i] ? texts[i] : "-");
		if (!row->cells[i])
			return false;
	}
	if (note && *note)
		row->note = ctl_clean(note);
	return !note || !*note || row->note;
}

bool ctl_table_add(struct ctl_table *table, const char *const *texts,
		   enum ctl_colour colour, const char *note)
{
	struct row row = { .colour = colour };

	if (!make_room(table) || !fill(&row, table->n_columns, texts, note)) {
		row_done(&row, table->n_columns);
		table->out_of_memory = true;
		return false;
	}
	table->rows[table->n_rows++] = row;
	return true;
}

static unsigned column_width(const struct ctl_table *table, size_t column)
{
	unsigned width = ctl_columns(table->titles[column]);

	for (size_t i = 0; i < table->n_rows; i++) {
		unsigned columns = ctl_columns(table->rows[i].cells[column]);

		if (columns > width)
			width = columns;
	}
	return width;
}

static void print_cells(const struct ctl_table *table, const unsigned *widths,
			char *const *cells)
{
	for (size_t i = 0; i + 1 < table->n_columns; i++)
		ctl_put_padded(stdout, cells[i], widths[i] + GAP_COLUMNS);
}

static void print_row(const struct ctl_table *table, const unsigned *widths,
		      const struct row *row, const struct ctl_screen *screen)
{
	print_cells(table, widths, row->cells);
	printf("%s%s%s\n", ctl_colour(screen, row->colour),
	       row->cells[table->n_columns - 1],
	       ctl_colour_end(screen, row->colour));
	if (row->note)
		ctl_put_wrapped(stdout, row->note, NOTE_INDENT, screen->columns);
}

bool ctl_table_print(const struct ctl_table *table,
		     const struct ctl_screen *screen)
{
	OTA_CLEANUP(freep) unsigned *widths =
		calloc(table->n_columns, sizeof(*widths));

	if (!widths || table->out_of_memory)
		return false;
	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = column_width(table, i);
	fputs(ctl_colour(screen, CTL_COLOUR_BOLD), stdout);
	print_cells(table, widths, (char *const *)table->titles);
	printf("%s%s\n", table->titles[table->n_columns - 1],
	       ctl_colour_end(screen, CTL_COLOUR_BOLD));
	for (size_t i = 0; i < table->n_rows; i++)
		print_row(table, widths, &table->rows[i], screen);
	return true;
}
