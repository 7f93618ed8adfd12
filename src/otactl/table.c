#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define GAP_COLUMNS 2
#define NOTE_INDENT 4
#define NOTHING "-"

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
		row->cells[i] = ctl_clean(texts[i] && *texts[i] ? texts[i] : NOTHING);
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

/* How a table is laid out on its screen. */
struct layout {
	unsigned *widths;
	unsigned used; /* by all columns but the last */
	/* On a narrow terminal the last one has lines of its own. */
	bool last_below;
};

static void print_cells(const struct ctl_table *table,
			const struct layout *layout, char *const *cells)
{
	size_t n = table->n_columns - 1;

	for (size_t i = 0; i < n; i++) {
		bool is_end = layout->last_below && i + 1 == n;

		ctl_put_padded(stdout, cells[i],
			       is_end ? 0 : layout->widths[i] + GAP_COLUMNS);
	}
}

static void print_last(const struct layout *layout, const char *text,
		       const struct ctl_screen *screen)
{
	if (!layout->last_below) {
		ctl_put_hanging(stdout, text, layout->used, screen->columns);
		return;
	}
	putchar('\n');
	if (strcmp(text, NOTHING) != 0)
		ctl_put_wrapped(stdout, text, NOTE_INDENT, screen->columns);
}

static void print_row(const struct ctl_table *table, const struct layout *layout,
		      const struct row *row, const struct ctl_screen *screen)
{
	print_cells(table, layout, row->cells);
	fputs(ctl_colour(screen, row->colour), stdout);
	print_last(layout, row->cells[table->n_columns - 1], screen);
	fputs(ctl_colour_end(screen, row->colour), stdout);
	if (row->note)
		ctl_put_wrapped(stdout, row->note, NOTE_INDENT, screen->columns);
}

static void print_titles(const struct ctl_table *table,
			 const struct layout *layout,
			 const struct ctl_screen *screen)
{
	fputs(ctl_colour(screen, CTL_COLOUR_BOLD), stdout);
	print_cells(table, layout, (char *const *)table->titles);
	printf("%s%s\n",
	       layout->last_below ? "" : table->titles[table->n_columns - 1],
	       ctl_colour_end(screen, CTL_COLOUR_BOLD));
}

static void measure(const struct ctl_table *table,
		    const struct ctl_screen *screen, struct layout *layout)
{
	size_t last = table->n_columns - 1;

	for (size_t i = 0; i <= last; i++) {
		layout->widths[i] = column_width(table, i);
		if (i < last)
			layout->used += layout->widths[i] + GAP_COLUMNS;
	}
	layout->last_below =
		screen->columns > 0 &&
		layout->used + layout->widths[last] > screen->columns &&
		layout->used + CTL_MIN_ROOM >= screen->columns;
}

bool ctl_table_print(const struct ctl_table *table,
		     const struct ctl_screen *screen)
{
	OTA_CLEANUP(freep) unsigned *widths =
		calloc(table->n_columns, sizeof(*widths));
	struct layout layout = { .widths = widths };

	if (!widths || table->out_of_memory)
		return false;
	measure(table, screen, &layout);
	print_titles(table, &layout, screen);
	for (size_t i = 0; i < table->n_rows; i++)
		print_row(table, &layout, &table->rows[i], screen);
	return true;
}
