package load_test

import "testing"

// TestTriggersFillRequiredColumns imports into a table with a column that must not be empty and that only a trigger fills.
func TestTriggersFillRequiredColumns(t *testing.T) {
	b := setupPostgres(t, sizesSchema)
	b.exec(`CREATE TABLE things (code text PRIMARY KEY, size bigint, slug text NOT NULL CHECK (slug <> 'c'))`)
	b.wantConflict(sheetsOf(t, map[string][][]any{"Things": {{"Code"}, {"A"}}}), "its column slug, which the schema does not know, must not be empty")
	b.exec(`CREATE FUNCTION fill() RETURNS trigger AS $$ BEGIN IF new.code <> 'D' THEN new.slug := lower(new.code); END IF; RETURN new; END $$ LANGUAGE plpgsql`,
		`CREATE TRIGGER fill BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION fill()`)
	task, summary := b.run(sheetsOf(t, map[string][][]any{"Things": {{"Code", "Size"}, {"A", 1}, {"B", 2}, {"C", 3}, {"D", 4}}}), upsert)
	if summary.Totals.Inserted != 2 || summary.Totals.Rejected != 2 {
		t.Errorf("the import came to %+v", summary.Totals)
	}
	b.wantIssues(task.Import.ID, "Things!4:4 REFUSED_BY_DATABASE", "Things!5:5 REFUSED_BY_DATABASE")
	if got := b.query(`SELECT string_agg(code || slug, ' ' ORDER BY code) FROM things`); got != "Aa Bb" {
		t.Errorf("the table has %v", got)
	}
}
